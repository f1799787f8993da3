#include "lib/journal/cure.h"

#include <cerrno>

#include "sqlite3.h"

namespace zane::journal {
namespace {

// "" where the text has it, or there is none.
const char* cure_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return "make room on the disk that holds $ZANE_HOME";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return "the file or its disk is read-only: make it writable for this user";
    case SQLITE_IOERR:
      return "the disk itself fails or was taken away: look at the system's log, and save what you can";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another program holds it (a backup, a database shell): end that, or wait until it is done";
    case SQLITE_NOMEM:
      return "there is no memory left: end what uses most of it";
    default:
      return "";
  }
}

}  // namespace

std::string with_cure(const SqliteError& error) {
  const std::string cure = cure_of(error.code);
  return cure.empty() ? error.what() : std::string(error.what()) + ": " + cure;
}

SqliteError weather(const SegmentError& error) {
  constexpr int kFull = 13, kReadOnly = 8, kNoMemory = 7, kCantOpen = 14, kIo = 10;
  switch (error.number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return {kFull, error.what()};
    case EROFS:
    case EACCES:
    case EPERM:
      return {kReadOnly, error.what()};
    case ENOMEM:
      return {kNoMemory, error.what()};
    case EMFILE:
    case ENFILE:
    case ENOENT:
      return {kCantOpen, error.what()};
    default:
      return {kIo, error.what()};
  }
}

}  // namespace zane::journal
