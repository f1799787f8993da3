// What the console says: tables for people, one line of JSON with --json. A
// terminal's escape sequences in what Codex or a phone wrote are made harmless.
#pragma once

#include <string>
#include <vector>

#include "google/protobuf/message.h"

namespace zane::console {

// The reply in proto3's JSON mapping, on one line, every field present.
void print_json(const google::protobuf::Message& message);

// Columns as wide as need be; the first row is the head.
void print_table(const std::vector<std::vector<std::string>>& rows);

// One line on which nothing hides (lib/text/visible.h), at most `width` characters.
std::string harmless(const std::string& text, size_t width = 200);

// "14:02", or with the date when it is not today.
std::string time_text(int64_t ms);

// A QR code of `text`, or how large the window has to be for it. False when it was
// not drawn.
bool print_qr(const std::string& text);

// Whether the locale of this process writes UTF-8; `main` has set it.
bool is_utf8_locale();

}  // namespace zane::console
