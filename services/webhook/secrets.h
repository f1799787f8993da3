// Where a hook's secret lies: in $ZANE_HOME, which no sandboxed task can read, and
// nowhere else. Files alone; any thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lib/base/home.h"
#include "lib/config/config.h"

namespace zane::webhook {

// `secret_file`, or keys/hooks/<id> when zane.toml names none.
std::filesystem::path secret_file_of(const base::Home& home, const config::Hook& hook);

// The secret without line ends. FailedPrecondition, with the commands that mend it,
// when it lies outside $ZANE_HOME, links followed.
absl::StatusOr<std::string> secret_of(const base::Home& home, const config::Hook& hook);

// Makes keys/hooks/<id> (64 random hex digits) for a hook that names no file and has
// none yet. True when it did.
absl::StatusOr<bool> make_secret(const base::Home& home, const config::Hook& hook);

}  // namespace zane::webhook
