#include "lib/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace zane::base {
namespace {

absl::Status failed(const std::filesystem::path& file, const char* what) {
  const int error = errno;
  const std::string text = std::string("can't ") + what + " `" + file.string() + "`: " + std::strerror(error);
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == EEXIST) return absl::AlreadyExistsError(text);
  if (error == EACCES || error == EPERM)
    return absl::PermissionDeniedError(text + ": check who owns it and its mode");
  return absl::UnavailableError(text);
}

absl::StatusOr<std::string> read_open(int fd, const std::filesystem::path& file) {
  std::string content;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(file, "read");
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > kSmallFileBytesMax)
      return absl::FailedPreconditionError("`" + file.string() +
                                           "` is longer than 1 MiB: this is not a file of Zane's");
  }
}

enum class Secrecy { kPublic, kSecret };

absl::StatusOr<std::string> read_checked(const std::filesystem::path& file, Secrecy secrecy) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(file, "open");
  struct stat info {};
  absl::StatusOr<std::string> content;
  if (::fstat(fd, &info) != 0) {
    content = failed(file, "look at");
  } else if (secrecy == Secrecy::kSecret && (info.st_mode & 077) != 0) {
    content = absl::PermissionDeniedError("`" + file.string() + "` can be read by others: run `chmod 600 " +
                                          file.string() + "`");
  } else {
    content = read_open(fd, file);
  }
  ::close(fd);
  return content;
}

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t put = ::write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    content.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

}  // namespace

absl::StatusOr<std::string> read_file(const std::filesystem::path& file) {
  return read_checked(file, Secrecy::kPublic);
}

absl::StatusOr<std::string> read_secret_file(const std::filesystem::path& file) {
  return read_checked(file, Secrecy::kSecret);
}

bool sync_to_disk(int fd) {
#ifdef F_FULLFSYNC
  // Not every file system knows it: then fsync is what there is.
  if (::fcntl(fd, F_FULLFSYNC) == 0) return true;
#endif
  return ::fsync(fd) == 0;
}

absl::Status create_secret_file(const std::filesystem::path& file, std::string_view content) {
  const std::filesystem::path beside = file.string() + ".new." + std::to_string(::getpid());
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failed(beside, "make");
  absl::Status result;
  if (!write_all(fd, content) || !sync_to_disk(fd)) result = failed(beside, "write");
  ::close(fd);
  // link() and not rename(): it fails when somebody was faster.
  if (result.ok() && ::link(beside.c_str(), file.c_str()) != 0) result = failed(file, "make");
  ::unlink(beside.c_str());
  if (!result.ok()) return result;
  // The name is in the folder, which is a file of its own.
  const int folder = ::open(file.parent_path().c_str(), O_RDONLY | O_CLOEXEC);
  if (folder < 0) return failed(file.parent_path(), "open");
  if (!sync_to_disk(folder)) result = failed(file.parent_path(), "write");
  ::close(folder);
  return result;
}

}  // namespace zane::base
