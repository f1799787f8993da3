// Outwards: what Codex says and what supervisor says itself becomes an event of
// the journal, is committed, and only then published (design §2). The one place
// that appends. Station 2 and 3 of docs/paths.md. On the loop.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "boost/json.hpp"
#include "lib/base/clock.h"
#include "lib/bus/bus.h"
#include "lib/bus/events.h"
#include "lib/journal/journal.h"
#include "services/supervisor/approvals.h"
#include "services/supervisor/transport.h"

namespace zane::supervisor {

// Supervisor's own words: JSON with the same fields as a notification of Codex's.
struct OwnWords {
  std::string kind;  // Event.kind: "recovered" or "zane"
  journal::Level level = journal::Level::kThread;
  std::string thread, turn, item, method;
  boost::json::object params;
};

class Outward final : public Teller {
 public:
  // References outlive it. `trace_of_turn`: of the order that began a turn, or "".
  // `on_disk`: what keeps the journal from being written, "" once it is.
  Outward(bus::Node& node, journal::Journal& journal, const base::Clock& clock,
          std::function<std::string(const std::string&)> trace_of_turn,
          std::function<v1::CodexState()> codex_state, std::function<void(const std::string&)> on_disk);

  void codex_said(const CodexMessage& message, const Incoming& incoming);
  void say(const OwnWords& words);
  void tell(const std::function<void(v1::Event&)>& fill) override;

  // At the end of this turn of the loop: what came in one read shares a commit.
  void schedule_flush();
  void flush();
  void publish_state();

  // Called with each published event until the returned token is dropped.
  using Listener = std::function<void(const std::shared_ptr<const v1::Event>&)>;
  std::shared_ptr<Listener> listen(Listener listener);

 private:
  void publish(v1::Event event);

  bus::Node& node_;
  journal::Journal& journal_;
  const base::Clock& clock_;
  std::function<std::string(const std::string&)> trace_of_turn_;
  std::function<v1::CodexState()> codex_state_;
  std::function<void(const std::string&)> on_disk_;
  bool troubled_ = false;
  bus::Publisher publisher_;
  std::vector<std::weak_ptr<Listener>> listeners_;
  loop::Timer flush_due_;
  bool flush_scheduled_ = false;
};

}  // namespace zane::supervisor
