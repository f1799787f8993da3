#include "services/supervisor/codex_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "lib/base/file.h"

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
    out += c;
  }
  return out + "\"";
}

void add_profile(std::vector<std::string>& arguments, const std::string& name, const std::string& extends,
                 const base::Home& home) {
  const std::string key = "permissions." + name;
  arguments.insert(arguments.end(), {"-c", key + ".extends=" + toml_text(extends), "-c",
                                     key + ".filesystem={" + toml_text(home.root().string()) + "=\"deny\"}"});
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

absl::StatusOr<int> spawn_codex(const CodexProgram& program, const base::Home& home) {
  const std::string log = (home.root() / "log" / "codex.log").string();
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
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);

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
  return pid;
}

bool has_ended(int pid, std::string& how) {
  int status = 0;
  if (pid <= 0 || ::waitpid(pid, &status, WNOHANG) != pid) return false;
  how = WIFSIGNALED(status) ? "killed by signal " + std::to_string(WTERMSIG(status))
                            : "exit code " + std::to_string(WEXITSTATUS(status));
  return true;
}

std::string last_words(const base::Home& home) {
  auto log = base::read_file(home.root() / "log" / "codex.log");
  if (!log.ok()) return "";
  while (!log->empty() && log->back() == '\n') log->pop_back();
  const size_t from = log->size() > kLastWordsBytes ? log->size() - kLastWordsBytes : 0;
  const size_t line = log->find('\n', from);
  return log->substr(from > 0 && line != std::string::npos ? line + 1 : from);
}

}  // namespace zane::supervisor
