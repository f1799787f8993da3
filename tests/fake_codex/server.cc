#include "tests/fake_codex/server.h"

#include <unistd.h>

#include <charconv>
#include <fstream>

#include "boost/asio/post.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "lib/base/clock.h"
#include "lib/crypto/hash.h"
#include "lib/json/scan.h"
#include "lib/json/strict.h"
#include "tests/fake_codex/turn.h"

namespace zane::fake_codex {
namespace {

namespace bj = boost::json;

constexpr int kMethodNotFound = -32601;
constexpr int kInvalidParams = -32602;

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string text_at(const bj::object& object, std::string_view key) {
  return std::string(json::string_at(object, key).value_or(""));
}

std::string prompt_of(const bj::object& params) {
  const auto* input = json::array_at(params, "input");
  return input && !input->empty() && input->front().is_object() ? text_at(input->front().as_object(), "text")
                                                                : "";
}

std::shared_ptr<const std::string> failure(std::string_view id, int code, std::string_view message) {
  return std::make_shared<const std::string>(
      "{\"id\":" + std::string(id) +
      ",\"error\":" + bj::serialize(bj::object{{"code", code}, {"message", message}}) + "}");
}

}  // namespace

void Server::on_text(const Client& client, std::string_view text) {
  const auto body = json::parse_object(text);
  if (!body.ok()) return;
  const auto id = json::member_bytes(text, "id");
  const std::string method = text_at(*body, "method");
  if (method.empty()) {
    if (id) on_answer(*id, text);
    return;
  }
  const auto* params = json::object_at(*body, "params");
  if (id) on_call(client, *id, method, params ? *params : bj::object());
}

void Server::on_call(const Client& client, std::string_view id, const std::string& method, Params params) {
  const bj::object empty_page{{"data", bj::array()}, {"nextCursor", nullptr}};
  if (method == "initialize") {
    reply(client, id, {{"userAgent", "zane/0.0.0-fake (a test double)"}, {"codexHome", folder_.string()}});
  } else if (method == "thread/loaded/list" || method == "thread/list") {
    bj::array data;
    for (const auto& [thread, facts] : threads_)
      data.push_back(method == "thread/list" ? bj::value(describe(thread)) : bj::value(thread));
    reply(client, id, {{"data", data}, {"nextCursor", nullptr}});
  } else if (method == "thread/start") {
    start_thread(client, id, params);
  } else if (method == "thread/resume") {
    resume(client, id, params);
  } else if (method == "thread/read" && threads_.contains(text_at(params, "threadId"))) {
    reply(client, id, {{"thread", describe(text_at(params, "threadId"))}});
  } else if (method == "thread/turns/list" || method == "thread/items/list" || method == "model/list") {
    reply(client, id, empty_page);
  } else if (method == "turn/start") {
    start_turn(client, id, params);
  } else if (method == "turn/interrupt") {
    const auto thread = threads_.find(text_at(params, "threadId"));
    if (thread != threads_.end() && thread->second.turn) {
      thread->second.turn->interrupted = true;
      thread->second.turn->changed.raise();
    }
    reply(client, id, bj::object());
  } else if (method == "process/spawn") {
    reply(client, id, bj::object());
    const bj::object exited{{"processHandle", text_at(params, "processHandle")}, {"exitCode", 0}};
    client->send(std::make_shared<const std::string>(
        bj::serialize(bj::object{{"method", "process/exited"}, {"params", exited}})));
  } else if (method == "fake/long") {
    reply(client, id,
          {{"text", std::string(static_cast<size_t>(json::int_at(params, "bytes").value_or(0)), 'x')}});
  } else {
    client->send(failure(id, kMethodNotFound, "the fake does not know `" + method + "`"));
  }
}

void Server::reply(const Client& client, std::string_view id, const bj::value& result) {
  client->send(std::make_shared<const std::string>("{\"id\":" + std::string(id) +
                                                   ",\"result\":" + bj::serialize(result) + "}"));
}

bj::object Server::describe(const std::string& id) const {
  const Thread& thread = threads_.at(id);
  return {{"id", id},
          {"preview", thread.preview},
          {"cwd", thread.cwd},
          {"status", {{"type", thread.turn ? "active" : "idle"}}},
          {"updatedAt", now_ms() / 1000},
          {"turns", bj::array()}};
}

void Server::start_thread(const Client& client, std::string_view id, Params params) {
  const std::string thread = crypto::fresh_id();
  threads_[thread].cwd = text_at(params, "cwd");
  threads_[thread].followers.push_back(client);
  const bj::object said{{"thread", describe(thread)}};
  const auto started = std::make_shared<const std::string>(
      bj::serialize(bj::object{{"method", "thread/started"}, {"params", said}}));
  for (const auto& weak : clients_)
    if (const auto other = weak.lock()) other->send(started);
  reply(client, id, said);
}

void Server::resume(const Client& client, std::string_view id, Params params) {
  const auto thread = threads_.find(text_at(params, "threadId"));
  if (thread == threads_.end()) return client->send(failure(id, kInvalidParams, "no such thread"));
  auto& followers = thread->second.followers;
  std::erase_if(followers, [&](const auto& weak) { return weak.expired() || weak.lock() == client; });
  followers.push_back(client);
  reply(client, id, {{"thread", describe(thread->first)}});
  for (const auto& [number, request] : requests_)
    if (request.turn->thread == thread->first) client->send(request.text);
}

void Server::start_turn(const Client& client, std::string_view id, Params params) {
  const auto thread = threads_.find(text_at(params, "threadId"));
  if (thread == threads_.end()) return client->send(failure(id, kInvalidParams, "no such thread"));
  if (thread->second.turn) return client->send(failure(id, kInvalidParams, "a turn runs already"));
  const auto turn = std::make_shared<Turn>(io_, thread->first, crypto::fresh_id());
  thread->second.turn = turn;
  const std::string prompt = prompt_of(params);
  if (thread->second.preview.empty()) thread->second.preview = prompt;
  const bj::object said{{"id", turn->id}, {"status", "inProgress"}, {"items", bj::array()}};
  reply(client, id, {{"turn", said}});
  notify(turn->thread, "turn/started", {{"turn", said}});
  loop::spawn(io_, "turn", play(*this, turn, prompt));
}

void Server::end_turn(const std::shared_ptr<Turn>& turn, std::string_view status) {
  notify(turn->thread, "turn/completed",
         {{"turn", {{"id", turn->id}, {"status", status}, {"items", bj::array()}}}});
  for (const int64_t request : std::set<int64_t>(turn->asked)) resolve(request);
  threads_.at(turn->thread).turn.reset();
}

void Server::tell(const std::string& thread, std::string text) {
  const auto shared = std::make_shared<const std::string>(std::move(text));
  for (const auto& weak : threads_.at(thread).followers)
    if (const auto client = weak.lock()) client->send(shared);
}

void Server::notify(const std::string& thread, std::string_view method, bj::object params) {
  params["threadId"] = thread;
  tell(thread, bj::serialize(bj::object{{"method", method}, {"params", params}, {"emittedAtMs", now_ms()}}));
}

void Server::ask(const std::shared_ptr<Turn>& turn, std::string_view method, bj::object params) {
  const int64_t id = next_request_++;
  params["threadId"] = turn->thread;
  params["turnId"] = turn->id;
  Request request{turn, std::make_shared<const std::string>(bj::serialize(
                            bj::object{{"id", id}, {"method", method}, {"params", std::move(params)}}))};
  turn->asked.insert(id);
  tell(turn->thread, *request.text);
  requests_.emplace(id, std::move(request));
}

void Server::on_answer(std::string_view id, std::string_view text) {
  std::ofstream(folder_ / "responses.log", std::ios::app | std::ios::binary)
      << ::getpid() << '\t' << text << '\n';
  int64_t number = -1;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error == std::errc() && end == id.data() + id.size()) resolve(number);
}

void Server::resolve(int64_t request) {
  const auto found = requests_.find(request);
  if (found == requests_.end()) return;
  const auto turn = found->second.turn;
  requests_.erase(found);
  turn->asked.erase(request);
  // With the time at which the answer came, for bench/.
  notify(turn->thread, "serverRequest/resolved", {{"requestId", request}, {"steadyNs", base::steady_ns()}});
  turn->changed.raise();
}

void Server::stop_listening() {
  for (const auto& weak : clients_)
    if (const auto client = weak.lock()) client->stop_listening();
}

loop::Task<> Server::flushed() {
  const auto busy = [](const std::weak_ptr<Connection>& weak) {
    const auto client = weak.lock();
    return client && !client->idle();
  };
  while (std::any_of(clients_.begin(), clients_.end(), busy))
    co_await boost::asio::post(io_, boost::asio::use_awaitable);
}

}  // namespace zane::fake_codex
