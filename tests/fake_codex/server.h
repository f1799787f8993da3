// What the fake knows: threads, the requests that wait for an answer, who
// follows which thread. Answers JSON-RPC as the real one does where supervisor
// cares (and `fake/long {bytes}` with as much), and lives on without clients. What happens in a turn is
// turn.cc's.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "boost/json.hpp"
#include "tests/fake_codex/connection.h"

namespace zane::fake_codex {

using Client = std::shared_ptr<Connection>;

// A turn that runs.
struct Turn {
  Turn(loop::Io& io, std::string t, std::string i) : thread(std::move(t)), id(std::move(i)), changed(io) {}
  std::string thread;
  std::string id;
  // JSON-RPC ids of its open requests.
  std::set<int64_t> asked;
  bool interrupted = false;
  loop::Signal changed;
};

struct Thread {
  std::string cwd;
  std::string preview;
  std::shared_ptr<Turn> turn;
  std::vector<std::weak_ptr<Connection>> followers;
};

class Server {
 public:
  // `folder`: CODEX_HOME; answers to requests are appended to responses.log in
  // it, one line each: the process id, a tab, the answer's bytes.
  Server(loop::Io& io, std::filesystem::path folder) : io_(io), folder_(std::move(folder)) {}

  void joined(const Client& client) { clients_.push_back(client); }
  void on_text(const Client& client, std::string_view text);

  // For turns.
  loop::Io& io() { return io_; }
  void tell(const std::string& thread, std::string text);
  void notify(const std::string& thread, std::string_view method, boost::json::object params);
  void ask(const std::shared_ptr<Turn>& turn, std::string_view method, boost::json::object params);
  // Ends the turn as `status`; its open requests are resolved after that.
  void end_turn(const std::shared_ptr<Turn>& turn, std::string_view status);
  void stop_listening();
  // Everything said so far is with the kernel.
  loop::Task<> flushed();

 private:
  struct Request {
    std::shared_ptr<Turn> turn;
    std::shared_ptr<const std::string> text;
  };
  using Params = const boost::json::object&;

  void on_call(const Client& client, std::string_view id, const std::string& method, Params params);
  void on_answer(std::string_view id, std::string_view text);
  void reply(const Client& client, std::string_view id, const boost::json::value& result);
  void start_thread(const Client& client, std::string_view id, Params params);
  void start_turn(const Client& client, std::string_view id, Params params);
  void resume(const Client& client, std::string_view id, Params params);
  boost::json::object describe(const std::string& id) const;
  void resolve(int64_t request);

  loop::Io& io_;
  const std::filesystem::path folder_;
  std::vector<std::weak_ptr<Connection>> clients_;
  std::map<std::string, Thread> threads_;
  std::map<int64_t, Request> requests_;
  int64_t next_request_ = 0;
};

}  // namespace zane::fake_codex
