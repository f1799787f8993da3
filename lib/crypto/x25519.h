// X25519 (RFC 7748): what the holders of two key pairs both know, and nobody else.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace zane::crypto {

// Of 32 bytes each; nothing when a key is none. Any thread.
std::optional<std::string> x25519(std::string_view own_secret, std::string_view peer_public);

}  // namespace zane::crypto
