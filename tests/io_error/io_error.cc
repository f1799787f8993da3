// Loaded into a service by tests (LD_PRELOAD): while the file that $ZANE_IO_ERROR names
// is there, every write below a folder called data/ fails with EIO, as on a disk that
// breaks; while one of that name with `.reads` behind it is there, every read. Nothing
// else is changed.
#include <dlfcn.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

bool fails(int fd, const char* suffix = "") {
  const char* flag = std::getenv("ZANE_IO_ERROR");
  char file[4096];
  if (!flag || std::snprintf(file, sizeof file, "%s%s", flag, suffix) < 0 || ::access(file, F_OK) != 0)
    return false;
  char link[64];
  char path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = ::readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = 0;
  return std::strstr(path, "/data/") != nullptr;
}

template <typename Function>
Function the_real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t count) {
  static const auto real = the_real<ssize_t (*)(int, const void*, size_t)>("write");
  if (fails(fd)) return errno = EIO, -1;
  return real(fd, bytes, count);
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) {
  static const auto real = the_real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  if (fails(fd)) return errno = EIO, -1;
  return real(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t at) {
  static const auto real = the_real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  if (fails(fd)) return errno = EIO, -1;
  return real(fd, bytes, count, at);
}

ssize_t read(int fd, void* bytes, size_t count) {
  static const auto real = the_real<ssize_t (*)(int, void*, size_t)>("read");
  if (fails(fd, ".reads")) return errno = EIO, -1;
  return real(fd, bytes, count);
}

ssize_t pread(int fd, void* bytes, size_t count, off_t at) {
  static const auto real = the_real<ssize_t (*)(int, void*, size_t, off_t)>("pread");
  if (fails(fd, ".reads")) return errno = EIO, -1;
  return real(fd, bytes, count, at);
}

ssize_t pread64(int fd, void* bytes, size_t count, off64_t at) {
  static const auto real = the_real<ssize_t (*)(int, void*, size_t, off64_t)>("pread64");
  if (fails(fd, ".reads")) return errno = EIO, -1;
  return real(fd, bytes, count, at);
}

}  // extern "C"
