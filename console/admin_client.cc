#include "console/admin_client.h"

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string_view>

#include "console/print.h"

namespace zane::console {

std::string home_folder() {
  if (const char* home = std::getenv("ZANE_HOME"); home && *home) return home;
  const char* user_home = std::getenv("HOME");
  const std::string base = user_home ? user_home : ".";
#ifdef __APPLE__
  return base + "/Library/Application Support/Zane";
#else
  return base + "/.zane";
#endif
}

namespace {

// gRPC takes a URI: what means something in one is written as an escape.
std::string escaped(const std::string& path) {
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("/-._~").find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    char code[4];
    std::snprintf(code, sizeof code, "%%%02X", byte);
    out += code;
  }
  return out;
}

}  // namespace

std::unique_ptr<v1::Admin::Stub> connect() {
  grpc::ChannelArguments arguments;
  // A hundred approvals with their texts are more than gRPC's own 4 MiB.
  arguments.SetMaxReceiveMessageSize(32 * 1024 * 1024);
  // Long from a folder of one's own, short on the way: a relative home is made whole.
  std::error_code ignored;
  const auto home = std::filesystem::absolute(home_folder(), ignored).string();
  return v1::Admin::NewStub(grpc::CreateCustomChannel("unix://" + escaped(home + "/run/admin.sock"),
                                                      grpc::InsecureChannelCredentials(), arguments));
}

int explain(const grpc::Status& status) {
  if (status.ok()) return kExitOk;
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    // gRPC's own words name a socket; supervisor's name the part that is down.
    const bool no_supervisor = status.error_message().find("connect") != std::string::npos ||
                               status.error_message().find("Socket closed") != std::string::npos;
    std::cerr << "zane: "
              << (no_supervisor
                      ? "supervisor is not running for `" + home_folder() +
                            "` (or it runs as another user): start it with `script/run`, or set ZANE_HOME"
                      : harmless(status.error_message(), 2000))
              << "\n";
    return kExitNotRunning;
  }
  std::cerr << "zane: " << harmless(status.error_message(), 2000) << "\n";
  return status.error_code() == grpc::StatusCode::INVALID_ARGUMENT ? kExitUsage : kExitRefused;
}

}  // namespace zane::console
