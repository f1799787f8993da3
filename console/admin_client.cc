#include "console/admin_client.h"

#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <iostream>

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

std::unique_ptr<v1::Admin::Stub> connect() {
  return v1::Admin::NewStub(
      grpc::CreateChannel("unix://" + home_folder() + "/run/admin.sock", grpc::InsecureChannelCredentials()));
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
                      : status.error_message())
              << "\n";
    return kExitNotRunning;
  }
  std::cerr << "zane: " << status.error_message() << "\n";
  return status.error_code() == grpc::StatusCode::INVALID_ARGUMENT ? kExitUsage : kExitRefused;
}

}  // namespace zane::console
