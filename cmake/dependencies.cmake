# Every third-party library, found in a way that fits Debian 12 and Homebrew.
# docs/dependencies.md says what each one is for.
find_package(Threads REQUIRED)
find_package(Boost 1.81 CONFIG REQUIRED COMPONENTS headers json)
find_package(OpenSSL 3 REQUIRED)
# Apple's own SQLite syncs less than it is told (F_BARRIERFSYNC, NORMAL by default).
# Homebrew's is keg-only: found by its prefix alone, and nothing else will do.
if(APPLE)
  execute_process(COMMAND brew --prefix sqlite OUTPUT_VARIABLE sqlite_prefix OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(sqlite_prefix)
    list(PREPEND CMAKE_PREFIX_PATH ${sqlite_prefix})
  endif()
  set(CMAKE_FIND_FRAMEWORK LAST)
endif()
find_package(SQLite3 REQUIRED)
if(APPLE AND SQLite3_INCLUDE_DIRS MATCHES "\\.sdk/")
  message(FATAL_ERROR "this is Apple's SQLite (${SQLite3_INCLUDE_DIRS}): run `brew install sqlite`, remove the build folder and build again")
endif()
find_package(ZLIB REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(cppzmq CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(toml11 CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(GTest CONFIG REQUIRED)

# Homebrew's protobuf has a CMake config and needs abseil; Debian's has none.
find_package(Protobuf CONFIG QUIET)
if(NOT Protobuf_FOUND)
  find_package(Protobuf MODULE REQUIRED)
endif()
find_package(gRPC CONFIG REQUIRED)

find_library(QRENCODE_LIBRARY qrencode REQUIRED)
find_path(QRENCODE_INCLUDE_DIR qrencode.h REQUIRED)
add_library(qrencode INTERFACE)
target_link_libraries(qrencode INTERFACE ${QRENCODE_LIBRARY})
target_include_directories(qrencode SYSTEM INTERFACE ${QRENCODE_INCLUDE_DIR})
