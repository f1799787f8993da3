// What differs between macOS and Linux, behind one seam: who is at the other
// end of a Unix socket, whether the machine has booted since, how the Mac is
// called. Linux is where we build and test; macOS is what we ship for.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace zane::base {

struct PeerIdentity {
  int64_t uid = -1;
  int64_t pid = -1;
};

// Nothing when the kernel will not tell: then the peer is to be refused.
std::optional<PeerIdentity> peer_of_unix_socket(int fd);

// When a process began, in the kernel's own words: with its pid it names one
// process of this boot and no other. "" when there is no such process.
std::string process_start(int64_t pid);

// The descriptor is not handed on to programs that are started.
void close_on_exec(int fd);

// A text that is the same until the machine boots again. Never empty.
std::string boot_id();

// A folder whose files are in no backup, outlive processes, and may go at a boot or when
// the system wants the room; this user's own where there is one. "" when there is none.
std::filesystem::path unkept_folder();

// The machine's name as its owner knows it.
std::string machine_name();

}  // namespace zane::base
