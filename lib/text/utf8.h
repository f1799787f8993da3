// Foreign text is bytes until it was cleaned: cutting and mending of what others
// wrote, in one place. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace zane::text {

// Whether the bytes are UTF-8: no surrogates, nothing overlong, nothing beyond
// U+10FFFF (Unicode 15, table 3-7).
bool is_utf8(std::string_view bytes);

// What is not UTF-8 becomes U+FFFD, one for each maximal subpart of a sequence
// (as the WHATWG decoder does); what is stays as it is.
std::string to_utf8(std::string_view bytes);

// The first, or the last, at most `bytes_max` bytes, never inside a character.
std::string_view cut_at_character(std::string_view text, size_t bytes_max);
std::string_view last_at_character(std::string_view text, size_t bytes_max);

}  // namespace zane::text
