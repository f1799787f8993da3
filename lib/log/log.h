// Log lines of the form `event key=value …`, with a fixed first word and fixed
// keys (trace, thread, seq, peer, …), on standard error, where launchd or
// script/run collects them. One logger per process. Never a secret, a prompt
// or a transcript.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace zane::log {

// One key and its value. Values with spaces are quoted; control characters are
// escaped, so that a hostile value can't forge a second line.
struct Field {
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  // std::string and every kind of string view (abseil's may be a type of its own).
  template <typename Text>
  requires requires(const Text& text) { std::string(text.data(), text.size()); }
  Field(std::string_view k, const Text& v) : key(k), value(v.data(), v.size()) {}
  template <typename Int>
  requires std::is_integral_v<Int> Field(std::string_view k, Int v) : key(k), value(std::to_string(v)) {}
  std::string_view key;
  std::string value;
};
using Fields = std::initializer_list<Field>;

// Files of a service in $ZANE_LOG_DIR: so large, and so many.
inline constexpr size_t kLogFileBytesMax = 5 * 1024 * 1024;
inline constexpr size_t kLogFilesMax = 4;

// Call once, first thing in main. `service` is on every line. The level is
// $ZANE_LOG (debug, info, warn, error, off), info otherwise. With $ZANE_LOG_DIR lines go
// to <service>.log there (the folder is made, old files are turned over), as launchd
// bounds nothing; else, and when that can't be, to standard error.
void start(std::string_view service);

void debug(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void warn(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});

// What a line will look like; pure, for tests.
std::string format(std::string_view event, Fields fields);

}  // namespace zane::log
