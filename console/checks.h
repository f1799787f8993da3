// What `zane doctor` can see without asking anybody: the folder, the disk, the
// bounds of this machine, and where Codex is. Each says its cure. Also when
// supervisor does not run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "zane/v1/admin.pb.h"

namespace zane::console {

// Where to look; a test gives its own.
struct Machine {
  std::filesystem::path zane_home;
  std::filesystem::path user_home;
  std::string path;  // $PATH
  bool utf8 = true;
  // Of descriptors, the soft limit.
  uint64_t descriptors = 0;
};
Machine this_machine();

std::vector<v1::Check> local_checks(const Machine& machine);

// The single ones, for tests.
v1::Check check_home(const Machine& machine);
v1::Check check_disk(const Machine& machine);
v1::Check check_keys(const Machine& machine);
v1::Check check_set_aside(const Machine& machine);
v1::Check check_ended(const Machine& machine);
v1::Check check_supervisor(const Machine& machine);
v1::Check check_descriptors(const Machine& machine);
v1::Check check_locale(const Machine& machine);
v1::Check check_codex(const Machine& machine);

}  // namespace zane::console
