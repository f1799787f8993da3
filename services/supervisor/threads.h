// Which threads supervisor follows: those of its own and, by `thread/resume`,
// those that others begin (the desk, another client). A new connection to the
// same Codex resumes every loaded thread, which repeats the pending requests.
#pragma once

#include <set>
#include <string>

#include "services/supervisor/codex.h"

namespace zane::supervisor {

// Loaded threads looked at when a connection begins.
inline constexpr size_t kLoadedThreadsMax = 2000;

class Threads {
 public:
  Threads(loop::Io& io, Codex& codex) : io_(io), codex_(codex) {}

  // Resumes every loaded thread; when it returns, what is pending has come.
  loop::Task<> resume_loaded();

  // A `thread/started` was seen: follow it, unless this connection made it.
  void announced(const std::string& thread);
  void is_ours(const std::string& thread) { followed_.insert(thread); }

  // The folder and writable roots, as Codex knows them now.
  loop::Task<v1::ThreadFacts> facts(std::string thread);

  // Brackets a call that makes a thread: its announcement comes before its answer.
  void making_begins() { ++making_; }
  void making_ends();

 private:
  loop::Task<> follow(std::string thread);
  void follow_announced();

  loop::Io& io_;
  Codex& codex_;
  std::set<std::string> followed_;
  std::set<std::string> announced_;
  int making_ = 0;
};

}  // namespace zane::supervisor
