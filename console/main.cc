// `zane`: the admin console. Flags here, deeds in commands.cc.
#include <unistd.h>

#include <clocale>
#include <iostream>

#include "CLI/CLI.hpp"
#include "console/admin_client.h"
#include "console/commands.h"

namespace {

namespace console = zane::console;

std::string current_folder() {
  char buffer[4096];
  return ::getcwd(buffer, sizeof buffer) ? buffer : "";
}

}  // namespace

int main(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "");
  CLI::App app{"Zane: remote control for Codex on this Mac", "zane"};
  app.require_subcommand(1);
  app.set_version_flag("--version", ZANE_RELEASE);
  app.footer(
      "Exit codes: 0 done, 1 refused, 2 something is down (status, doctor), 64 wrong use, 69 not running.");
  app.fallthrough();
  console::Options options;
  app.add_flag("--json", options.json, "one line of JSON (a stream of them for `tail`)");
  int code = 0;

  app.add_subcommand("status", "how each part is")->callback([&] { code = console::status(options); });
  app.add_subcommand("doctor", "what is wrong, and its cure")->callback([&] {
    code = console::doctor(options);
  });

  int limit = 0;
  auto* threads = app.add_subcommand("threads", "threads of Codex, newest first");
  threads->add_option("-n,--limit", limit, "how many (1 to 100)")->check(CLI::Range(1, 100));
  threads->callback([&] { code = console::threads(options, limit); });

  console::StartOptions task;
  auto* start = app.add_subcommand("start", "start a task");
  start->add_option("prompt", task.prompt, "what Codex is to do")->required();
  start->add_option("-C,--cwd", task.cwd, "the folder (this one)");
  start->add_option("-m,--model", task.model, "the model (Codex's own default)");
  start->add_option("-e,--effort", task.effort, "the reasoning effort");
  start->add_option("-p,--permissions", task.permissions, "ask, read-only or full-access")
      ->check(CLI::IsMember({"ask", "read-only", "full-access"}));
  start->callback([&] {
    if (task.cwd.empty()) task.cwd = current_folder();
    if (task.cwd[0] != '/') task.cwd = current_folder() + "/" + task.cwd;
    code = console::start(options, task);
  });

  std::string thread;
  int past = 20;
  auto* tail = app.add_subcommand("tail", "events as they happen");
  tail->add_option("thread", thread, "only of this thread");
  tail->add_option("-n,--past", past, "past events first (0 to 1000)")->check(CLI::Range(0, 1000));
  tail->callback([&] { code = console::tail(options, thread, past); });

  bool all = false;
  auto* approvals = app.add_subcommand("approvals", "what waits for an answer");
  approvals->add_flag("-a,--all", all, "settled ones too");
  approvals->callback([&] { code = console::approvals(options, all); });

  std::string approval;
  std::string choice;
  auto* approve = app.add_subcommand("approve", "allow what an approval asks");
  approve->add_option("approval", approval, "its id, or how it begins")->required();
  approve->add_option("-c,--choice", choice, "one of the offered choices (accept)");
  approve->callback([&] { code = console::decide(options, console::Answer::kApprove, approval, choice); });
  auto* deny = app.add_subcommand("deny", "refuse what an approval asks");
  deny->add_option("approval", approval, "its id, or how it begins")->required();
  deny->add_option("-c,--choice", choice, "decline (the turn goes on) or cancel (it ends)");
  deny->callback([&] { code = console::decide(options, console::Answer::kDeny, approval, choice); });

  app.add_subcommand("pair", "make a link that pairs a phone")->callback([&] {
    code = console::pair(options);
  });
  int deliveries = 20;
  std::string delivery;
  auto* hooks = app.add_subcommand("hooks", "the hooks, and what came of their deliveries");
  hooks->add_option("-n,--deliveries", deliveries, "how many deliveries (1 to 200)")
      ->check(CLI::Range(1, 200));
  auto* replay = hooks->add_subcommand("replay", "send a delivery again that is not known to have started");
  replay->add_option("delivery", delivery, "its id, from `zane hooks`")->required();
  hooks->callback([&] {
    code = replay->parsed() ? console::replay(options, delivery) : console::hooks(options, deliveries);
  });
  app.add_subcommand("devices", "the paired devices")->callback([&] { code = console::devices(options); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : console::kExitUsage;
  }
  return code;
}
