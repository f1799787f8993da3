// A double of `codex app-server --listen unix://PATH` for what the real one
// can't be made to do: floods, garbage, crashes, many requests at once. Tests
// that can have the real Codex use the real Codex. Never installed.
//
//   fake_codex app-server --listen unix://PATH [-c KEY=VALUE]…
//
// What a turn does is in its prompt (turn.h). If $CODEX_HOME/exit-at-start is
// there, the process says so and ends at once with exit code 3.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <cstdlib>
#include <iostream>

#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "tests/fake_codex/server.h"

namespace {

using namespace zane;
using Local = fake_codex::Connection::Local;

std::string socket_path(int argc, char** argv) {
  constexpr std::string_view kScheme = "unix://";
  if (argc < 4 || argv[1] != std::string_view("app-server")) return "";
  for (int i = 2; i + 1 < argc; ++i) {
    const std::string_view value = argv[i + 1];
    if (argv[i] == std::string_view("--listen") && value.starts_with(kScheme))
      return std::string(value.substr(kScheme.size()));
  }
  return "";
}

// False when another process listens there. A socket nobody listens on is replaced.
bool listen_at(Local::acceptor& acceptor, loop::Io& io, const std::string& path) {
  boost::system::error_code error;
  Local::socket probe(io);
  probe.connect(Local::endpoint(path), error);
  if (!error) return false;
  ::unlink(path.c_str());
  ::umask(0077);
  acceptor.open(Local());
  acceptor.bind(Local::endpoint(path));
  acceptor.listen();
  return true;
}

loop::Task<> accept_all(loop::Io& io, Local::acceptor& acceptor, fake_codex::Server& server) {
  for (;;) {
    const auto client = std::make_shared<fake_codex::Connection>(
        io, co_await acceptor.async_accept(boost::asio::use_awaitable));
    server.joined(client);
    loop::spawn(io, "client", client->run([&server](const fake_codex::Client& from, std::string_view text) {
      server.on_text(from, text);
    }));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = socket_path(argc, argv);
  if (path.empty()) {
    std::cerr << "usage: fake_codex app-server --listen unix://PATH [-c KEY=VALUE]...\n";
    return 64;
  }
  const char* home = std::getenv("CODEX_HOME");
  const std::filesystem::path folder = home ? home : ".";
  if (std::filesystem::exists(folder / "exit-at-start")) {
    std::cerr << "fake codex: told to end at once by exit-at-start\n";
    return 3;
  }
#ifdef __linux__
  // Timers to the microsecond, for evenly spaced floods.
  ::prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
#endif
  ::signal(SIGPIPE, SIG_IGN);
  loop::Io io(1);
  Local::acceptor acceptor(io);
  if (!listen_at(acceptor, io, path)) {
    std::cerr << "fake codex: " << path << " is already in use\n";
    return 1;
  }
  fake_codex::Server server(io, folder);
  loop::spawn(io, "accept", accept_all(io, acceptor, server));
  loop::run_until_signal(io, [&] { ::unlink(path.c_str()); });
  return 0;
}
