#include "console/commands.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <iostream>

#include "console/admin_client.h"
#include "console/checks.h"
#include "console/print.h"

namespace zane::console {
namespace {

constexpr std::chrono::seconds kDeadline{10};
// Codex may take its time to make a thread.
constexpr std::chrono::seconds kStartDeadline{150};

// Calls one unary method; prints the reply as JSON if that is wanted.
template <typename Request, typename Reply>
int call(const Options& options,
         grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
         const Request& request, Reply& reply, std::chrono::seconds deadline = kDeadline) {
  const auto stub = connect();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline);
  const grpc::Status status = (stub.get()->*method)(&context, request, &reply);
  if (status.ok() && options.json) print_json(reply);
  return explain(status);
}

bool healthy(const v1::StatusReply& reply) {
  return std::all_of(reply.parts().begin(), reply.parts().end(),
                     [](const v1::Part& part) { return part.state() == "ready" || part.state() == "off"; });
}

int find_approval(const std::string& id, v1::ApprovalRow& row) {
  if (id.empty()) {
    std::cerr << "zane: name the approval, or how its id begins: see `zane approvals`\n";
    return kExitUsage;
  }
  v1::ApprovalsRequest request;
  request.set_begins_with(id);
  v1::ApprovalsReply reply;
  if (const int code = call({}, &v1::Admin::Stub::Approvals, request, reply); code != kExitOk) return code;
  // The start of an id is enough when it is only one's.
  const int matches = reply.approvals_size();
  if (matches == 1) {
    row = reply.approvals(0);
    return kExitOk;
  }
  std::cerr << "zane: " << (matches == 0 ? "there is no approval" : "more than one approval begins with")
            << " `" << harmless(id) << "`: see `zane approvals`\n";
  return kExitRefused;
}

// One explicit answer each, never "the first that is offered": an order of
// Codex's must not widen a grant.
std::string default_choice(const v1::ApprovalRow& row, Answer answer) {
  for (const char* choice : {"accept", "approved", "decline", "denied", "cancel"}) {
    const bool grants = choice == std::string("accept") || choice == std::string("approved");
    const bool offered = std::find(row.choices().begin(), row.choices().end(), choice) != row.choices().end();
    if (offered && grants == (answer == Answer::kApprove)) return choice;
  }
  return "";
}

}  // namespace

int status(const Options& options) {
  v1::StatusReply reply;
  if (const int code = call(options, &v1::Admin::Stub::Status, v1::StatusRequest(), reply); code != kExitOk)
    return code;
  if (!options.json) {
    std::vector<std::vector<std::string>> rows{{"PART", "STATE", "RELEASE", "PID", "SINCE", ""}};
    for (const auto& part : reply.parts())
      rows.push_back({part.name(), part.state(), part.release(),
                      part.pid() ? std::to_string(part.pid()) : "-", time_text(part.started_ms()),
                      harmless(part.message())});
    print_table(rows);
    std::cout << "\nMac " << reply.mac() << " · " << reply.open_approvals() << " open approvals · journal at "
              << reply.head_seq() << "\n";
  }
  return healthy(reply) ? kExitOk : kExitUnhealthy;
}

int threads(const Options& options, int limit) {
  v1::ThreadsRequest request;
  request.set_limit(limit);
  v1::ThreadsReply reply;
  const int code = call(options, &v1::Admin::Stub::Threads, request, reply);
  if (code != kExitOk || options.json) return code;
  std::vector<std::vector<std::string>> rows{{"THREAD", "STATUS", "UPDATED", "FOLDER", "ABOUT"}};
  for (const auto& thread : reply.threads())
    rows.push_back({thread.thread(), thread.status(), time_text(thread.updated_at_s() * 1000),
                    harmless(thread.cwd(), 40), harmless(thread.preview(), 60)});
  print_table(rows);
  return kExitOk;
}

int start(const Options& options, const StartOptions& task) {
  v1::StartRequest request;
  request.set_cwd(task.cwd);
  request.set_prompt(task.prompt);
  request.set_model(task.model);
  request.set_effort(task.effort);
  request.set_permissions(task.permissions);
  v1::StartReply reply;
  const int code = call(options, &v1::Admin::Stub::Start, request, reply, kStartDeadline);
  if (code == kExitOk && !options.json)
    std::cout << "started thread " << reply.thread() << "\nfollow it with: zane tail " << reply.thread()
              << "\n";
  return code;
}

int tail(const Options& options, const std::string& thread, int past) {
  const auto stub = connect();
  grpc::ClientContext context;
  v1::TailRequest request;
  request.set_thread(thread);
  request.set_past(past);
  const auto reader = stub->Tail(&context, request);
  v1::TailEvent message;
  while (reader->Read(&message)) {
    const auto& event = message.event();
    if (options.json)
      print_json(message);
    else
      std::cout << event.seq() << "  " << (thread.empty() ? event.thread() + "  " : "")
                << (event.kind() == "approval" ? "approval " : "") << event.method() << "  "
                << harmless(event.raw(), 160) << std::endl;
  }
  return explain(reader->Finish());
}

int approvals(const Options& options, bool all) {
  v1::ApprovalsRequest request;
  request.set_all(all);
  v1::ApprovalsReply reply;
  const int code = call(options, &v1::Admin::Stub::Approvals, request, reply);
  if (code != kExitOk || options.json) return code;
  if (reply.approvals_size() == 0) {
    std::cout << (all ? "no approvals yet\n" : "nothing waits for you\n");
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows{{"APPROVAL", "STATE", "SINCE", "WHAT", "BY"}};
  for (const auto& row : reply.approvals())
    rows.push_back({row.approval(), row.state(), time_text(row.opened_ms()), harmless(row.summary(), 90),
                    harmless(row.actor(), 30)});
  print_table(rows);
  return kExitOk;
}

int decide(const Options& options, Answer answer, const std::string& approval, const std::string& choice) {
  v1::ApprovalRow row;
  if (const int code = find_approval(approval, row); code != kExitOk) return code;
  v1::DecideRequest request;
  request.set_approval(row.approval());
  request.set_digest(row.digest());
  request.set_choice(choice.empty() ? default_choice(row, answer) : choice);
  if (request.choice().empty()) {
    std::cerr << "zane: this needs one of its own choices, with --choice:";
    for (const auto& offered : row.choices()) std::cerr << " `" << harmless(offered, 300) << "`";
    std::cerr << "\n";
    return kExitUsage;
  }
  v1::DecideReply reply;
  const int code = call(options, &v1::Admin::Stub::Decide, request, reply);
  if (code == kExitOk && !options.json)
    std::cout << request.choice() << ": handed to Codex (" << harmless(row.summary(), 90) << ")\n";
  return code;
}

int devices(const Options& options) {
  v1::DevicesReply reply;
  const int code = call(options, &v1::Admin::Stub::Devices, v1::DevicesRequest(), reply);
  if (code != kExitOk || options.json) return code;
  std::vector<std::vector<std::string>> rows{{"DEVICE", "ROLE", "PAIRED", "LAST SEEN", "NAME"}};
  for (const auto& d : reply.devices())
    rows.push_back({d.device(), d.role(), time_text(d.paired_ms()), time_text(d.last_seen_ms()),
                    harmless(d.name(), 40)});
  print_table(rows);
  return kExitOk;
}

int pair(const Options& options) {
  v1::PairLinkReply reply;
  const int code = call(options, &v1::Admin::Stub::Pair, v1::PairLinkRequest(), reply);
  if (code != kExitOk || options.json) return code;
  std::cout << "Open this link on the device you want to pair. It is good once, until "
            << time_text(reply.expires_ms()) << ":\n\n  " << reply.url() << "\n\n";
  if (reply.reachable())
    (void)print_qr(reply.url());
  else
    std::cout << "No QR code: " << reply.advice() << ".\n";
  return kExitOk;
}

int doctor(const Options& options) {
  v1::StatusReply reply;
  const auto checks = local_checks(this_machine());
  // Said first: it holds too when there is nobody to ask.
  if (!options.json)
    for (const auto& check : checks)
      std::cout << (check.state() == "ok"     ? "ok    "
                    : check.state() == "warn" ? "warn  "
                                              : "FAIL  ")
                << check.name() << ": " << harmless(check.message(), 1000) << "\n";
  std::cout.flush();
  if (const int code = call({}, &v1::Admin::Stub::Status, v1::StatusRequest(), reply); code != kExitOk) {
    if (options.json) {
      for (const auto& check : checks) *reply.add_checks() = check;
      print_json(reply);
    }
    return code;
  }
  const bool local = std::none_of(checks.begin(), checks.end(),
                                  [](const v1::Check& check) { return check.state() == "fail"; });
  const bool well = healthy(reply) && local;
  if (options.json) {
    for (const auto& check : checks) *reply.add_checks() = check;
    print_json(reply);
    return well ? kExitOk : kExitUnhealthy;
  }
  for (const auto& part : reply.parts()) {
    const bool good = part.state() == "ready" || part.state() == "off";
    std::cout << (good ? "ok    " : "FAIL  ") << part.name() << ": " << part.state();
    if (part.pid() != 0 && !good) std::cout << " (pid " << part.pid() << ")";
    if (!part.message().empty()) std::cout << ": " << harmless(part.message(), 1000);
    std::cout << "\n";
  }
  std::cout << (well ? "\nall is well\n" : "\nsee the lines above; each names its cure\n");
  return well ? kExitOk : kExitUnhealthy;
}

int hooks(const Options& options, int deliveries) {
  v1::HooksQuestion request;
  request.set_deliveries(deliveries);
  v1::HooksAnswer reply;
  const int code = call(options, &v1::Admin::Stub::Hooks, request, reply);
  if (code != kExitOk || options.json) return code;
  if (reply.hooks_size() == 0) std::cout << "no hooks: write a [[hook]] into zane.toml (docs/hooks.md)\n";
  for (const auto& hook : reply.hooks()) {
    std::cout << hook.hook() << " (" << harmless(hook.name(), 60) << ", " << hook.scheme() << ")";
    if (hook.waiting() > 0) std::cout << ": " << hook.waiting() << " waiting";
    std::cout << "\n";
    for (const auto& [what, text] :
         {std::pair{"address", hook.address()}, std::pair{"here", hook.local_address()},
          std::pair{"secret", hook.secret_file()}, std::pair{"TROUBLE", hook.trouble()}})
      if (!text.empty()) std::cout << "  " << what << ": " << harmless(text, 1000) << "\n";
  }
  if (reply.deliveries_size() == 0) return kExitOk;
  std::cout << "\n";
  std::vector<std::vector<std::string>> rows{{"DELIVERY", "HOOK", "AT", "RESULT", ""}};
  for (const auto& row : reply.deliveries())
    rows.push_back({harmless(row.delivery(), 40), row.hook(), time_text(row.at_ms()),
                    harmless(row.result(), 120),
                    row.set_aside()           ? "set aside: zane hooks replay"
                    : row.can_be_sent_again() ? "can be replayed"
                                              : ""});
  print_table(rows);
  return kExitOk;
}

int replay(const Options& options, const std::string& delivery) {
  v1::ReplayDelivery request;
  request.set_delivery(delivery);
  v1::DeliveryReplayed reply;
  const int code = call(options, &v1::Admin::Stub::Replay, request, reply);
  if (code == kExitOk && !options.json)
    std::cout << "sent again as " << reply.delivery() << ": see `zane hooks` for what comes of it\n";
  return code;
}

}  // namespace zane::console
