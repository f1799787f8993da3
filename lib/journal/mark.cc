#include "lib/journal/mark.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>

#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/log/log.h"

namespace zane::journal {
namespace {

// "<name> <reached>\n", each of a fixed width: one write replaces another whole.
constexpr char kForm[] = "%22.22s %020" PRId64 "\n";
constexpr size_t kBytes = 22 + 1 + 20 + 1;

// One that another user could have put there, or could change, says nothing.
bool is_ours(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == ::geteuid() &&
         (info.st_mode & 077) == 0;
}

std::filesystem::path file_for(const std::filesystem::path& folder, const Mark::House& house,
                               std::string_view of) {
  if (folder.empty()) return "";
  std::error_code ignored;
  const auto whole = std::filesystem::weakly_canonical(house.root, ignored);
  const auto short_hash = [](const std::string& text) {
    return crypto::to_hex(crypto::sha256(text)).substr(0, 16);
  };
  return folder / ("zane-" + short_hash(whole.string()) + "." + short_hash(house.key) + "." +
                   std::string(of) + ".mark");
}

}  // namespace

Mark::Mark(const std::filesystem::path& folder, const House& house, std::string_view of)
    : file_(file_for(folder, house, of)) {
  if (!file_.empty()) open();
  if (read()) return;
  is_new_ = true;
  renew();
}

void Mark::open() {
  fd_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd_ >= 0 && is_ours(fd_)) return;
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  log::warn("no_mark", {{"file", file_.string()}, {"cost", "an older copy put back is not noticed"}});
}

bool Mark::read() {
  char text[kBytes + 1] = {};
  char name[23] = {};
  if (fd_ < 0 || ::pread(fd_, text, kBytes, 0) != static_cast<ssize_t>(kBytes)) return false;
  if (std::sscanf(text, "%22s %" SCNd64, name, &reached_) != 2) return false;
  name_ = name;
  return true;
}

Mark::~Mark() {
  if (fd_ >= 0) ::close(fd_);
}

void Mark::renew() {
  name_ = crypto::fresh_id();
  reached_ = 0;
}

void Mark::reach(int64_t reached) {
  reached_ = reached;
  write();
}

void Mark::write() {
  if (fd_ < 0) return;
  char text[kBytes + 1];
  std::snprintf(text, sizeof text, kForm, name_.c_str(), reached_);
  if (::pwrite(fd_, text, kBytes, 0) == static_cast<ssize_t>(kBytes)) return;
  // A mark that is behind would hide what it is for: none is better.
  log::warn("mark_lost", {{"file", file_.string()}, {"cost", "an older copy put back is not noticed"}});
  ::unlink(file_.c_str());
  ::close(fd_);
  fd_ = -1;
}

}  // namespace zane::journal
