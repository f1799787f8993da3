// Folders that decide about permission: where a task may run, and the ones that
// no thread may write to because Zane's and Codex's own keys lie there.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "boost/json.hpp"

namespace zane::policy {

// lstat(2), or a test's own with other rules for names.
using Look = int (*)(const char* path, struct stat* info);
int look(const char* path, struct stat* info);

// Whether writing below `root` could reach the protected folder: one holds the
// other. Folders are compared by what they are (device and inode), links followed,
// and not by their spelling; what can't be told counts as overlapping: a relative
// path, a folder that can't be looked at, a name that some file system might fold.
bool overlaps(const std::filesystem::path& root, const std::filesystem::path& protected_folder,
              Look with = look);

// Whether `folder` is one of `allowed` (absolute, or beginning with `~/`) or lies in
// one, compared in the same way. What can't be told, and an empty list, allow none.
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
