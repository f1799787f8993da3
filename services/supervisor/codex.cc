#include "services/supervisor/codex.h"

#include <utility>

#include "lib/base/clock.h"
#include "lib/crypto/hash.h"
#include "lib/json/strict.h"
#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

using std::chrono::milliseconds;

// So many had to be started in a row, none with a good life: a crash loop.
constexpr int kQuickStarts = 5;
// So many probes in a row unanswered: it hangs.
constexpr int kMissedProbes = 3;

constexpr milliseconds kSoonLook{20};

int64_t ns(milliseconds time) { return std::chrono::nanoseconds(time).count(); }

}  // namespace

std::string initialize_params() {
  return R"({"clientInfo":{"name":"zane","title":"Zane","version":")" ZANE_RELEASE
         R"("},"capabilities":{"experimentalApi":true}})";
}

Codex::Codex(loop::Io& io, const base::Home& home, const config::Config& config, Transport& transport,
             CodexHost& host, CodexTimes times)
    : io_(io),
      home_(home),
      config_(config),
      transport_(transport),
      host_(host),
      times_(times),
      socket_path_(config.codex.socket.empty() ? home.socket("codex.sock")
                                               : std::filesystem::path(config.codex.socket)),
      rpc_(io, transport) {}

v1::CodexState Codex::state() const {
  v1::CodexState state;
  state.set_state(state_);
  state.set_version(version_);
  state.set_codex_home(codex_home_);
  state.set_message(message_);
  state.set_session(session_ ? session_->id : "");
  state.set_instance(instance());
  state.set_logged_out(logged_out_);
  state.set_age_ms(proof_ns_ == 0 ? -1 : (base::steady_ns() - proof_ns_) / 1000000);
  return state;
}

void Codex::set_state(const std::string& state, const std::string& message) {
  if (state == state_ && message == message_) return;
  state_ = state;
  message_ = message;
  if (state == "ready")
    log::info("codex_ready", {{"version", version_}, {"instance", instance()}});
  else
    log::warn("codex_state", {{"state", state}, {"message", message}});
  if (events_.on_state) events_.on_state();
}

loop::Task<> Codex::run(Events events) {
  events_ = std::move(events);
  loop::spawn(io_, "codex_probe", probe());
  while (!detached_) {
    const int64_t began = base::steady_ns();
    absl::Status status = co_await connect_or_start();
    bool was_ready = false;
    if (status.ok()) {
      loop::spawn(io_, "codex_prepare", prepare(++connection_));
      status = co_await transport_.run([this](const Incoming& incoming) { on_incoming(incoming); });
      was_ready = session_ != nullptr;
      over();
    }
    if (detached_) co_return;
    const bool lived = base::steady_ns() - began > ns(times_.good_life);
    if (base::steady_ns() - started_ns_ > ns(times_.good_life)) starts_ = 0;
    // A process lets go of its socket a moment before it has ended.
    if (was_ready && child_ > 0) co_await loop::sleep_for(io_, times_.connect_poll);
    std::string how;
    if (host_.has_ended(child_, how)) {
      child_ = -1;
      status = absl::UnavailableError("codex ended (" + how + "): " + host_.last_words());
      events_.on_ended(how);
    }
    failures_ = lived ? 0 : failures_ + 1;
    const bool lives = host_.living().has_value();
    if (absl::IsDeadlineExceeded(status))
      set_state("stuck", hangs());
    else if (absl::IsAborted(status))
      set_state("unreachable", std::string(status.message()));
    else if (absl::IsUnavailable(status) && starts_ >= kQuickStarts && !lives)
      set_state("crash-loop", std::string(status.message()) + loop_cure());
    else
      set_state("down", std::string(status.message()));
    co_await loop::sleep_for(io_, next_pause(was_ready && (lives || starts_ == 0)));
  }
}

void Codex::over() {
  rpc_.lose_calls();
  if (!session_) return;
  session_->alive = false;
  prepared_ = false;
  session_.reset();
  events_.on_lost();
}

std::string Codex::hangs() const {
  const auto pid = transport_.peer_pid();
  const std::string which = pid > 0 ? "codex (pid " + std::to_string(pid) + ")" : "codex";
  return which +
         " takes connections but does not answer; its turns may still be there. If it stays so, end it with "
         "`kill " +
         (pid > 0 ? std::to_string(pid) : "PID") + "`: Zane then starts it again";
}

std::string Codex::loop_cure() const {
  return ": see " + (home_.root() / "log" / "codex.log").string() +
         " and try `codex app-server` by hand; Zane tries again every " +
         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(times_.longest_pause).count()) +
         " s at least";
}

// A wire that is cut again and again costs a second each time; a Codex that dies
// again and again, or is not there, is looked for ever more rarely.
milliseconds Codex::next_pause(bool only_cut) const {
  const auto longest = only_cut ? times_.longest_pause_cut : times_.longest_pause;
  return std::min(longest, times_.first_pause * (1 << std::min(failures_, 8)));
}

loop::Task<absl::Status> Codex::connect_or_start() {
  auto attached = co_await transport_.connect(socket_path_);
  if (attached.ok()) {
    log::info("codex_attached", {{"socket", socket_path_.string()}, {"pid", transport_.peer_pid()}});
    if (config_.codex.socket.empty()) host_.note(transport_.peer_pid());
    co_return attached;
  }
  if (absl::IsDeadlineExceeded(attached)) co_return attached;
  if (!config_.codex.socket.empty())
    co_return absl::UnavailableError(std::string(attached.message()) +
                                     ": start that Codex, or remove `socket` under [codex] in " +
                                     home_.config_file().string());
  // Only "nobody listens" can mean that it has ended; anything else is our own trouble.
  if (!absl::IsNotFound(attached))
    co_return absl::AbortedError(std::string(attached.message()) +
                                 ": Codex may well live; Zane starts no second one and tries again");
  if (const auto pid = host_.living())
    co_return absl::AbortedError("codex (pid " + std::to_string(*pid) +
                                 ") lives, but its socket is gone (a cleaner of temporary folders does "
                                 "that): it goes on with its turns "
                                 "and can't be reached. Wait until they are done, then end it with `kill " +
                                 std::to_string(*pid) +
                                 "`: Zane then starts it again. It starts no second one beside it");
  events_.on_ended("it is gone");
  co_return co_await start();
}

loop::Task<absl::Status> Codex::start() {
  // The one before may have taken a moment to end: it is to leave no zombie.
  std::string unused;
  (void)host_.has_ended(child_, unused);
  const auto pid = host_.start();
  if (!pid.ok()) co_return pid.status();
  child_ = *pid;
  ++starts_;
  started_ns_ = base::steady_ns();
  const int64_t until = base::steady_ns() + ns(times_.start);
  absl::Status connected = absl::UnavailableError("not tried");
  while (base::steady_ns() < until && !detached_) {
    co_await loop::sleep_for(io_, times_.connect_poll);
    connected = co_await transport_.connect(socket_path_);
    if (connected.ok()) {
      host_.note(child_);
      co_return connected;
    }
    std::string how;
    if (host_.has_ended(child_, how)) {
      child_ = -1;
      co_return absl::UnavailableError("codex ended at start (" + how + "): " + host_.last_words());
    }
  }
  host_.note(child_);
  co_return absl::DeadlineExceededError(std::string(connected.message()));
}

// Belongs to one connection: once that is over it changes nothing.
loop::Task<> Codex::prepare(int64_t connection) {
  const auto session = std::make_shared<Session>();
  session->id = crypto::fresh_id();
  session->instance = transport_.instance();
  missed_probes_ = 0;
  const auto status = co_await initialize();
  if (!status.ok()) {
    log::warn("codex_initialize_failed", {{"error", status.message()}});
    if (connection == connection_) transport_.close();
    co_return;
  }
  session_ = session;
  co_await events_.on_ready(session);
  if (!session->alive) co_return;
  prepared_ = true;
  set_state("ready", "");
  loop::spawn(io_, "codex_account", look_at_account(session));
}

// Every turn would fail without an account, and say so in its own words only then.
loop::Task<> Codex::look_at_account(std::shared_ptr<const Session> session) {
  const auto reply = co_await rpc_.call("account/read", "{}", times_.call);
  if (!session->alive || !reply.ok() || !reply->ok) co_return;
  const auto answer = json::parse_object(reply->bytes);
  if (!answer.ok()) co_return;
  const auto* account = answer->if_contains("account");
  const auto* needs_one = answer->if_contains("requiresOpenaiAuth");
  const bool out =
      (!account || account->is_null()) && needs_one && needs_one->is_bool() && needs_one->as_bool();
  if (out == logged_out_) co_return;
  logged_out_ = out;
  if (out) log::warn("codex_logged_out", {{"cure", "codex login"}});
  if (events_.on_state) events_.on_state();
}

loop::Task<absl::Status> Codex::initialize() {
  auto reply = co_await rpc_.call("initialize", initialize_params(), times_.initialize);
  if (!reply.ok()) co_return reply.status();
  if (!reply->ok) co_return absl::FailedPreconditionError("codex refused `initialize`: " + reply->bytes);
  const auto result = json::parse_object(reply->bytes);
  if (!result.ok()) co_return result.status();
  // "zane/0.169.0 (…)": the version is the word after our own name's slash.
  const std::string agent(json::string_at(*result, "userAgent").value_or(""));
  const size_t slash = agent.find('/');
  version_ = slash == std::string::npos ? agent : agent.substr(slash + 1, agent.find(' ', slash) - slash - 1);
  codex_home_ = json::string_at(*result, "codexHome").value_or("");
  if (!transport_.send(R"({"method":"initialized"})"))
    co_return absl::UnavailableError("the connection ended during `initialize`");
  co_return absl::OkStatus();
}

// A stopped Codex keeps its socket open: only an answer proves that it lives.
loop::Task<> Codex::probe() {
  bool at_once = false;
  for (;;) {
    if (!std::exchange(at_once, false)) co_await loop::sleep_for(io_, times_.probe);
    const auto session = session_;
    if (!session || transport_.held()) continue;
    if (base::steady_ns() - proof_ns_ > ns(times_.probe)) {
      const int64_t asked_ns = base::steady_ns();
      const int64_t holds = holds_;
      const auto answered = co_await rpc_.call("thread/loaded/list", "{\"limit\":1}", times_.probe);
      const bool silent = !answered.ok() && proof_ns_ < asked_ns;
      // While it is held we don't hear it: that it says nothing is no word about it.
      if (!session->alive || (silent && holds != holds_)) continue;
      missed_probes_ = silent ? missed_probes_ + 1 : 0;
      // It has waited already.
      at_once = silent && absl::IsUnknown(answered.status()) && missed_probes_ < kMissedProbes;
      if (missed_probes_ >= kMissedProbes) {
        set_state("stuck", hangs());
        rpc_.give_up(times_.call_to_stuck);
      }
    } else {
      missed_probes_ = 0;
    }
    if (missed_probes_ == 0 && prepared_ && state_ == "stuck") set_state("ready", "");
    if (events_.on_state) events_.on_state();
  }
}

void Codex::hold(bool held) {
  if (held != transport_.held()) ++holds_;
  transport_.hold(held);
}

loop::Task<bool> Codex::ready_soon() {
  const auto until = loop::Timer::clock_type::now() + times_.patience;
  while (!session_ && (state_ == "starting" || state_ == "down" || state_ == "ready") &&
         loop::Timer::clock_type::now() < until)
    co_await loop::sleep_for(io_, kSoonLook);
  // What is handed to one that hangs nobody can take back.
  const bool hangs = missed_probes_ >= kMissedProbes;
  co_return session_ && !hangs;
}

loop::Task<absl::StatusOr<CodexReply>> Codex::call(std::string_view method, std::string_view params,
                                                   std::optional<milliseconds> deadline, Rpc::Late late) {
  if (!session_)
    co_return absl::UnavailableError("codex is not running: " + (message_.empty() ? state_ : message_));
  co_return co_await rpc_.call(method, params, deadline.value_or(times_.call), std::move(late));
}

void Codex::detach() {
  detached_ = true;
  transport_.close();
}

void Codex::on_incoming(const Incoming& incoming) {
  proof_ns_ = incoming.read_ns;
  auto message = incoming.cut ? read_broken_message(incoming.raw) : read_codex_message(incoming.raw);
  if (!message.ok()) {
    log::warn("codex_message_refused",
              {{"why", message.status().message()},
               {"bytes", incoming.raw.size()},
               {"count", ++bad_messages_},
               {"cure", "the message is skipped; if this repeats, update Codex or Zane"}});
    return;
  }
  if (message->kind == CodexMessage::Kind::kResponse)
    (void)rpc_.on_response(*message, incoming);
  else
    events_.on_message(*message, incoming);
  if (message->method == "account/updated" && session_)
    loop::spawn(io_, "codex_account", look_at_account(session_));
}

}  // namespace zane::supervisor
