#include "services/supervisor/status.h"

#include <unistd.h>

namespace zane::supervisor {
namespace {

constexpr std::chrono::seconds kStatusDeadline{1};

// `pid` is 0 when it is not known: no command is named that would end something else.
std::string hangs(const std::string& name, int64_t pid) {
  const std::string number = std::to_string(pid);
  return name + " runs and does not answer: it is stopped" +
         (pid > 0 ? " (`kill -CONT " + number + "` lets it go on)" : "") +
         " or it hangs; if it stays so, end it" + (pid > 0 ? " with `kill -9 " + number + "`" : "") +
         ": launchd or `script/run` starts it again";
}

}  // namespace

loop::Task<v1::StatusReply> Status::tell(bus::Client& policy, bus::Client& relay, bus::Client& webhook) {
  v1::StatusReply reply;
  reply.set_mac(mac_);
  reply.set_codex_socket(codex_.socket_path().string());
  const auto codex = codex_.state();
  auto* part = reply.add_parts();
  part->set_name("codex");
  const bool logged_out = codex.logged_out() && codex.state() == "ready";
  part->set_state(logged_out ? "logged-out" : codex.state());
  part->set_message(logged_out ? "Codex has no account, and every turn would fail: run `codex login` on this "
                                 "Mac (`CODEX_HOME` " +
                                     codex.codex_home() + ")"
                               : codex.message());
  part->set_release(codex.version());
  part->set_pid(codex_.pid());
  part = reply.add_parts();
  part->set_name("supervisor");
  part->set_state(weather_.fine() && notices_.empty() ? "ready" : "degraded");
  part->set_message(weather_.text() + (weather_.fine() || notices_.empty() ? "" : "; ") + notices_);
  part->set_release(ZANE_RELEASE);
  part->set_pid(::getpid());
  part->set_started_ms(started_ms_);

  const auto left = std::make_shared<int>(3);
  loop::Signal all(node_.io());
  std::vector<std::shared_ptr<v1::Part>> parts;
  for (const auto& [name, client] :
       {std::pair{"policy", &policy}, std::pair{"relay", &relay}, std::pair{"webhook", &webhook}}) {
    parts.push_back(std::make_shared<v1::Part>());
    loop::spawn(node_.io(), "status", ask(name, *client, parts.back(), left, all));
  }
  while (*left > 0) co_await all.wait();
  for (const auto& told : parts) *reply.add_parts() = *told;
  co_return reply;
}

loop::Task<> Status::ask(std::string name, bus::Client& client, std::shared_ptr<v1::Part> part,
                         std::shared_ptr<int> left, loop::Signal& all) {
  v1::Envelope question = node_.envelope();
  question.mutable_service_status_question();
  const auto answer = co_await client.ask(std::move(question), kStatusDeadline, kStatusDeadline);
  part->set_name(name);
  if (!answer.ok() || !answer->has_service_status()) {
    // Who holds its end of the bus lives, and has not ended.
    const int64_t pid = client.connected() ? base::ServiceLock::taken_by(node_.home(), name) : 0;
    part->set_pid(pid);
    part->set_state(client.connected() ? "stuck" : "down");
    part->set_message(client.connected() ? hangs(name, pid)
                                         : name +
                                               " does not answer: is it running? `script/run` or launchd "
                                               "starts it; its log says why it ended");
  } else {
    const auto& status = answer->service_status();
    part->set_state(status.state());
    part->set_message(status.message());
    part->set_release(status.release());
    part->set_pid(status.pid());
    part->set_started_ms(status.started_ms());
  }
  --*left;
  all.raise();
}

}  // namespace zane::supervisor
