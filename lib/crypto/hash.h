// SHA-256, HMAC-SHA256, comparison in constant time, and random bytes: thin
// names over OpenSSL. Free functions, any thread. They fail only when OpenSSL
// itself is broken, which ends the process.
#pragma once

#include <string>
#include <string_view>

namespace zane::crypto {

std::string sha256(std::string_view bytes);
std::string hmac_sha256(std::string_view key, std::string_view bytes);

// True when both are the same; takes as long either way. Lengths are no secret.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// `count` bytes fit for keys.
std::string random_bytes(size_t count);

// 22 characters of base64url: 16 random bytes, as every id of ours is. Never
// begins with `-`: people give ids to `zane`, which would take it for a flag.
std::string fresh_id();

}  // namespace zane::crypto
