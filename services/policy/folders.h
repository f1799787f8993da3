// Folders that decide about permission: where a task may run, and the ones that
// no thread may write to because Zane's and Codex's own keys lie there.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "boost/json.hpp"
#include "zane/v1/command.pb.h"

namespace zane::policy {

// lstat(2), or a test's own with other rules for names.
using Look = int (*)(const char* path, struct stat* info);
int look(const char* path, struct stat* info);

struct Identity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const Identity&) const = default;
};

// Where a path leads, by what is there and not by how it is spelled: on macOS
// `Keys`, `keys` and two ways to write an umlaut are one folder.
struct Place {
  // From the root to the last part that exists, links followed.
  std::vector<Identity> chain;
  // What does not exist yet.
  std::vector<std::string> rest;
  // It can't be said: relative, not to be looked at, links in a circle, or back out
  // of what does not exist.
  bool unclear = false;
};
Place place_of(const std::filesystem::path& path, Look with = look);

// The folders of one order. Each is looked at once, so that whatever is judged of
// it is judged of the same thing, and that thing can be handed on by what it is: a
// folder can be swapped for a link between any two looks.
class Looked {
 public:
  const Place& at(const std::string& folder);
  void hand_on(v1::Effect& effect) const;

 private:
  std::map<std::string, Place> places_;
};

// Whether writing below `root` could reach the protected folder: one holds the
// other. Folders are compared by what they are (device and inode), links followed,
// and not by their spelling; what can't be told counts as overlapping: a relative
// path, a folder that can't be looked at, a name that some file system might fold.
bool overlaps(const Place& root, const Place& protected_folder);
bool overlaps(const std::filesystem::path& root, const std::filesystem::path& protected_folder,
              Look with = look);

// Whether `folder` is one of `allowed` (absolute, or beginning with `~/`) or lies in
// one, compared in the same way. What can't be told, and an empty list, allow none.
bool is_within(const Place& folder, const std::vector<std::string>& allowed, Look with = look);
bool is_within(const std::filesystem::path& folder, const std::vector<std::string>& allowed,
               Look with = look);

// The first parameter that would take Codex out of Zane's own permission
// profiles without giving full access: then a sandboxed command could read
// $ZANE_HOME. "" when there is none.
std::string unprotected_by(const boost::json::object& params);

// Every folder that a command's parameters would make writable.
std::vector<std::string> writable_folders_in(const boost::json::object& params);

// Every folder that would be opened, for reading or writing, if this request of
// Codex were granted: extra permissions and a file change's root. "/" for a place
// of a kind that is not known, a relative one, or one that climbs out of a project. Source: Codex's
// RequestPermissionProfile.
std::vector<std::string> folders_opened_by(const boost::json::object& request_params);

}  // namespace zane::policy
