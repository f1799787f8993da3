#include "services/policy/folders.h"

#include <algorithm>
#include <cstdlib>

#include "lib/json/strict.h"
#include "services/policy/task.h"

namespace zane::policy {
namespace {

namespace fs = std::filesystem;

fs::path resolved(const fs::path& path) {
  std::error_code error;
  fs::path result = fs::weakly_canonical(path, error);
  if (error) result = path.lexically_normal();
  return result.has_filename() ? result : result.parent_path();
}

bool holds(const fs::path& outer, const fs::path& inner) {
  const auto mismatch = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return mismatch.first == outer.end();
}

void add_texts(const boost::json::array* list, std::vector<std::string>& folders) {
  if (!list) return;
  for (const auto& entry : *list)
    if (entry.is_string()) folders.emplace_back(entry.as_string());
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
      if (kind == "minimal" || kind == "project_roots") return "";
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

bool overlaps(const fs::path& root, const fs::path& protected_folder) {
  const fs::path a = resolved(root);
  const fs::path b = resolved(protected_folder);
  return holds(a, b) || holds(b, a);
}

bool is_within(const fs::path& folder, const std::vector<std::string>& allowed) {
  const fs::path inner = resolved(folder);
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](const std::string& outer) { return holds(resolved(expanded(outer)), inner); });
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
  return folders;
}

}  // namespace zane::policy
