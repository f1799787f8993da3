// What happens in a turn, as its prompt says: steps, separated by `;`.
//
//   say TEXT                         one agent message
//   flood RATE for SECONDS of BYTES  RATE deltas a second, each message of about
//                                    BYTES, evenly spaced; a delta begins with
//                                    its number and its time of sending (steady
//                                    clock, nanoseconds)
//   malformed                        what is no JSON-RPC, and what is odd
//   bad utf8                         a text frame that is not UTF-8
//   overlong BYTES                   one delta as long as that
//   approve KIND …                   requests, all at once: command, file,
//                                    permissions, input, unknown; waits for all
//   hold                             until the turn is interrupted
//   stop listening                   what today's clients say is lost from now on
//   crash                            the process ends with exit code 1
#pragma once

#include <memory>
#include <string>

#include "tests/fake_codex/server.h"

namespace zane::fake_codex {

loop::Task<> play(Server& server, std::shared_ptr<Turn> turn, std::string prompt);

}  // namespace zane::fake_codex
