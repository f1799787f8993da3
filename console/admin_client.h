// The console's way to supervisor: gRPC on $ZANE_HOME/run/admin.sock. Sees only
// proto/, nothing of lib/ or services/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "zane/v1/admin.grpc.pb.h"

namespace zane::console {

// Exit codes: what went wrong, for scripts.
inline constexpr int kExitOk = 0;
inline constexpr int kExitRefused = 1;    // policy or Codex said no
inline constexpr int kExitUnhealthy = 2;  // `status`, `doctor`: something is down
inline constexpr int kExitUsage = 64;
inline constexpr int kExitNotRunning = 69;

// $ZANE_HOME, or where it is by default.
std::string home_folder();

std::unique_ptr<v1::Admin::Stub> connect();

// Who takes connections at this socket: its pid, -1 when that can't be told, 0 for nobody.
int64_t listener_pid(const std::string& path);
// Whether anything takes connections at the admin socket.
bool somebody_listens();

// Prints the failure with its cure on standard error; gives the exit code.
int explain(const grpc::Status& status);

}  // namespace zane::console
