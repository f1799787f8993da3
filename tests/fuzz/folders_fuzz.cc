// Fuzzes the parser of a command's parameters, and what is made of the folders in
// them. Traps where an invariant breaks.
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/json/strict.h"
#include "services/policy/folders.h"
#include "services/policy/roles.h"

namespace {

namespace policy = zane::policy;

// A disk of four folders.
int small_disk(const char* path, struct stat* info) {
  *info = {};
  info->st_mode = S_IFDIR;
  int inode = 1;
  for (const std::string_view known : {"/", "/a", "/a/b", "/c"}) {
    info->st_ino = static_cast<ino_t>(inode++);
    if (path == known) return 0;
  }
  errno = ENOENT;
  return -1;
}

bool overlaps(const std::string& a, const std::string& b) { return policy::overlaps(a, b, small_disk); }
bool is_within(const std::string& a, const std::string& b) { return policy::is_within(a, {b}, small_disk); }

void check(const std::string& folder) {
  for (const std::string other : {"/", "/a", "/a/b", "/c", "/a/new", "relative"}) {
    if (overlaps(folder, other) != overlaps(other, folder)) __builtin_trap();
    // What is allowed because of a folder is never clear of it.
    if (is_within(folder, other) && !overlaps(folder, other)) __builtin_trap();
  }
  // Everything lies in everything, and whatever it is, it is itself.
  if (!overlaps("/", folder) || !overlaps(folder, folder)) __builtin_trap();
  const bool clear = is_within(folder, "/");
  if (clear && (!folder.starts_with('/') || folder.find('\0') != std::string::npos)) __builtin_trap();
  if (clear && (!is_within(folder, folder) || !is_within(folder + "/x", folder))) __builtin_trap();
  // In doubt it is protected.
  if (!clear && !overlaps(folder, "/a/b")) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto params = zane::json::parse_object(bytes);
  if (!params.ok()) return 0;
  for (const auto& folder : policy::writable_folders_in(*params)) check(folder);
  for (const auto& folder : policy::folders_opened_by(*params)) {
    if (!folder.starts_with('/')) __builtin_trap();
    check(folder);
  }
  // Nothing of this is taken from below owner, and a profile is named by name.
  for (const char* method : {"turn/start", "thread/resume", "zane/task/start", "turn/steer"})
    if (policy::required_role(method, *params) != policy::Role::kOwner)
      for (const char* key :
           {"sandbox", "sandboxPolicy", "config", "approvalPolicy", "runtimeWorkspaceRoots"})
        if (params->contains(key)) __builtin_trap();
  if (policy::unprotected_by(*params).empty()) {
    const auto sandbox = zane::json::string_at(*params, "sandbox");
    if (sandbox && *sandbox != "danger-full-access") __builtin_trap();
    if (const auto* policy = zane::json::object_at(*params, "sandboxPolicy"))
      if (zane::json::string_at(*policy, "type") != "dangerFullAccess") __builtin_trap();
  }
  return 0;
}
