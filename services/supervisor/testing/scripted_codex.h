// An app-server that does what a test says: the transport and the host of Codex
// as things that refuse, fall silent, drop, repeat, cut and answer with errors.
// For tests alone.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "boost/asio/post.hpp"
#include "boost/json.hpp"
#include "services/supervisor/codex_host.h"
#include "services/supervisor/transport.h"

namespace zane::supervisor::testing {

class ScriptedTransport final : public Transport {
 public:
  explicit ScriptedTransport(loop::Io& io) : io_(io), news_(io) {}

  // What the next connects come to; when there is none left: connected.
  std::deque<absl::Status> connects;
  std::string its_instance = "codex-1";
  int64_t pid = 4711;
  int connections = 0;
  // Every message that was sent, on all connections.
  std::vector<boost::json::object> sent;
  // Answers a call; nothing: no answer ever comes. Called with method and params.
  using Answer = std::function<std::optional<std::string>(const std::string&, const boost::json::object&)>;
  Answer answer = [](const std::string&, const boost::json::object&) {
    return std::optional<std::string>("{}");
  };
  // Calls that are answered with an error: its JSON by method.
  std::map<std::string, std::string> errors;
  // Called for each call before it is answered.
  std::function<void(const std::string& method)> on_call;

  // Codex says this now; the loop hands it on.
  void say(std::string raw, bool cut = false) {
    incoming_.push_back({std::move(raw), cut});
    news_.raise();
  }
  // The connection ends.
  void drop() {
    open_ = false;
    news_.raise();
  }
  [[nodiscard]] bool open() const { return open_; }

  loop::Task<absl::Status> connect(const std::filesystem::path&) override {
    ++connections;
    if (!connects.empty()) {
      const absl::Status status = connects.front();
      connects.pop_front();
      if (!status.ok()) co_return status;
    }
    open_ = true;
    held_ = false;
    incoming_.clear();
    co_return absl::OkStatus();
  }
  loop::Task<absl::Status> run(OnMessage on_message) override {
    while (open_ || !incoming_.empty()) {
      if (!open_) break;
      if (incoming_.empty() || held_) {
        co_await news_.wait();
        continue;
      }
      const auto next = incoming_.front();
      incoming_.pop_front();
      on_message({next.first, next.second, 1});
    }
    co_return absl::UnavailableError("the scripted connection ended");
  }
  bool send(std::string message) override {
    if (!open_) return false;
    auto object = boost::json::parse(message).as_object();
    sent.push_back(object);
    if (!object.contains("method") || !object.contains("id")) return true;
    const std::string method(object.at("method").as_string());
    if (on_call) on_call(method);
    if (!open_) return true;
    const std::string head = "{\"id\":" + boost::json::serialize(object.at("id"));
    if (const auto error = errors.find(method); error != errors.end()) {
      say(head + ",\"error\":" + error->second + "}");
      return true;
    }
    const auto result = answer(method, object.at("params").as_object());
    if (result) say(head + ",\"result\":" + *result + "}");
    return true;
  }
  void hold(bool held) override {
    held_ = held;
    news_.raise();
  }
  [[nodiscard]] bool held() const override { return held_; }
  void close() override { drop(); }
  [[nodiscard]] const std::string& instance() const override { return its_instance; }
  [[nodiscard]] int64_t peer_pid() const override { return pid; }

 private:
  loop::Io& io_;
  loop::Signal news_;
  bool open_ = false;
  bool held_ = false;
  std::deque<std::pair<std::string, bool>> incoming_;
};

class ScriptedHost final : public CodexHost {
 public:
  int starts = 0;
  absl::StatusOr<int> next_start = 100;
  std::optional<int64_t> alive;
  bool ended = false;
  absl::StatusOr<int> start() override {
    ++starts;
    return next_start;
  }
  bool has_ended(int, std::string& how) override {
    how = "exit code 1";
    return std::exchange(ended, false);
  }
  std::string last_words() override { return "last words"; }
  void note(int64_t) override {}
  std::optional<int64_t> living() override { return alive; }
};

}  // namespace zane::supervisor::testing
