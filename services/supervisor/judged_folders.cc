#include "services/supervisor/judged_folders.h"

#include <sys/stat.h>

#include <cerrno>

namespace zane::supervisor {

std::string swapped_folder(const v1::Effect& effect) {
  for (const auto& judged : effect.folders()) {
    struct stat now {};
    const bool is_there = ::stat(judged.path().c_str(), &now) == 0;
    const bool was_there = judged.inode() != 0;
    const bool same = is_there ? was_there && static_cast<uint64_t>(now.st_dev) == judged.device() &&
                                     static_cast<uint64_t>(now.st_ino) == judged.inode()
                               : !was_there && (errno == ENOENT || errno == ENOTDIR);
    if (!same) return judged.path();
  }
  return "";
}

}  // namespace zane::supervisor
