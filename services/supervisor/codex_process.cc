#include "services/supervisor/codex_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "lib/base/machine.h"
#include "lib/log/log.h"
#include "lib/text/utf8.h"

extern char** environ;

namespace zane::supervisor {
namespace {

constexpr uintmax_t kLogBytesMax = 512 * 1024;
constexpr size_t kLastWordsBytes = 400;

std::filesystem::path find_on_path(const std::string& name) {
  if (name.find('/') != std::string::npos)
    return ::access(name.c_str(), X_OK) == 0 ? std::filesystem::path(name) : std::filesystem::path();
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    auto candidate = std::filesystem::path(folder.empty() ? "." : folder) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

// A TOML basic string: paths may hold anything.
std::string toml_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

void add_profile(std::vector<std::string>& arguments, const std::string& name, const std::string& extends,
                 const base::Home& home) {
  const std::string key = "permissions." + name;
  arguments.insert(arguments.end(), {"-c", key + ".extends=" + toml_text(extends), "-c",
                                     key + ".filesystem={" + toml_text(home.root().string()) + "=\"deny\"}"});
}

// Whatever it wrote: as one line of text that a protobuf and a terminal can hold.
std::string clean_words(const std::string& words) {
  std::string clean = text::to_utf8(words);
  for (char& c : clean)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
  return clean;
}

}  // namespace

absl::StatusOr<CodexProgram> codex_program(const config::Config& config, const base::Home& home) {
  const auto binary = find_on_path(config.codex.binary);
  if (binary.empty())
    return absl::NotFoundError(
        "no `" + config.codex.binary +
        "` on PATH: install Codex (`npm i -g @openai/codex` or `brew install codex`), or set "
        "`binary` under [codex] in " +
        home.config_file().string());
  CodexProgram program;
  program.socket = home.socket("codex.sock");
  program.codex_home = config.codex.home;
  program.arguments = {binary.string(),
                       "app-server",
                       "--listen",
                       "unix://" + program.socket.string(),
                       "-c",
                       std::string("default_permissions=") + toml_text(kWorkspaceProfile)};
  add_profile(program.arguments, kWorkspaceProfile, ":workspace", home);
  add_profile(program.arguments, kReadOnlyProfile, ":read-only", home);
  return program;
}

absl::StatusOr<int> LocalCodexHost::start() {
  const auto found = codex_program(config_, home_);
  if (!found.ok()) return found.status();
  const CodexProgram& program = *found;
  const std::string log = log_file().string();
  std::error_code ignored;
  if (std::filesystem::file_size(log, ignored) > kLogBytesMax && !ignored)
    std::filesystem::resize_file(log, 0, ignored);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // Ours ignore it; a program with a pipe does not.
  sigset_t to_default;
  sigemptyset(&to_default);
  sigaddset(&to_default, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &to_default);
  // Whatever a library opened without saying so ends at this border.
#ifdef __APPLE__
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_CLOEXEC_DEFAULT);
#else
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
#endif

  std::vector<char*> arguments;
  for (const auto& a : program.arguments) arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> environment;
  const std::string codex_home = "CODEX_HOME=" + program.codex_home;
  for (char** e = environ; *e; ++e)
    if (program.codex_home.empty() || std::strncmp(*e, "CODEX_HOME=", 11) != 0) environment.push_back(*e);
  if (!program.codex_home.empty()) environment.push_back(const_cast<char*>(codex_home.c_str()));
  environment.push_back(nullptr);

  pid_t pid = -1;
  const int error = posix_spawn(&pid, program.arguments[0].c_str(), &files, &attributes, arguments.data(),
                                environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0)
    return absl::UnavailableError("can't start `" + program.arguments[0] + "`: " + std::strerror(error));
  log::info("codex_started", {{"pid", pid}, {"binary", program.arguments[0]}});
  return pid;
}

bool LocalCodexHost::has_ended(int pid, std::string& how) {
  int status = 0;
  if (pid <= 0 || ::waitpid(pid, &status, WNOHANG) != pid) return false;
  how = WIFSIGNALED(status) ? "killed by signal " + std::to_string(WTERMSIG(status))
                            : "exit code " + std::to_string(WEXITSTATUS(status));
  return true;
}

std::string LocalCodexHost::last_words() {
  std::ifstream file(log_file(), std::ios::binary);
  if (!file) return "";
  file.seekg(0, std::ios::end);
  const auto size = static_cast<int64_t>(file.tellg());
  file.seekg(std::max<int64_t>(0, size - static_cast<int64_t>(kLastWordsBytes)));
  std::string words(kLastWordsBytes, '\0');
  file.read(words.data(), static_cast<std::streamsize>(words.size()));
  words.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  while (!words.empty() && words.back() == '\n') words.pop_back();
  const size_t line = size > static_cast<int64_t>(kLastWordsBytes) ? words.find('\n') : std::string::npos;
  return clean_words(line == std::string::npos ? words : words.substr(line + 1));
}

// One line: the pid, and when that process began.
void LocalCodexHost::note(int64_t pid) {
  const std::string began = base::process_start(pid);
  if (began.empty()) return;
  const auto file = home_.socket("codex.pid");
  const std::filesystem::path beside = file.string() + ".new";
  std::ofstream out(beside, std::ios::trunc);
  out << pid << ' ' << began << '\n';
  out.close();
  std::error_code ignored;
  if (out) std::filesystem::rename(beside, file, ignored);
}

std::optional<int64_t> LocalCodexHost::living() {
  std::ifstream file(home_.socket("codex.pid"));
  int64_t pid = 0;
  std::string began;
  if (!(file >> pid >> began) || pid <= 0) return std::nullopt;
  if (base::process_start(pid) != began) return std::nullopt;
  return pid;
}

void LocalCodexHost::keep_socket_alive(const std::filesystem::path& socket) {
  std::error_code error;
  const auto target = std::filesystem::canonical(socket, error);
  if (error) return;
  for (const auto& path : {target, target.parent_path()})
    if (::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0) return;
}

}  // namespace zane::supervisor
