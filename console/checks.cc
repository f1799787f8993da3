#include "console/checks.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "console/admin_client.h"
#include "console/print.h"

namespace zane::console {
namespace {

namespace fs = std::filesystem;

// A busy day's journal, and what SQLite needs on its way.
constexpr uint64_t kDiskLowBytes = uint64_t{1} << 30;
constexpr uint64_t kDiskFullBytes = uint64_t{64} << 20;
// Codex holds 45 when it does nothing, and more with each thread.
constexpr uint64_t kDescriptorsFew = 1024;
// sockaddr_un's on macOS, and the longest name in run/.
constexpr size_t kSocketPathBytesMax = 103;
constexpr size_t kLongestSocketBytes = std::string_view("/run/supervisor.ipc").size();
constexpr uint64_t kMib = uint64_t{1} << 20;

v1::Check check(const char* name, const char* state, const std::string& message) {
  v1::Check made;
  made.set_name(name);
  made.set_state(state);
  made.set_message(message);
  return made;
}

bool is_program(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) && ::access(file.c_str(), X_OK) == 0;
}

// The first `name` on a path of folders.
fs::path on_path(const std::string& path, const std::string& name) {
  std::istringstream folders(path);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (!folder.empty() && is_program(fs::path(folder) / name)) return fs::path(folder) / name;
  return {};
}

// Where version managers put programs, of which launchd's PATH knows nothing.
std::vector<fs::path> elsewhere(const fs::path& home) {
  std::vector<fs::path> found;
  const auto add = [&](const fs::path& file) {
    if (is_program(file)) found.push_back(file);
  };
  std::error_code ignored;
  for (const char* versions : {".nvm/versions/node", ".local/share/mise/installs/node",
                               ".asdf/installs/nodejs", ".local/share/fnm/node-versions"})
    for (const auto& entry : fs::directory_iterator(home / versions, ignored)) {
      add(entry.path() / "bin/codex");
      add(entry.path() / "installation/bin/codex");
    }
  for (const char* file : {".volta/bin/codex", ".local/share/mise/shims/codex", ".asdf/shims/codex",
                           ".bun/bin/codex", ".npm-global/bin/codex", ".local/bin/codex", ".cargo/bin/codex"})
    add(home / file);
  for (const char* file : {"/opt/homebrew/bin/codex", "/usr/local/bin/codex"}) add(file);
  return found;
}

// A script of Node's ends with 127, "env: node: No such file", where PATH has none.
bool needs_node(const fs::path& file) {
  std::ifstream script(file, std::ios::binary);
  std::string line;
  std::getline(script, line);
  return line.starts_with("#!") && line.find("env node") != std::string::npos;
}

}  // namespace

Machine this_machine() {
  Machine machine;
  std::error_code ignored;
  machine.zane_home = fs::absolute(home_folder(), ignored);
  const char* home = std::getenv("HOME");
  machine.user_home = home ? home : "";
  const char* path = std::getenv("PATH");
  machine.path = path ? path : "";
  machine.utf8 = is_utf8_locale();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) machine.descriptors = limit.rlim_cur;
  return machine;
}

v1::Check check_home(const Machine& machine) {
  const std::string home = machine.zane_home.string();
  struct stat info {};
  if (::stat(home.c_str(), &info) != 0)
    return check("home", errno == ENOENT ? "warn" : "fail",
                 "`" + home + "`: " + std::strerror(errno) + ": " +
                     (errno == ENOENT ? "`script/run` makes it" : "set ZANE_HOME to a folder of your own"));
  if (!S_ISDIR(info.st_mode))
    return check("home", "fail", "`" + home + "` is no folder: set ZANE_HOME to one");
  if (info.st_uid != ::geteuid())
    return check("home", "fail",
                 "`" + home + "` belongs to another user: set ZANE_HOME to a folder of your own");
  if ((info.st_mode & 077) != 0)
    return check("home", (info.st_mode & 022) != 0 ? "fail" : "warn",
                 "`" + home + "` is open to others: run `chmod 700 '" + home + "'`");
  std::error_code error;
  const fs::path real = fs::canonical(machine.zane_home, error);
  if (!error && real.string().size() + kLongestSocketBytes > kSocketPathBytesMax)
    return check("home", "fail",
                 "`" + real.string() + "` is too long a path for a socket: set ZANE_HOME to a shorter one");
  return check("home", "ok", home);
}

v1::Check check_disk(const Machine& machine) {
  struct statvfs disk {};
  // data/ may be a disk of its own, and it is what grows.
  if (::statvfs((machine.zane_home / "data").c_str(), &disk) != 0 &&
      ::statvfs(machine.zane_home.c_str(), &disk) != 0)
    return check("disk", "warn", std::string("can't look at it: ") + std::strerror(errno));
  const uint64_t free_bytes = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  const std::string free = std::to_string(free_bytes / kMib) + " MiB free";
  if ((disk.f_flag & ST_RDONLY) != 0)
    return check("disk", "fail", "it is mounted read-only: nothing can be kept until it is not");
  if (free_bytes < kDiskFullBytes)
    return check("disk", "fail",
                 free + ": make room on the disk that holds $ZANE_HOME; orders are refused until there is");
  if (free_bytes < kDiskLowBytes)
    return check("disk", "warn", free + ": make room, or lower `keep_mib` under [journal] in zane.toml");
  if (disk.f_files != 0 && disk.f_favail == 0)
    return check("disk", "fail", "no file can be made: all inodes are used");
  return check("disk", "ok", free);
}

// The services refuse to start without them (lib/entry), and say so in their logs.
v1::Check check_keys(const Machine& machine) {
  const fs::path keys = machine.zane_home / "keys";
  std::error_code ignored;
  std::string lost;
  const auto look = [&](const char* name, bool had_one) {
    if (had_one && !fs::exists(keys / name, ignored))
      lost += (lost.empty() ? "`" : " and `") + std::string(name) + "`";
  };
  look("mac.pem",
       fs::exists(keys / "mac.pub", ignored) || fs::exists(machine.zane_home / "data/policy.db", ignored));
  look("link.pem", fs::exists(keys / "link.pub", ignored));
  if (lost.empty()) return check("keys", "ok", "none was lost");
  return check("keys", "fail",
               "lost from `" + keys.string() + "`: " + lost +
                   ": restore it from a backup; the services' logs say how to begin anew without it");
}

v1::Check check_set_aside(const Machine& machine) {
  std::string found;
  std::error_code ignored;
  const auto is_aside = [](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    return name.find(".damaged-") != std::string::npos && !name.ends_with("-wal") && !name.ends_with("-shm");
  };
  for (const auto& entry : fs::directory_iterator(machine.zane_home / "data", ignored))
    if (is_aside(entry)) found += (found.empty() ? "" : ", ") + entry.path().filename().string();
  const fs::directory_iterator journal(machine.zane_home / "data/journal", ignored);
  if (const auto pieces = std::count_if(begin(journal), end(journal), is_aside); pieces > 0)
    found += (found.empty() ? "" : ", ") + std::to_string(pieces) + " of the journal's (what stood there " +
             "can't be told any more; no approval is lost)";
  if (found.empty()) return check("files", "ok", "none was set aside");
  return check("files", "warn",
               "set aside as damaged: " + found + ": once you need nothing of them, remove them from `" +
                   (machine.zane_home / "data").string() +
                   "`. After a damaged policy.db pair your "
                   "phones again: `zane pair`");
}

// What a service that could not start or go on has left (lib/entry).
v1::Check check_ended(const Machine& machine) {
  std::string found;
  for (const char* service : {"supervisor", "policy", "relay", "webhook"}) {
    std::ifstream file(machine.zane_home / "run" / (std::string(service) + ".ended"));
    int64_t at_s = 0;
    std::string why;
    if (!(file >> at_s) || !std::getline(file >> std::ws, why)) continue;
    found += (found.empty() ? "" : "; ") + std::string(service) + " ended at " + time_text(at_s * 1000) +
             ": " + why;
  }
  if (found.empty()) return check("services", "ok", "none has ended by itself");
  return check("services", "fail", found);
}

#ifdef __linux__
namespace {

// Files that a process may have open, and has; 0 where it can't be told.
uint64_t files_allowed(int64_t pid) {
  std::ifstream limits("/proc/" + std::to_string(pid) + "/limits");
  for (std::string line; std::getline(limits, line);)
    if (line.starts_with("Max open files")) return std::strtoull(line.c_str() + 14, nullptr, 10);
  return 0;
}

// The highest number counts: a limit may have come down.
uint64_t first_free_file(int64_t pid) {
  std::set<uint64_t> used;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", ignored))
    used.insert(std::strtoull(entry.path().filename().c_str(), nullptr, 10));
  uint64_t free = 0;
  while (used.contains(free)) ++free;
  return free;
}

}  // namespace
#endif

// It may listen and yet take no call: then it can't say itself why.
v1::Check check_supervisor(const Machine& machine) {
  const int64_t pid = listener_pid((machine.zane_home / "run/admin.sock").string());
  if (pid == 0) return check("supervisor", "ok", "not running");
  // Whether it answers is asked next.
  const std::string who = "its socket is there (pid " + std::to_string(pid) + ")";
#ifdef __linux__
  const uint64_t allowed = files_allowed(pid);
  if (allowed > 0 && first_free_file(pid) >= allowed)
    return check("supervisor", "fail",
                 who + " and can open no file more than its " + std::to_string(allowed) +
                     ": end it, and run `ulimit -n 8192` before what starts it");
#endif
  return check("supervisor", "ok", who);
}

v1::Check check_descriptors(const Machine& machine) {
  const std::string have = std::to_string(machine.descriptors) + " files may be open at once";
  if (machine.descriptors < kDescriptorsFew)
    return check("descriptors", "warn",
                 have + " in this shell: run `ulimit -n 8192` before what you start from it");
  return check("descriptors", "ok", have);
}

v1::Check check_locale(const Machine& machine) {
  if (machine.utf8) return check("locale", "ok", "UTF-8");
  return check(
      "locale", "warn",
      "not UTF-8: names and the QR code may look broken; run `export LANG=en_US.UTF-8` (or C.UTF-8)");
}

v1::Check check_codex(const Machine& machine) {
  const fs::path found = on_path(machine.path, "codex");
  if (!found.empty() && needs_node(found) && on_path(machine.path, "node").empty())
    return check(
        "codex", "fail",
        "`" + found.string() + "` is a script of Node's, and there is no `node` on PATH: it ends with 127 " +
            "(`env: node: No such file or directory`). Put Node's folder on PATH, or set `binary` under " +
            "[codex] in zane.toml to the native program");
  if (!found.empty()) return check("codex", "ok", found.string());
  std::string others;
  for (const auto& file : elsewhere(machine.user_home))
    others += (others.empty() ? "`" : ", `") + file.string() + "`";
  if (!others.empty())
    return check("codex", "warn",
                 "not on PATH, but at " + others + ": set `binary` under [codex] in zane.toml to it");
  return check("codex", "warn",
               "not on PATH (" + machine.path +
                   "), nor where nvm, mise, asdf, fnm, Volta, Bun and npm put programs: " +
                   "install it (`brew install codex`), or set `binary` under [codex] in zane.toml");
}

std::vector<v1::Check> local_checks(const Machine& machine) {
  return {check_home(machine),        check_disk(machine),   check_keys(machine),
          check_set_aside(machine),   check_ended(machine),  check_supervisor(machine),
          check_descriptors(machine), check_locale(machine), check_codex(machine)};
}

}  // namespace zane::console
