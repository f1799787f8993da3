// Folders that decide about permission: where a task may run, and the ones that
// no thread may write to because Zane's and Codex's own keys lie there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "boost/json.hpp"

namespace zane::policy {

// Whether writing below `root` could reach `inside`: one holds the other, with
// symbolic links followed.
bool overlaps(const std::filesystem::path& root, const std::filesystem::path& protected_folder);

// Whether `folder` is one of `allowed` or lies in one. An empty list allows none.
bool is_within(const std::filesystem::path& folder, const std::vector<std::string>& allowed);

// The first parameter that would take Codex out of Zane's own permission
// profiles without giving full access: then a sandboxed command could read
// $ZANE_HOME. "" when there is none.
std::string unprotected_by(const boost::json::object& params);

// Every folder that a command's parameters would make writable.
std::vector<std::string> writable_folders_in(const boost::json::object& params);

// Every folder that would be opened, for reading or writing, if this request of
// Codex were granted: extra permissions and a file change's root. "/" for a place
// of a kind that is not known. Source: Codex's RequestPermissionProfile.
std::vector<std::string> folders_opened_by(const boost::json::object& request_params);

}  // namespace zane::policy
