#include "services/supervisor/mark.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>

#include "lib/crypto/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/log/log.h"
#include "services/supervisor/ledger.h"

namespace zane::supervisor {
namespace {

// "<name> <seq> <writes>\n", each of a fixed width: one write replaces another whole.
constexpr char kForm[] = "%22.22s %020" PRId64 " %020" PRId64 "\n";
constexpr size_t kBytes = 22 + 1 + 20 + 1 + 20 + 1;

// One that another user could have put there, or could change, says nothing.
bool is_ours(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == ::geteuid() &&
         (info.st_mode & 077) == 0;
}

}  // namespace

Mark::Mark(const std::filesystem::path& folder, const std::filesystem::path& home) {
  if (!folder.empty()) open(folder, home);
  if (!read()) renew();
}

void Mark::open(const std::filesystem::path& folder, const std::filesystem::path& home) {
  std::error_code ignored;
  const auto whole = std::filesystem::weakly_canonical(home, ignored);
  file_ = folder / ("zane-" + crypto::to_hex(crypto::sha256(whole.string())).substr(0, 16) + ".mark");
  fd_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd_ >= 0 && is_ours(fd_)) return;
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  log::warn("no_mark", {{"file", file_.string()}, {"cost", "each start begins a new epoch"}});
}

bool Mark::read() {
  char text[kBytes + 1] = {};
  char name[23] = {};
  if (fd_ < 0 || ::pread(fd_, text, kBytes, 0) != static_cast<ssize_t>(kBytes)) return false;
  if (std::sscanf(text, "%22s %" SCNd64 " %" SCNd64, name, &seq_, &ledger_writes_) != 3) return false;
  name_ = name;
  return true;
}

Mark::~Mark() {
  if (fd_ >= 0) ::close(fd_);
}

void Mark::renew() {
  name_ = crypto::fresh_id();
  seq_ = ledger_writes_ = 0;
  write();
}

void Mark::reached_seq(int64_t seq) {
  seq_ = seq;
  write();
}

void Mark::reached_ledger(int64_t writes) {
  ledger_writes_ = writes;
  write();
}

void Mark::write() {
  if (fd_ < 0) return;
  char text[kBytes + 1];
  std::snprintf(text, sizeof text, kForm, name_.c_str(), seq_, ledger_writes_);
  if (::pwrite(fd_, text, kBytes, 0) == static_cast<ssize_t>(kBytes)) return;
  // A mark that is behind would hide what it is for: none is better.
  log::warn("mark_lost", {{"file", file_.string()}, {"cost", "the next start begins a new epoch"}});
  ::unlink(file_.c_str());
  ::close(fd_);
  fd_ = -1;
}

std::unique_ptr<journal::Journal> open_journal(Mark& mark, const std::filesystem::path& data,
                                               const std::string& boot_id, int64_t now_ms,
                                               Restored& restored) {
  const auto file = data / "journal.db";
  const auto open = [&] { return journal::open_journal(file, boot_id + "/" + mark.name(), now_ms); };
  restored.ledger = Ledger::writes_in(data / "ledger.db") < mark.ledger_writes();
  auto opened = restored.ledger ? nullptr : open();
  restored.journal = opened && opened->head_seq() < mark.seq();
  if (restored.ledger || restored.journal) {
    log::error("older_copy", {{"of", restored.ledger ? "ledger.db" : "journal.db"},
                              {"reached_seq", mark.seq()},
                              {"cure", "a new epoch begins: readers take a snapshot"}});
    opened.reset();
    mark.renew();
    opened = open();
  }
  opened->on_committed([&mark](int64_t seq) { mark.reached_seq(seq); });
  return opened;
}

}  // namespace zane::supervisor
