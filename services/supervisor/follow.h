// Which threads supervisor follows: those of its own and, by `thread/resume`,
// those that others begin (the desk, another client). A new connection resumes
// every loaded thread, which repeats the pending requests. A resume that fails
// is tried again; it is known of each thread whether it was resumed in this
// session. On the loop.
#pragma once

#include <map>
#include <set>
#include <string>

#include "services/supervisor/codex.h"
#include "services/supervisor/powers.h"

namespace zane::supervisor {

// Loaded threads looked at when a connection begins.
inline constexpr size_t kLoadedThreadsMax = 5000;

class Follow {
 public:
  struct Resumed {
    std::string thread;
    std::string status;         // Codex's status type
    bool waits = false;         // … and that it waits for a person
    int64_t updated_at_ms = 0;  // Codex's word, in whole seconds
    int64_t last_seen_ms = 0;   // ours, before this; 0 for never
  };
  using OnResumed = std::function<void(const Resumed&)>;

  // References outlive it. `on_resumed`: each time, also for threads begun elsewhere.
  Follow(loop::Io& io, Codex& codex, Powers& powers, OnResumed on_resumed)
      : io_(io), codex_(codex), powers_(powers), on_resumed_(std::move(on_resumed)) {}

  // Resumes every loaded thread, once each; those that fail are tried again later.
  loop::Task<> resume_loaded(std::shared_ptr<const Session> session);

  // A `thread/started` was seen: follow it, unless this connection made it.
  void announced(const std::string& thread);
  void is_ours(const std::string& thread) {
    followed_.insert(thread);
    resumed_.insert(thread);
  }
  // Its resume has succeeded in this session, or this session made it.
  [[nodiscard]] bool follows(const std::string& thread) const { return resumed_.contains(thread); }

  // Brackets a call that makes a thread: its announcement comes before its answer.
  void making_begins() { ++making_; }
  void making_ends();

 private:
  loop::Task<bool> resume(std::shared_ptr<const Session> session, std::string thread);
  loop::Task<> resume_until_it_works(std::shared_ptr<const Session> session, std::string thread);
  loop::Task<bool> list_loaded(std::shared_ptr<const Session> session, std::set<std::string>& threads);
  void follow_announced();

  loop::Io& io_;
  Codex& codex_;
  Powers& powers_;
  OnResumed on_resumed_;
  // Followed, or on the way to be.
  std::set<std::string> followed_;
  std::set<std::string> resumed_;
  std::set<std::string> announced_;
  // Told in this session.
  std::set<std::string> not_followed_;
  int making_ = 0;
};

}  // namespace zane::supervisor
