#include "services/supervisor/codex.h"

#include "lib/base/clock.h"
#include "lib/crypto/hash.h"
#include "lib/json/scan.h"
#include "lib/json/strict.h"
#include "lib/log/log.h"

namespace zane::supervisor {
namespace {

using std::chrono::milliseconds;

// A start that takes longer has failed; 0.3 s is usual.
constexpr std::chrono::seconds kStartDeadline{20};
constexpr milliseconds kConnectPoll{50};
constexpr milliseconds kFirstPause{200};
constexpr milliseconds kLongestPause{30000};
// So many ends in a row without a minute of life: a crash loop.
constexpr int kQuickEnds = 5;
constexpr std::chrono::seconds kProbeEvery{5};

std::string initialize_params() {
  return R"({"clientInfo":{"name":"zane","title":"Zane","version":")" ZANE_RELEASE
         R"("},"capabilities":{"experimentalApi":true}})";
}

}  // namespace

Codex::Codex(loop::Io& io, const base::Home& home, const config::Config& config)
    : io_(io),
      home_(home),
      config_(config),
      socket_path_(config.codex.socket.empty() ? home.socket("codex.sock")
                                               : std::filesystem::path(config.codex.socket)),
      socket_(io) {}

v1::CodexState Codex::state() const {
  v1::CodexState state;
  state.set_state(state_);
  state.set_version(version_);
  state.set_codex_home(codex_home_);
  state.set_message(message_);
  state.set_session(session_);
  state.set_instance(ready_ ? socket_.instance() : "");
  state.set_age_ms(proof_ns_ == 0 ? -1 : (base::steady_ns() - proof_ns_) / 1000000);
  return state;
}

void Codex::set_state(const std::string& state, const std::string& message) {
  if (state == state_ && message == message_) return;
  state_ = state;
  message_ = message;
  if (state == "ready")
    log::info("codex_ready", {{"version", version_}, {"instance", socket_.instance()}});
  else
    log::warn("codex_state", {{"state", state}, {"message", message}});
  if (events_.on_state) events_.on_state();
}

loop::Task<> Codex::run(Events events) {
  events_ = std::move(events);
  loop::spawn(io_, "codex_probe", probe());
  for (;;) {
    const int64_t began = base::steady_ns();
    absl::Status status = co_await connect_or_start();
    if (status.ok()) {
      loop::spawn(io_, "codex_prepare", prepare());
      status = co_await socket_.run([this](std::string_view raw, int64_t read_ns) { on_raw(raw, read_ns); });
    }
    ready_ = false;
    lose_calls();
    const bool lived = base::steady_ns() - began > int64_t{60} * 1000 * 1000 * 1000;
    quick_ends_ = lived ? 0 : quick_ends_ + 1;
    std::string how;
    if (has_ended(child_, how)) {
      child_ = -1;
      status = absl::UnavailableError("codex ended (" + how + "): " + last_words(home_));
      events_.on_ended(how);
    }
    // A Codex that is not there at all is down, however often it is looked for.
    const bool looping = quick_ends_ >= kQuickEnds && !absl::IsNotFound(status);
    set_state(looping ? "crash-loop" : "down", std::string(status.message()) + (looping ? loop_cure() : ""));
    co_await loop::sleep_for(io_, next_pause(lived));
  }
}

std::string Codex::loop_cure() const {
  return ": see " + (home_.root() / "log" / "codex.log").string() +
         " and try `codex app-server` by hand; Zane tries again every " +
         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(kLongestPause).count()) +
         " s at least";
}

milliseconds Codex::next_pause(bool lived) {
  if (lived) return kFirstPause;
  return std::min(kLongestPause, kFirstPause * (1 << std::min(quick_ends_, 8)));
}

loop::Task<absl::Status> Codex::connect_or_start() {
  auto attached = co_await socket_.connect(socket_path_);
  if (attached.ok()) {
    log::info("codex_attached", {{"socket", socket_path_.string()}});
    co_return attached;
  }
  if (!config_.codex.socket.empty())
    co_return absl::UnavailableError(std::string(attached.message()) +
                                     ": start that Codex, or remove `socket` under [codex] in " +
                                     home_.config_file().string());
  if (absl::IsNotFound(attached) && events_.on_gone) events_.on_gone();
  co_return co_await start();
}

loop::Task<absl::Status> Codex::start() {
  const auto program = codex_program(config_, home_);
  if (!program.ok()) co_return program.status();
  // The one before may have taken a moment to end: it is to leave no zombie.
  std::string unused;
  (void)has_ended(child_, unused);
  const auto pid = spawn_codex(*program, home_);
  if (!pid.ok()) co_return pid.status();
  child_ = *pid;
  log::info("codex_started", {{"pid", child_}, {"binary", program->arguments[0]}});
  const int64_t until = base::steady_ns() + std::chrono::nanoseconds(kStartDeadline).count();
  absl::Status connected = absl::UnavailableError("not tried");
  while (base::steady_ns() < until) {
    co_await loop::sleep_for(io_, kConnectPoll);
    connected = co_await socket_.connect(program->socket);
    if (connected.ok()) co_return connected;
    std::string how;
    if (has_ended(child_, how)) {
      child_ = -1;
      co_return absl::UnavailableError("codex ended at start (" + how + "): " + last_words(home_));
    }
  }
  co_return absl::UnavailableError(std::string(connected.message()));
}

loop::Task<> Codex::prepare() {
  const auto status = co_await initialize();
  if (!status.ok()) {
    log::warn("codex_initialize_failed", {{"error", status.message()}});
    socket_.close();
    co_return;
  }
  ready_ = true;
  session_ = crypto::fresh_id();
  co_await events_.on_ready();
  set_state("ready", "");
}

loop::Task<absl::Status> Codex::initialize() {
  auto reply = co_await call("initialize", initialize_params(), std::chrono::seconds(15));
  if (!reply.ok()) co_return reply.status();
  if (!reply->ok) co_return absl::FailedPreconditionError("codex refused `initialize`: " + reply->bytes);
  const auto result = json::parse_object(reply->bytes);
  if (!result.ok()) co_return result.status();
  // "zane/0.169.0 (…)": the version is the word after our own name's slash.
  const std::string agent(json::string_at(*result, "userAgent").value_or(""));
  const size_t slash = agent.find('/');
  version_ = slash == std::string::npos ? agent : agent.substr(slash + 1, agent.find(' ', slash) - slash - 1);
  codex_home_ = json::string_at(*result, "codexHome").value_or("");
  socket_.send(R"({"method":"initialized"})");
  co_return absl::OkStatus();
}

// A stopped Codex keeps its socket open: only an answer proves that it lives.
loop::Task<> Codex::probe() {
  for (;;) {
    co_await loop::sleep_for(io_, kProbeEvery);
    if (!ready_) continue;
    const int64_t silent_ns = base::steady_ns() - proof_ns_;
    if (silent_ns > std::chrono::nanoseconds(kProbeEvery).count())
      (void)co_await call("thread/loaded/list", "{\"limit\":1}", kProbeEvery);
    if (events_.on_state) events_.on_state();
  }
}

loop::Task<absl::StatusOr<CodexReply>> Codex::call(std::string_view method, std::string_view params,
                                                   milliseconds deadline) {
  if (calls_.size() >= kCallsMax) co_return absl::ResourceExhaustedError("too many calls wait for codex");
  const int64_t id = next_call_++;
  const auto waiting = std::make_shared<Call>(io_);
  calls_.emplace(id, waiting);
  std::string message = "{\"id\":" + std::to_string(id) +
                        ",\"method\":" + boost::json::serialize(boost::json::string(method)) + ",\"params\":";
  message += params.empty() ? std::string_view("{}") : params;
  message += '}';
  if (!socket_.send(std::move(message))) {
    calls_.erase(id);
    co_return absl::UnavailableError("codex is not running: " + (message_.empty() ? state_ : message_));
  }
  if (!waiting->answered) co_await waiting->done.wait_for(deadline);
  calls_.erase(id);
  if (!waiting->answered)
    co_return absl::UnknownError("codex did not answer `" + std::string(method) + "` in time");
  if (waiting->reply.bytes.empty())
    co_return absl::UnknownError("the connection to codex was lost before it answered `" +
                                 std::string(method) + "`");
  co_return std::move(waiting->reply);
}

void Codex::lose_calls() {
  for (auto& [id, waiting] : calls_) {
    waiting->answered = true;
    waiting->done.raise();
  }
}

bool Codex::respond(std::string_view id, std::string_view result) {
  std::string message = "{\"id\":";
  message += id;
  message += ",\"result\":";
  message += result;
  message += '}';
  return socket_.send(std::move(message));
}

bool Codex::respond_error(std::string_view id, int code, std::string_view message) {
  std::string text = "{\"id\":";
  text += id;
  text += ",\"error\":{\"code\":" + std::to_string(code) +
          ",\"message\":" + boost::json::serialize(boost::json::string(message)) + "}}";
  return socket_.send(std::move(text));
}

void Codex::on_raw(std::string_view raw, int64_t read_ns) {
  proof_ns_ = read_ns;
  auto message = read_codex_message(raw);
  if (!message.ok()) {
    log::warn("codex_message_refused",
              {{"why", message.status().message()},
               {"bytes", raw.size()},
               {"count", ++bad_messages_},
               {"cure", "the message is skipped; if this repeats, update Codex or Zane"}});
    return;
  }
  if (message->kind == CodexMessage::Kind::kResponse)
    on_response(*message, raw);
  else
    events_.on_message(*message, raw, read_ns);
}

void Codex::on_response(const CodexMessage& message, std::string_view raw) {
  int64_t id = 0;
  for (const char c : message.id)
    id = c >= '0' && c <= '9' && id < (int64_t{1} << 52) ? id * 10 + (c - '0') : -1;
  const auto call = calls_.find(id);
  if (call == calls_.end()) return;
  const auto result = json::member_bytes(raw, "result");
  const auto error = json::member_bytes(raw, "error");
  call->second->reply.ok = result.has_value();
  call->second->reply.bytes =
      result ? *result : error.value_or(R"({"message":"codex answered with nothing"})");
  call->second->answered = true;
  call->second->done.raise();
}

}  // namespace zane::supervisor
