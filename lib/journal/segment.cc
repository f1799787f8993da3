#include "lib/journal/segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/base/file.h"
#include "lib/journal/journal.h"
#include "lib/log/log.h"
#include "zlib.h"

namespace zane::journal {
namespace {

constexpr char kMagic[] = "ZANESEG1";
constexpr size_t kMagicBytes = 8;
constexpr uint32_t kVersion = 2;
constexpr char kLog[] = ".log";
constexpr char kSealed[] = ".seg";
// Length and CRC before a record, then the time.
constexpr size_t kHeadBytes = 8;
constexpr size_t kTimeBytes = 8;
constexpr size_t kTailBytes = 8 + kMagicBytes;
// Read at once at the end of a sealed one.
constexpr int64_t kEndBytes = 4096;
// A log is read through in pieces of this, or of one record.
constexpr int64_t kPieceBytes = 256 * 1024;
// More than a segment ever has.
constexpr int64_t kEventsMax = int64_t{1} << 32;
// Codex's longest message and room to spare: a length beyond it is damage.
constexpr uint32_t kRecordBytesMax = 256 * 1024 * 1024;

template <typename T>
T number_at(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <typename T>
void put(std::string& to, size_t at, T value) {
  std::memcpy(to.data() + at, &value, sizeof value);
}

uint32_t crc_of(std::string_view bytes) {
  return static_cast<uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));  // NOLINT
}

[[noreturn]] void fail(const std::filesystem::path& path, const char* doing) {
  const int number = errno;
  throw SegmentError(number,
                     std::string("can't ") + doing + " `" + path.string() + "`: " + std::strerror(number));
}

[[noreturn]] void damaged(const std::filesystem::path& path, const char* what) {
  throw SegmentError(0, "`" + path.string() + "` is damaged: " + what);
}

void write_at(int fd, int64_t offset, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path, "write");
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += n;
  }
}

void fill_from(int fd, int64_t offset, std::string& bytes, const std::filesystem::path& path) {
  for (size_t have = 0; have < bytes.size();) {
    const ssize_t n =
        ::pread(fd, bytes.data() + have, bytes.size() - have, offset + static_cast<int64_t>(have));
    if (n < 0 && errno == EINTR) continue;
    // A sector that is gone is damage, and no weather: it does not pass.
    if (n < 0 && errno == EIO) damaged(path, "the disk can't read it");
    if (n < 0) fail(path, "read");
    if (n == 0) damaged(path, "it is shorter than it says");
    have += static_cast<size_t>(n);
  }
}

std::string read_at(int fd, int64_t offset, int64_t length, const std::filesystem::path& path) {
  std::string bytes(static_cast<size_t>(length), '\0');
  fill_from(fd, offset, bytes, path);
  return bytes;
}

void sync(int fd, const std::filesystem::path& path) {
  if (!base::sync_to_disk(fd)) fail(path, "sync");
}

void sync_folder(const std::filesystem::path& folder) {
  const File opened(::open(folder.c_str(), O_RDONLY | O_CLOEXEC));
  if (opened.fd() < 0) fail(folder, "open");
  sync(opened.fd(), folder);
}

File open_sealed(const std::filesystem::path& path) {
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0 && errno == ENOENT) damaged(path, "it is gone");
  if (file.fd() < 0) fail(path, "open");
  return file;
}

std::filesystem::path name_of(int64_t first_seq, const char* kind) {
  std::string digits = std::to_string(first_seq);
  return std::string(20 - digits.size(), '0') + digits + kind;
}

int64_t first_seq_of(const std::filesystem::path& file) { return std::stoll(file.stem().string()); }

}  // namespace

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

File& File::operator=(File&& other) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

// FNV-1a.
uint32_t hash_of(std::string_view thread) {
  uint32_t hash = 2166136261u;
  for (const char c : thread) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash;
}

Segment::Segment(std::filesystem::path path, int64_t first_seq, bool sealed)
    : path_(std::move(path)), first_seq_(first_seq), sealed_(sealed) {
  summary_.set_version(kVersion);
  summary_.set_last_seq(first_seq - 1);
}

std::unique_ptr<Segment> Segment::begin(const std::filesystem::path& folder, int64_t first_seq) {
  auto log = std::unique_ptr<Segment>(new Segment(folder / name_of(first_seq, kLog), first_seq, false));
  log->file_ = File(::open(log->path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (log->file_.fd() < 0) fail(log->path_, "make");
  return log;
}

std::unique_ptr<Segment> Segment::open(const std::filesystem::path& file, bool& torn) {
  const bool sealed = file.extension() == kSealed;
  auto segment = std::unique_ptr<Segment>(new Segment(file, first_seq_of(file), sealed));
  File opened = sealed ? open_sealed(file) : File(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  if (opened.fd() < 0) fail(file, "open");
  struct stat info {};
  if (::fstat(opened.fd(), &info) != 0) fail(file, "look at");
  segment->bytes_ = info.st_size;
  torn = false;
  if (sealed) {
    segment->read_summary(opened);
  } else {
    segment->file_ = std::move(opened);
    torn = segment->read_log();
  }
  return segment;
}

namespace {

// Its length, and nanoseconds since 1970 of the last change; 0 and 0 where it can't be asked.
std::pair<int64_t, int64_t> state_of(const std::filesystem::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return {};
#ifdef __APPLE__
  const timespec& at = info.st_mtimespec;
#else
  const timespec& at = info.st_mtim;
#endif
  return {int64_t{info.st_size}, int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec};
}

bool fits(const v1::SegmentSummary& summary, int64_t first_seq, int64_t file_bytes) {
  return summary.last_seq() >= first_seq - 1 && summary.last_seq() - first_seq < kEventsMax &&
         summary.index_bytes() >= 0 && summary.index_bytes() <= file_bytes && summary.index_offset() >= 0 &&
         summary.index_offset() <= file_bytes - summary.index_bytes() &&
         std::is_sorted(summary.threads().begin(), summary.threads().end());
}

}  // namespace

std::unique_ptr<Segment> Segment::known(const std::filesystem::path& file, int64_t first_seq,
                                        Summaries::Row row) {
  if (row.summary.version() != kVersion || !fits(row.summary, first_seq, row.bytes) ||
      std::pair(row.bytes, row.changed) != state_of(file))
    return nullptr;
  auto segment = std::unique_ptr<Segment>(new Segment(file, first_seq, true));
  segment->bytes_ = row.bytes;
  segment->summary_ = std::move(row.summary);
  segment->from_row_ = true;
  return segment;
}

Summaries::Row Segment::row() const { return {bytes_, state_of(path_).second, summary_}; }

bool Segment::reread() {
  if (!from_row_) return false;
  bool torn = false;
  *this = std::move(*open(path_, torn));
  return true;
}

void Segment::read_summary(const File& file) {
  if (bytes_ < static_cast<int64_t>(kTailBytes)) damaged(path_, "it has no end");
  // The summary is mostly short: it comes with the tail, in one read.
  int64_t at = std::max<int64_t>(0, bytes_ - kEndBytes);
  std::string end = read_at(file.fd(), at, bytes_ - at, path_);
  const std::string tail = end.substr(end.size() - kTailBytes);
  if (std::string_view(tail).substr(8) != kMagic) damaged(path_, "it does not end as a segment does");
  const auto length = int64_t{number_at<uint32_t>(tail.data())};
  const int64_t summary_at = bytes_ - static_cast<int64_t>(kTailBytes) - length;
  if (summary_at < 0) damaged(path_, "its summary is longer than itself");
  if (summary_at < at) end = read_at(file.fd(), at = summary_at, bytes_ - summary_at, path_);
  const auto summary =
      std::string_view(end).substr(static_cast<size_t>(summary_at - at), static_cast<size_t>(length));
  if (crc_of(summary) != number_at<uint32_t>(tail.data() + 4) ||
      !summary_.ParseFromArray(summary.data(), static_cast<int>(summary.size())))
    damaged(path_, "its summary");
  if (summary_.version() != kVersion) damaged(path_, "it is of another version");
  if (!fits(summary_, first_seq_, bytes_)) damaged(path_, "its summary names what is not there");
}

Segment::Index Segment::index() {
  // Not owned: a log's is its own.
  if (!sealed_) return {Index(), &index_};
  try {
    return read_index();
  } catch (const SegmentError& e) {
    if (e.number != 0 || !reread()) throw;
    return read_index();
  }
}

Segment::Index Segment::read_index() const {
  const std::string stored =
      read_at(open_sealed(path_).fd(), summary_.index_offset(), summary_.index_bytes(), path_);
  auto index = std::make_shared<v1::SegmentIndex>();
  if (crc_of(stored) != summary_.index_crc() || !index->ParseFromString(stored)) damaged(path_, "its index");
  int64_t expected = first_seq_;
  for (const auto& block : index->blocks()) {
    if (block.first_seq() != expected || block.last_seq() < expected ||
        block.last_seq() - expected >= kBlockEvents || block.stored_bytes() < 0 ||
        block.stored_bytes() > summary_.index_offset() || block.offset() < 0 ||
        block.offset() > summary_.index_offset() - block.stored_bytes() || block.raw_bytes() < 0 ||
        block.raw_bytes() > int64_t{kRecordBytesMax} + kBlockBytes)
      damaged(path_, "its index names what is not there");
    expected = block.last_seq() + 1;
  }
  if (expected != last_seq() + 1) damaged(path_, "its index has fewer events than it says");
  return index;
}

bool Segment::may_hold(const std::string& thread, uint32_t hash) const {
  if (thread.empty()) return summary_.has_list_level();
  return std::binary_search(summary_.threads().begin(), summary_.threads().end(), hash);
}

namespace {

// The next record of `bytes`; false when what is there is none.
bool next_record(std::string_view& bytes, int64_t& at_ms, v1::Event& event, size_t& length) {
  if (bytes.size() < kHeadBytes + kTimeBytes) return false;
  const auto body = number_at<uint32_t>(bytes.data());
  if (body < kTimeBytes || body > kRecordBytesMax || bytes.size() - kHeadBytes < body) return false;
  const std::string_view content = bytes.substr(kHeadBytes, body);
  if (crc_of(content) != number_at<uint32_t>(bytes.data() + 4)) return false;
  at_ms = number_at<int64_t>(content.data());
  if (!event.ParseFromArray(content.data() + kTimeBytes, static_cast<int>(body - kTimeBytes))) return false;
  length = kHeadBytes + body;
  bytes.remove_prefix(length);
  return true;
}

}  // namespace

bool Segment::read_log() {
  const int64_t all = bytes_;
  bytes_ = 0;
  // What the record at `bytes_` says to need, as far as that can be read.
  int64_t needs = 0;
  std::string piece;
  v1::Event event;
  for (int64_t piece_bytes = kPieceBytes; bytes_ < all; piece_bytes = std::max(kPieceBytes, needs)) {
    const int64_t piece_at = bytes_;
    piece.resize(static_cast<size_t>(std::min(all - bytes_, piece_bytes)));
    fill_from(file_.fd(), bytes_, piece, path_);
    std::string_view rest = piece;
    int64_t at_ms = 0;
    size_t length = 0;
    while (next_record(rest, at_ms, event, length) && event.seq() == last_seq() + 1)
      note(length, at_ms, event);
    needs = bytes_ > piece_at || piece.size() < kHeadBytes
                ? 0
                : int64_t{number_at<uint32_t>(piece.data())} + int64_t{kHeadBytes};
    if (bytes_ == piece_at && (needs <= std::ssize(piece) || needs > all - bytes_)) break;
  }
  if (bytes_ == all) return false;
  // Whoever wants to know what it was finds a copy beside the log. A record that was
  // not written to its end (or says so) is cut off without one, on a full disk.
  const bool is_end = needs == 0 || needs > all - bytes_;
  std::error_code error;
  const bool kept = std::filesystem::copy_file(path_, path_.string() + ".torn",
                                               std::filesystem::copy_options::overwrite_existing, error);
  log::warn("journal_torn", {{"file", path_.string()},
                             {"bytes", all - bytes_},
                             {"copy", kept ? path_.string() + ".torn" : error.message()}});
  if (!is_end && !kept) damaged(path_, "a record, and there is no room for a copy");
  if (::ftruncate(file_.fd(), bytes_) != 0) fail(path_, "shorten");
  return true;
}

void Segment::note(size_t record_bytes, int64_t at_ms, const v1::Event& event) {
  const bool is_long = told_bytes(event) > kToldBytesMax;
  v1::SegmentBlock* block =
      index_.blocks_size() == 0 ? nullptr : index_.mutable_blocks(index_.blocks_size() - 1);
  if (!block || is_long || block->has_told() || block->last_seq() - block->first_seq() + 1 >= kBlockEvents ||
      block->raw_bytes() >= kBlockBytes) {
    block = index_.add_blocks();
    block->set_first_seq(event.seq());
    block->set_offset(bytes_);
  }
  const auto length = static_cast<int64_t>(record_bytes);
  block->set_last_seq(event.seq());
  block->set_stored_bytes(block->stored_bytes() + length);
  block->set_raw_bytes(block->raw_bytes() + length);
  if (event.list_level()) {
    block->set_has_list_level(true);
    summary_.set_has_list_level(true);
  }
  const uint32_t thread = hash_of(event.thread());
  if (std::find(block->threads().begin(), block->threads().end(), thread) == block->threads().end()) {
    block->add_threads(thread);
    auto& all = *summary_.mutable_threads();
    const auto place = std::lower_bound(all.begin(), all.end(), thread) - all.begin();
    if (place == all.size() || all.Get(static_cast<int>(place)) != thread) {
      all.Add(thread);
      std::rotate(all.begin() + place, all.end() - 1, all.end());
    }
  }
  if (is_long) {
    *block->mutable_told() = event;
    block->mutable_told()->clear_read_ns();
    leave_out_if_long(*block->mutable_told());
  }
  summary_.set_last_seq(event.seq());
  if (event.method() == "turn/started") (*summary_.mutable_turn_starts())[event.thread()] = event.seq();
  if (summary_.first_at_ms() == 0) summary_.set_first_at_ms(at_ms);
  // A clock that is set back does not make it old.
  summary_.set_last_at_ms(std::max(summary_.last_at_ms(), at_ms));
  bytes_ += length;
}

void Segment::add_record(Records& records, int64_t at_ms, v1::Event& event) {
  // When it was read is for those who measure now.
  const int64_t read_ns = event.read_ns();
  event.set_read_ns(0);
  const size_t event_bytes = event.ByteSizeLong();
  const size_t begin = records.bytes.size();
  records.bytes.resize(begin + kHeadBytes + kTimeBytes + event_bytes);
  put(records.bytes, begin + kHeadBytes, at_ms);
  event.SerializeWithCachedSizesToArray(
      reinterpret_cast<uint8_t*>(records.bytes.data() + begin + kHeadBytes + kTimeBytes));  // NOLINT
  event.set_read_ns(read_ns);
  const std::string_view content = std::string_view(records.bytes).substr(begin + kHeadBytes);
  put(records.bytes, begin, static_cast<uint32_t>(content.size()));
  put(records.bytes, begin + 4, crc_of(content));
  records.each.push_back({records.bytes.size() - begin, at_ms, &event});
}

void Segment::append(const Records& records) {
  try {
    write_at(file_.fd(), bytes_, records.bytes, path_);
  } catch (const SegmentError&) {
    // What did not fit whole is taken back. If that fails too, the next write is over it.
    (void)!::ftruncate(file_.fd(), bytes_);
    throw;
  }
  for (const auto& [length, at_ms, event] : records.each) note(length, at_ms, *event);
}

std::string Segment::stored(const v1::SegmentBlock& block) const {
  // A sealed one is opened for each look: there are as many as the disk has room for.
  const File opened = sealed_ ? open_sealed(path_) : File();
  std::string bytes =
      read_at(sealed_ ? opened.fd() : file_.fd(), block.offset(), block.stored_bytes(), path_);
  if (!block.deflated()) return bytes;
  if (crc_of(bytes) != block.crc()) damaged(path_, "a block");
  std::string raw(static_cast<size_t>(block.raw_bytes()), '\0');
  uLongf length = raw.size();
  if (::uncompress(reinterpret_cast<Bytef*>(raw.data()), &length,                       // NOLINT
                   reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) != Z_OK  // NOLINT
      || length != raw.size())
    damaged(path_, "a block can't be inflated");
  return raw;
}

void Segment::read(const v1::SegmentBlock& block, const Taker& take) const {
  const std::string bytes = stored(block);
  std::string_view rest = bytes;
  int64_t seq = block.first_seq();
  while (!rest.empty()) {
    v1::Event event;
    int64_t at_ms = 0;
    size_t length = 0;
    if (!next_record(rest, at_ms, event, length) || event.seq() != seq++) damaged(path_, "a record");
    if (!take(at_ms, std::move(event))) return;
  }
  if (seq != block.last_seq() + 1) damaged(path_, "a block has fewer events than it says");
}

void Segment::sync_all() const {
  sync(file_.fd(), path_);
  sync_folder(path_.parent_path());
}

std::filesystem::path Segment::seal(const Full& full) {
  const std::filesystem::path& log = full.log;
  std::filesystem::path file = log;
  file.replace_extension(kSealed);
  const std::filesystem::path made = file.string() + ".new";
  const File from(::open(log.c_str(), O_RDONLY | O_CLOEXEC));
  if (from.fd() < 0) fail(log, "open");
  {
    const File to(::open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (to.fd() < 0) fail(made, "make");
    v1::SegmentIndex index = full.index;
    int64_t offset = 0;
    std::string deflated;
    for (auto& block : *index.mutable_blocks()) {
      const std::string raw = read_at(from.fd(), block.offset(), block.raw_bytes(), log);
      uLongf length = ::compressBound(raw.size());
      deflated.resize(length);
      if (::compress2(reinterpret_cast<Bytef*>(deflated.data()), &length,  // NOLINT
                      reinterpret_cast<const Bytef*>(raw.data()), raw.size(),
                      Z_BEST_SPEED) != Z_OK)  // NOLINT
        throw SegmentError(ENOMEM, "no memory to deflate a block");
      deflated.resize(length);
      write_at(to.fd(), offset, deflated, made);
      block.set_offset(offset);
      block.set_stored_bytes(static_cast<int64_t>(length));
      block.set_crc(crc_of(deflated));
      block.set_deflated(true);
      offset += static_cast<int64_t>(length);
    }
    std::string end = index.SerializeAsString();
    v1::SegmentSummary summary = full.summary;
    summary.set_index_offset(offset);
    summary.set_index_bytes(static_cast<int64_t>(end.size()));
    summary.set_index_crc(crc_of(end));
    const std::string last = summary.SerializeAsString();
    const auto length = static_cast<uint32_t>(last.size());
    const uint32_t crc = crc_of(last);
    end.append(last);
    end.append(reinterpret_cast<const char*>(&length), sizeof length);  // NOLINT
    end.append(reinterpret_cast<const char*>(&crc), sizeof crc);        // NOLINT
    end.append(kMagic, kMagicBytes);
    write_at(to.fd(), offset, end, made);
    sync(to.fd(), made);
  }
  if (::rename(made.c_str(), file.c_str()) != 0) fail(file, "name");
  sync_folder(log.parent_path());
  return file;
}

void Segment::sealed_as(const std::filesystem::path& file) {
  bool torn = false;
  auto other = Segment::open(file, torn);
  const std::filesystem::path log = path_;
  *this = std::move(*other);
  std::error_code ignored;
  std::filesystem::remove(log, ignored);
}

}  // namespace zane::journal
