#include "services/policy/folders.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <deque>

#include "lib/json/strict.h"
#include "services/policy/task.h"

namespace zane::policy {
namespace {

namespace fs = std::filesystem;

// More than any honest path has; Linux gives up after as many too.
constexpr int kLinksMax = 40;

void prepend(std::deque<std::string>& parts, const fs::path& path) {
  std::vector<std::string> more;
  for (const auto& part : path)
    if (!part.empty() && part != "/") more.push_back(part.string());
  parts.insert(parts.begin(), more.begin(), more.end());
}

bool same_name(const std::string& a, const std::string& b) { return a == b; }

// Whether a file system could take both for one name. What is not ASCII is not
// looked into: it could.
bool could_be_one_name(const std::string& a, const std::string& b) {
  const auto ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!std::all_of(a.begin(), a.end(), ascii) || !std::all_of(b.begin(), b.end(), ascii)) return true;
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

using SameName = bool (*)(const std::string&, const std::string&);

bool holds(const Place& outer, const Place& inner, SameName same) {
  if (outer.rest.empty())
    return std::find(inner.chain.begin(), inner.chain.end(), outer.chain.back()) != inner.chain.end();
  return outer.chain.back() == inner.chain.back() && outer.rest.size() <= inner.rest.size() &&
         std::equal(outer.rest.begin(), outer.rest.end(), inner.rest.begin(), same);
}

void add_texts(const boost::json::array* list, std::vector<std::string>& folders) {
  if (!list) return;
  for (const auto& entry : *list)
    if (entry.is_string()) folders.emplace_back(entry.as_string());
}

// Whether a path below a folder may lead out of it.
bool climbs(std::string_view below) {
  const fs::path path(below);
  return path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end();
}

// A FileSystemPath of Codex.
std::string opened_by(const boost::json::object& path) {
  const auto type = json::string_at(path, "type").value_or("");
  if (type == "path")
    if (const auto text = json::string_at(path, "path")) return std::string(*text);
  if (type == "glob_pattern")
    if (const auto pattern = json::string_at(path, "pattern")) {
      const auto fixed = pattern->substr(0, pattern->find_first_of("*?[{"));
      if (fixed.size() == pattern->size()) return std::string(fixed);
      return fixed.starts_with('/') ? std::string(fixed.substr(0, fixed.rfind('/') + 1)) : "/";
    }
  if (type == "special")
    if (const auto* value = json::object_at(path, "value")) {
      const auto kind = json::string_at(*value, "kind").value_or("");
      // What the thread's own profile opens already.
      if (kind == "minimal") return "";
      if (kind == "project_roots") return climbs(json::string_at(*value, "subpath").value_or("")) ? "/" : "";
      if (kind == "tmpdir") return fs::temp_directory_path().string();
      if (kind == "slash_tmp") return "/tmp";
    }
  return "/";
}

fs::path expanded(const std::string& folder) {
  const char* home = std::getenv("HOME");
  if (home && folder == "~") return home;
  if (home && folder.starts_with("~/")) return fs::path(home) / folder.substr(2);
  return folder;
}

}  // namespace

int look(const char* path, struct stat* info) { return ::lstat(path, info); }

Place place_of(const fs::path& path, Look with) {
  Place place;
  struct stat info {};
  // What follows a NUL is seen by us and by no system call.
  place.unclear =
      !path.is_absolute() || path.native().find('\0') != std::string::npos || with("/", &info) != 0;
  if (place.unclear) return place;
  const Identity root{info.st_dev, info.st_ino};
  place.chain = {root};
  fs::path here = "/";
  std::deque<std::string> parts;
  prepend(parts, path);
  for (int links = 0; !parts.empty();) {
    const std::string part = parts.front();
    parts.pop_front();
    if (part == ".") continue;
    if (part == "..") {
      place.unclear = place.unclear || !place.rest.empty();
      if (place.chain.size() > 1) place.chain.pop_back();
      here = here.parent_path();
      continue;
    }
    const fs::path next = here / part;
    if (!place.rest.empty() || with(next.c_str(), &info) != 0) {
      place.unclear = place.unclear || (place.rest.empty() && errno != ENOENT && errno != ENOTDIR);
      place.rest.push_back(part);
    } else if (S_ISLNK(info.st_mode)) {
      std::error_code error;
      const fs::path target = fs::read_symlink(next, error);
      if (error || ++links > kLinksMax) {
        place.unclear = true;
        return place;
      }
      prepend(parts, target);
      if (!target.is_absolute()) continue;
      here = "/";
      place.chain = {root};
    } else {
      here = next;
      place.chain.push_back({info.st_dev, info.st_ino});
    }
  }
  return place;
}

const Place& Looked::at(const std::string& folder) {
  const auto known = places_.find(folder);
  return known != places_.end() ? known->second : places_.emplace(folder, place_of(folder)).first->second;
}

void Looked::hand_on(v1::Effect& effect) const {
  for (const auto& [path, place] : places_) {
    auto* judged = effect.add_folders();
    judged->set_path(path);
    if (place.unclear || !place.rest.empty()) continue;
    judged->set_device(static_cast<uint64_t>(place.chain.back().device));
    judged->set_inode(static_cast<uint64_t>(place.chain.back().inode));
  }
}

// In doubt they do: what is protected is not opened by a spelling.
bool overlaps(const Place& a, const Place& b) {
  return a.unclear || b.unclear || holds(a, b, could_be_one_name) || holds(b, a, could_be_one_name);
}

bool overlaps(const fs::path& root, const fs::path& protected_folder, Look with) {
  return overlaps(place_of(root, with), place_of(protected_folder, with));
}

// In doubt it is not.
bool is_within(const fs::path& folder, const std::vector<std::string>& allowed, Look with) {
  return is_within(place_of(folder, with), allowed, with);
}

bool is_within(const Place& inner, const std::vector<std::string>& allowed, Look with) {
  return !inner.unclear && std::any_of(allowed.begin(), allowed.end(), [&](const std::string& entry) {
    const Place outer = place_of(expanded(entry), with);
    return !outer.unclear && holds(outer, inner, same_name);
  });
}

std::string unprotected_by(const boost::json::object& params) {
  const auto is_text = [&](const char* key, std::initializer_list<std::string_view> fine) {
    const auto* value = params.if_contains(key);
    if (!value || value->is_null()) return true;
    const auto text = json::string_at(params, key);
    return text && std::find(fine.begin(), fine.end(), *text) != fine.end();
  };
  if (!is_text("sandbox", {"danger-full-access"})) return "sandbox";
  for (const char* key : {"permissions", "permissionProfile"})
    if (!is_text(key, {kAskProfile, kReadOnlyProfile, kFullAccessProfile})) return key;
  if (const auto* policy = params.if_contains("sandboxPolicy"); policy && !policy->is_null()) {
    const auto* object = policy->if_object();
    if (!object || json::string_at(*object, "type") != std::string_view("dangerFullAccess"))
      return "sandboxPolicy";
  }
  if (const auto* config = json::object_at(params, "config"))
    for (const auto& entry : *config) {
      const std::string_view key = entry.key();
      for (const char* word :
           {"permissions", "default_permissions", "sandbox_mode", "sandbox_workspace_write", "profile"})
        if (key.starts_with(word)) return "config";
    }
  return "";
}

std::vector<std::string> writable_folders_in(const boost::json::object& params) {
  std::vector<std::string> folders;
  if (const auto cwd = json::string_at(params, "cwd")) folders.emplace_back(*cwd);
  add_texts(json::array_at(params, "runtimeWorkspaceRoots"), folders);
  if (const auto* sandbox = json::object_at(params, "sandboxPolicy"))
    add_texts(json::array_at(*sandbox, "writableRoots"), folders);
  if (const auto* environments = json::array_at(params, "environments"))
    for (const auto& environment : *environments) {
      if (!environment.is_object()) continue;
      if (const auto cwd = json::string_at(environment.as_object(), "cwd")) folders.emplace_back(*cwd);
      add_texts(json::array_at(environment.as_object(), "runtimeWorkspaceRoots"), folders);
    }
  if (const auto* config = json::object_at(params, "config")) {
    add_texts(json::array_at(*config, "sandbox_workspace_write.writable_roots"), folders);
    if (const auto* write = json::object_at(*config, "sandbox_workspace_write"))
      add_texts(json::array_at(*write, "writable_roots"), folders);
  }
  return folders;
}

std::vector<std::string> folders_opened_by(const boost::json::object& request_params) {
  std::vector<std::string> folders;
  if (const auto root = json::string_at(request_params, "grantRoot")) folders.emplace_back(*root);
  for (const char* key : {"permissions", "additionalPermissions"}) {
    const auto* asked = json::object_at(request_params, key);
    const auto* files = asked ? json::object_at(*asked, "fileSystem") : nullptr;
    if (!files) continue;
    add_texts(json::array_at(*files, "read"), folders);
    add_texts(json::array_at(*files, "write"), folders);
    const auto* entries = json::array_at(*files, "entries");
    if (!entries) continue;
    for (const auto& entry : *entries) {
      const auto* object = entry.if_object();
      if (object && json::string_at(*object, "access") == std::string_view("deny")) continue;
      const auto* path = object ? json::object_at(*object, "path") : nullptr;
      std::string folder = path ? opened_by(*path) : "/";
      if (!folder.empty()) folders.push_back(std::move(folder));
    }
  }
  // Relative ones and `~` are read by Codex in a way that we do not know.
  for (auto& folder : folders)
    if (!folder.starts_with('/')) folder = "/";
  return folders;
}

}  // namespace zane::policy
