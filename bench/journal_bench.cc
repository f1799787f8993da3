// The journal alone, at a size: what an event costs on the disk and in time, and
// how long any one call holds the loop. Prints one line per figure; exit code 1
// when a call took longer than the bound.
//
//   journal_bench [EVENTS]   5,000,000 by default; 20 threads, deltas of 4.6 bytes of
//                            text in Codex's envelope, some starts and ends of turns
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <thread>

#include "lib/base/clock.h"
#include "lib/journal/journal.h"

namespace {

using namespace zane;

constexpr int kThreads = 20;
constexpr int kStarts = 20;
constexpr double kHoldMsMax = 20;
constexpr int64_t kKeepAllMs = int64_t{1} << 50;

int64_t cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// The longest of all calls of one kind, and how many there were.
struct Longest {
  double ms = 0;
  // Of the thread alone: what others did on the machine meanwhile is not in it.
  double cpu_ms = 0;
  int64_t calls = 0;
  template <typename Call>
  auto of(Call call) {
    const int64_t began = base::steady_ns();
    const int64_t cpu_began = cpu_ns();
    auto result = call();
    cpu_ms = std::max(cpu_ms, static_cast<double>(cpu_ns() - cpu_began) / 1e6);
    ms = std::max(ms, static_cast<double>(base::steady_ns() - began) / 1e6);
    ++calls;
    return result;
  }
};

std::string thread_name(int64_t n) {
  char name[64];
  std::snprintf(name, sizeof name, "019a%04d-0000-7000-8000-000000000000", static_cast<int>(n % kThreads));
  return name;
}

void append(journal::Journal& journal, int64_t n) {
  const std::string thread = thread_name(n / 50);
  const bool begins = n % 5000 == 0;
  const char* method = begins ? "turn/started" : "item/agentMessage/delta";
  journal.append(begins ? journal::Level::kList : journal::Level::kThread, n, [&](v1::Event& event) {
    event.set_thread(thread);
    event.set_turn("019a0000-0000-7000-8000-00000000" + std::to_string(n / 5000));
    event.set_item("msg_0123456789abcdef0123456789abcdef" + std::to_string(n / 500));
    event.set_method(method);
    event.set_raw(R"({"method":")" + std::string(method) + R"(","params":{"threadId":")" + thread +
                  R"(","turnId":")" + event.turn() + R"(","itemId":")" + event.item() + R"(","delta":" )" +
                  std::to_string(n * 7919 % 10000) + "\"}}");
  });
}

int64_t bytes_of(const std::filesystem::path& folder, const char* suffix) {
  int64_t all = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == suffix) all += static_cast<int64_t>(entry.file_size());
  return all;
}

bool print(const char* what, const Longest& longest) {
  const bool met = longest.ms <= kHoldMsMax;
  std::printf("  %-34s %9.3f ms, %9.3f of the processor  (%lld calls)  %s\n", what, longest.ms,
              longest.cpu_ms, static_cast<long long>(longest.calls), met ? "" : "MISSED");
  return met;
}

v1::JournalRead reading(const journal::Journal& journal, const std::string& thread, int64_t after) {
  v1::JournalRead read;
  read.set_epoch(journal.epoch());
  read.set_thread(thread);
  read.set_after_seq(after);
  read.set_limit(500);
  return read;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t events = argc > 1 ? std::atoll(argv[1]) : 5'000'000;
  const auto folder =
      std::filesystem::temp_directory_path() / ("journal-bench-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const auto file = folder / "journal.db";
  bool met = true;
  std::printf("%lld events\n", static_cast<long long>(events));
  Longest commit, sealed, start, page, list, tail, prune;
  {
    auto journal = journal::open_journal(file, "boot", 1);
    const int64_t began = base::steady_ns();
    int64_t n = 0;
    for (int per_commit : {1, 4, 16, 64}) {
      const int64_t part_began = base::steady_ns();
      const int64_t part = events / 4;
      for (int64_t i = 0; i < part; i += per_commit) {
        for (int k = 0; k < per_commit; ++k) append(*journal, ++n);
        (void)commit.of([&] { return journal->commit(); });
      }
      std::printf("  append, %2d per commit: %30.2f us an event\n", per_commit,
                  static_cast<double>(base::steady_ns() - part_began) / 1e3 / static_cast<double>(part));
    }
    std::printf("  all of it: %42.0f events a second\n",
                static_cast<double>(n) * 1e9 / static_cast<double>(base::steady_ns() - began));
    while (bytes_of(folder / "journal", ".log") > 2 * journal::kLogBytesMax) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      (void)sealed.of([&] {
        journal->look_at_sealed();
        return 0;
      });
    }
    std::printf("  on the disk: %40.1f bytes an event\n",
                static_cast<double>(bytes_of(folder / "journal", ".seg")) / static_cast<double>(n));
  }
  {
    std::unique_ptr<journal::Journal> journal;
    for (int i = 0; i < kStarts; ++i) {
      journal.reset();
      journal = start.of([&] { return journal::open_journal(file, "boot", 1); });
    }
    for (int64_t at = 0; at < journal->head_seq(); at += journal->head_seq() / 400) {
      (void)page.of([&] { return journal->read(reading(*journal, thread_name(at), at)); });
      (void)list.of([&] { return journal->read(reading(*journal, "", at)); });
      (void)tail.of([&] { return journal->tail(thread_name(at), 200); });
    }
    // A whole turn of a reader that comes late: pages until the head.
    const int64_t began = base::steady_ns();
    int64_t after = journal->head_seq() - std::min<int64_t>(events, 100'000);
    int pages = 0;
    for (; after < journal->head_seq(); ++pages)
      after = page.of([&] { return journal->read(reading(*journal, thread_name(1), after)); }).through_seq();
    std::printf("  the last 100,000 events, of one thread: %13.1f ms in %d pages\n",
                static_cast<double>(base::steady_ns() - began) / 1e6, pages);
    const journal::Retention half{kKeepAllMs, journal->bytes() / 2};
    while (prune.of([&] { return journal->prune_slice(half, events); })) {
    }
  }
  std::printf("longest that one call holds the loop (bound %.0f ms)\n", kHoldMsMax);
  met &= print("commit, a new log now and then", commit);
  met &= print("taking in what is sealed", sealed);
  met &= print("start, the file warm", start);
  met &= print("page of a thread", page);
  met &= print("page of the list", list);
  met &= print("last 200 of a thread", tail);
  met &= print("forgetting one piece", prune);
  std::filesystem::remove_all(folder);
  return met ? 0 : 1;
}
