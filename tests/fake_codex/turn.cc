#include "tests/fake_codex/turn.h"

#include <cstdlib>
#include <sstream>

#include "lib/base/clock.h"

namespace zane::fake_codex {
namespace {

namespace bj = boost::json;

constexpr char kAgentItem[] = "item-agent";

std::vector<std::string> words_of(const std::string& step) {
  std::istringstream in(step);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

int64_t number_at(const std::vector<std::string>& words, size_t at) {
  return at < words.size() ? std::strtoll(words[at].c_str(), nullptr, 10) : 0;
}

void item(Server& server, const Turn& turn, std::string_view method, bj::object item) {
  server.notify(turn.thread, method, {{"turnId", turn.id}, {"item", std::move(item)}});
}

void agent_begins(Server& server, const Turn& turn) {
  item(server, turn, "item/started", {{"id", kAgentItem}, {"type", "agentMessage"}, {"text", ""}});
}

void agent_ends(Server& server, const Turn& turn, std::string_view text) {
  item(server, turn, "item/completed", {{"id", kAgentItem}, {"type", "agentMessage"}, {"text", text}});
}

std::string delta_head(const Turn& turn) {
  return R"({"method":"item/agentMessage/delta","params":{"threadId":")" + turn.thread + R"(","turnId":")" +
         turn.id + R"(","itemId":")" + kAgentItem + R"(","delta":")";
}

std::string delta_tail() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  return "\"},\"emittedAtMs\":" + std::to_string(ms) + "}";
}

// When the timer comes late, what is due goes out together: at 10,000 a second
// a wait is 0.1 ms, and a batch is seldom longer than one millisecond's worth.
loop::Task<> flood(Server& server, std::shared_ptr<Turn> turn, std::vector<std::string> words) {
  const int64_t rate = std::max<int64_t>(1, number_at(words, 1));
  const int64_t count = rate * number_at(words, 3);
  const auto bytes = static_cast<size_t>(number_at(words, 5));
  agent_begins(server, *turn);
  const std::string head = delta_head(*turn);
  const int64_t began = base::steady_ns();
  loop::Timer timer(server.io());
  for (int64_t i = 0; i < count && !turn->interrupted; ++i) {
    const int64_t due = began + i * 1'000'000'000 / rate;
    if (const int64_t wait = due - base::steady_ns(); wait > 0)
      co_await loop::sleep_for(server.io(), std::chrono::nanoseconds(wait));
    std::string text = head + std::to_string(i) + ' ' + std::to_string(base::steady_ns()) + ' ';
    const std::string tail = delta_tail();
    if (text.size() + tail.size() < bytes) text.append(bytes - text.size() - tail.size(), 'x');
    server.tell(turn->thread, text + tail);
  }
  agent_ends(server, *turn, "flooded");
}

void malformed(Server& server, const Turn& turn) {
  server.tell(turn.thread, "this is not JSON");
  server.tell(turn.thread, "[1,2,3]");
  server.tell(turn.thread, "{\"method\":\"cut/off\",\"params\":{");
  server.tell(turn.thread, "{}");
  server.tell(turn.thread, R"({"id":{"odd":true}})");
  server.tell(turn.thread, R"({"id":1,"result":{"again":"a response id that was answered before"}})");
  server.tell(turn.thread, R"({"id":987654321,"result":{"nobody":"asked"}})");
  server.tell(turn.thread, R"({"method":"odd/params","params":[1,2,3]})");
  server.tell(turn.thread, R"({"method":"odd/thread","params":{"threadId":{"not":"text"}}})");
  server.tell(turn.thread, R"({"method":"zane/odd","params":{"threadId":")" + turn.thread +
                               R"(","turnId":")" + turn.id +
                               R"(","odd":[null,{"deep":[[[[]]]]},1e300,"\u0000\ud83d\ude00"]}})");
}

void bad_utf8(Server& server, const Turn& turn) {
  server.tell(turn.thread, delta_head(turn) + "\xff\xfe\x80" + delta_tail());
}

void overlong(Server& server, const Turn& turn, size_t bytes) {
  const std::string head = delta_head(turn);
  const std::string tail = delta_tail();
  server.tell(
      turn.thread,
      head + std::string(bytes > head.size() + tail.size() ? bytes - head.size() - tail.size() : 0, 'x') +
          tail);
}

void ask(Server& server, const std::shared_ptr<Turn>& turn, const std::string& kind, const std::string& id) {
  if (kind == "command") {
    item(server, *turn, "item/started",
         {{"id", id}, {"type", "commandExecution"}, {"command", "touch " + id}, {"status", "inProgress"}});
    server.ask(turn, "item/commandExecution/requestApproval",
               {{"itemId", id},
                {"command", "touch " + id},
                {"cwd", "/"},
                {"reason", "asked by the fake"},
                {"availableDecisions", bj::array{"accept", "cancel"}}});
  } else if (kind == "file") {
    item(server, *turn, "item/started",
         {{"id", id},
          {"type", "fileChange"},
          {"status", "inProgress"},
          {"changes",
           bj::array{bj::object{{"path", "/" + id}, {"kind", {{"type", "add"}}}, {"diff", "one line\n"}}}}});
    server.ask(turn, "item/fileChange/requestApproval", {{"itemId", id}});
  } else if (kind == "permissions") {
    server.ask(turn, "item/permissions/requestApproval",
               {{"itemId", id}, {"cwd", "/"}, {"permissions", {{"network", {{"enabled", true}}}}}});
  } else if (kind == "input") {
    server.ask(turn, "item/tool/requestUserInput",
               {{"itemId", id},
                {"questions",
                 bj::array{bj::object{{"id", "q"}, {"header", "Which?"}, {"question", "Which one?"}}}}});
  } else {
    server.ask(turn, "item/whatever/requestApproval", {{"itemId", id}, {"what", bj::array{1, nullptr, "?"}}});
  }
}

loop::Task<> approve(Server& server, std::shared_ptr<Turn> turn, std::vector<std::string> words) {
  for (size_t i = 1; i < words.size(); ++i) ask(server, turn, words[i], "item-" + std::to_string(i));
  while (!turn->asked.empty() && !turn->interrupted) co_await turn->changed.wait();
}

loop::Task<> act(Server& server, std::shared_ptr<Turn> turn, std::string step) {
  const auto words = words_of(step);
  const std::string verb = words.empty() ? "" : words[0];
  if (verb == "flood") {
    co_await flood(server, turn, words);
  } else if (verb == "malformed") {
    malformed(server, *turn);
  } else if (verb == "bad") {
    bad_utf8(server, *turn);
  } else if (verb == "overlong") {
    overlong(server, *turn, static_cast<size_t>(number_at(words, 1)));
  } else if (verb == "approve") {
    co_await approve(server, turn, words);
  } else if (verb == "hold") {
    while (!turn->interrupted) co_await turn->changed.wait();
  } else if (verb == "stop") {
    server.stop_listening();
  } else if (verb == "crash") {
    co_await server.flushed();
    std::_Exit(1);
  } else {
    agent_begins(server, *turn);
    agent_ends(server, *turn, step);
  }
}

}  // namespace

loop::Task<> play(Server& server, std::shared_ptr<Turn> turn, std::string prompt) {
  std::istringstream steps(prompt);
  for (std::string step; std::getline(steps, step, ';') && !turn->interrupted;)
    co_await act(server, turn, step);
  server.end_turn(turn, turn->interrupted ? "interrupted" : "completed");
}

}  // namespace zane::fake_codex
