// What policy judged is what Codex gets: the folders of an effect, looked at again
// right before Codex is spoken to (docs/ARCHITECTURE.md says what remains open after
// that). Decides nothing.
#pragma once

#include <string>

#include "zane/v1/command.pb.h"

namespace zane::supervisor {

// The first folder of the effect at which something else is now, or that can't be
// looked at; "" when all are what they were.
std::string swapped_folder(const v1::Effect& effect);

}  // namespace zane::supervisor
