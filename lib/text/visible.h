// What others wrote, on a terminal: nothing in it moves the cursor, turns the
// direction of the text, hides, or pushes the rest out of sight. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace zane::text {

// Blanks or line ends in a row, of which more are counted instead of shown.
inline constexpr size_t kBlanksShownMax = 8;

// Whether a character does something or can't be seen: Unicode 15's categories Cc,
// Cf, Co, Zl, Zp and Zs but for the blank, what is ignorable by default (variation
// selectors, fillers), U+2800 and noncharacters.
bool hides(uint32_t code_point);

// One line: hidden characters as ⟨U+202E⟩, line ends as ↵, tabs as ⇥, long runs of
// them as ⟨3,000 blanks⟩, bytes that are no text as U+FFFD. Of a longer one the
// first `characters_max` and how many follow: "… ⟨and 1,234 more⟩". A count or an
// escape is never cut.
std::string visible(std::string_view bytes, size_t characters_max = SIZE_MAX);

// 1234567 as 1,234,567.
std::string grouped(uint64_t number);

}  // namespace zane::text
