// Small files of ours on disk: secrets and settings. Whole-file reads and
// writes only; every error names the path and the cure.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace zane::base {

// A settings or key file is small; a longer one is not ours.
inline constexpr size_t kSmallFileBytesMax = 1024 * 1024;

absl::StatusOr<std::string> read_file(const std::filesystem::path& file);

// As read_file, and refuses a file that others on this machine may read.
absl::StatusOr<std::string> read_secret_file(const std::filesystem::path& file);

// Makes a new file of mode 0600, whole or not at all (written beside, synced,
// linked into place, its folder synced). AlreadyExists when there is one.
absl::Status create_secret_file(const std::filesystem::path& file, std::string_view content);

// On the disk itself on return, not in its cache (fsync(2) on macOS stops there).
bool sync_to_disk(int fd);

}  // namespace zane::base
