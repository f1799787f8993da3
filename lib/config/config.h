// $ZANE_HOME/zane.toml, read once at start. A key that is not known is an error
// that names the nearest known one; no file at all means all defaults.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/home.h"

namespace zane::config {

// A hook starts a task when a good delivery arrives (docs/hooks.md).
struct Hook {
  std::string id;           // last part of its address; 1 to 64 of [A-Za-z0-9_-]
  std::string name;         // for people
  std::string scheme;       // "github", "hmac" or "standard"
  std::string secret_file;  // in $ZANE_HOME; keys/hooks/<id> otherwise
  std::string cwd;
  std::string prompt;  // the task; the payload is added as untrusted text
  std::string model;
  std::string effort;
};

struct Config {
  struct {
    std::string name;  // shown on the phone; the machine's name otherwise
  } mac;
  struct {
    std::string binary = "codex";
    // Set: attach to this socket, never start a Codex of our own.
    std::string socket;
    std::string home;  // CODEX_HOME; Codex's own default otherwise
  } codex;
  struct {
    std::string url;  // empty: no phone; relay says so and waits
    std::string user;
    std::string ca_file;     // trust this CA too
    std::string public_url;  // where a phone finds Orbit, if not at `url`
  } orbit;
  struct {
    // Where devices below owner may start tasks.
    std::vector<std::string> folders;
    int64_t pairing_minutes = 15;
  } policy;
  struct {
    int64_t port = 0;  // 0: no loopback listener
  } webhook;
  struct {
    int64_t keep_days = 14;
    int64_t keep_mib = 128;
  } journal;
  std::vector<Hook> hooks;
};

// InvalidArgument with file, line and the cure.
absl::StatusOr<Config> load(const base::Home& home);
absl::StatusOr<Config> parse(const std::string& text, const std::string& file_name);

// The known word with the fewest edits from `word`; empty when none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

}  // namespace zane::config
