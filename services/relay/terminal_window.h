// Terminal output on its way to a page: as much as the link carries, and what is
// left out is counted on the screen. A program that talks without end costs its own
// output and never the link, a receipt or a keystroke. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace zane::relay {

// While so much waits for the network, output is left out …
inline constexpr size_t kTerminalWaitingMax = 1024 * 1024;
// … until so little does.
inline constexpr size_t kTerminalResumeBytes = 256 * 1024;
// Terminals with something left out, at most; a device has 16.
inline constexpr size_t kTerminalsCutMax = 1024;

class TerminalWindow {
 public:
  // `raw`: a notification of Codex's for `owner`; `waiting`: what waits for the
  // network now. Gives what is to be sent: itself, nothing, or a line that says how
  // much was left out and then itself. What is no output (an exit) always passes.
  std::vector<std::string> pass(const std::string& owner, const std::string& raw, size_t waiting);
  void clear() { cut_.clear(); }

 private:
  // Bytes left out, by owner and terminal.
  std::map<std::string, int64_t> cut_;
};

}  // namespace zane::relay
