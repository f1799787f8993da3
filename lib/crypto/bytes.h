// Bytes as text and back: base64url without padding (RFC 4648 §5), the one way
// Zane writes bytes as text. Free functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace zane::crypto {

std::string to_base64url(std::string_view bytes);

// Nothing when `text` is not canonical base64url.
std::optional<std::string> from_base64url(std::string_view text);

// Standard base64 with padding (RFC 4648 §4): what Codex uses for process output.
std::optional<std::string> from_base64(std::string_view text);

std::string to_hex(std::string_view bytes);

}  // namespace zane::crypto
