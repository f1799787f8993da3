// Fuzzes the parser of zane.toml. Traps where an invariant breaks.
#include <cctype>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "lib/config/config.h"
#include "lib/text/utf8.h"

namespace {

// What the rest of Zane takes for granted of a file that was read.
void check(const zane::config::Config& config) {
  if (config.webhook.port < 0 || config.webhook.port > 65535 || config.policy.pairing_minutes < 1 ||
      config.policy.pairing_minutes > 60 || config.journal.keep_days < 1 || config.journal.keep_mib < 1)
    __builtin_trap();
  // Milliseconds and bytes of these do not overflow.
  if (config.journal.keep_days > INT64_MAX / 86400000 || config.journal.keep_mib > INT64_MAX >> 20)
    __builtin_trap();
  for (const auto& folder : config.policy.folders)
    if (folder.empty() || (folder[0] != '/' && folder[0] != '~')) __builtin_trap();
  std::set<std::string> ids;
  for (const auto& hook : config.hooks) {
    // Part of an address and of a file's name.
    if (hook.id.empty() || hook.id.size() > 64 || !ids.insert(hook.id).second) __builtin_trap();
    for (const char c : hook.id)
      if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-') __builtin_trap();
    if (hook.scheme != "github" && hook.scheme != "hmac" && hook.scheme != "standard") __builtin_trap();
    if (hook.name.empty() || hook.prompt.empty() || !hook.cwd.starts_with('/')) __builtin_trap();
    for (const auto* text : {&hook.name, &hook.cwd, &hook.prompt, &hook.model, &hook.effort})
      if (!zane::text::is_utf8(*text)) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto config = zane::config::parse(text, "zane.toml");
  if (config.ok()) {
    check(*config);
    // Whoever has to mend it is told where.
  } else if (config.status().message().empty() ||
             config.status().message().find("zane.toml") == std::string_view::npos) {
    __builtin_trap();
  }
  return 0;
}
