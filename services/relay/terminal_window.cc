#include "services/relay/terminal_window.h"

#include "boost/json.hpp"
#include "lib/crypto/bytes.h"
#include "lib/json/strict.h"

namespace zane::relay {
namespace {

namespace bj = boost::json;

std::string megabytes(int64_t bytes) {
  const int64_t tenths = bytes * 10 / (1024 * 1024);
  if (tenths == 0) return std::to_string(std::max<int64_t>(1, bytes / 1024)) + " KiB";
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MiB";
}

// The same notification with other output in it.
std::string saying(const bj::object& message, const std::string& text) {
  std::string base64 = crypto::to_base64url(text);
  for (char& c : base64) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (base64.size() % 4 != 0) base64 += '=';
  bj::object copy = message;
  copy["params"].as_object()["deltaBase64"] = base64;
  return bj::serialize(copy);
}

}  // namespace

std::vector<std::string> TerminalWindow::pass(const std::string& owner, const std::string& raw,
                                              size_t waiting) {
  if (cut_.empty() && waiting <= kTerminalWaitingMax) return {raw};
  const auto message = json::parse_object(raw);
  const auto* params = message.ok() ? json::object_at(*message, "params") : nullptr;
  const auto delta = params ? json::string_at(*params, "deltaBase64") : std::nullopt;
  const auto process = params ? json::string_at(*params, "processHandle") : std::nullopt;
  const auto command = params ? json::string_at(*params, "processId") : std::nullopt;
  const std::string terminal = owner + "/" + std::string(process ? *process : command.value_or(""));
  const auto cut = cut_.find(terminal);
  const bool cutting = cut != cut_.end();
  if (!delta) {
    if (cutting) cut_.erase(cut);
    return {raw};
  }
  const bool room = waiting <= (cutting ? kTerminalResumeBytes : kTerminalWaitingMax);
  if (!room) {
    if (cutting || cut_.size() < kTerminalsCutMax)
      cut_[terminal] += static_cast<int64_t>(delta->size() / 4 * 3);
    return {};
  }
  if (!cutting) return {raw};
  const std::string note =
      saying(*message, "\r\n\x1b[7m… " + megabytes(cut->second) + " of output left out …\x1b[0m\r\n");
  cut_.erase(cut);
  return {note, raw};
}

}  // namespace zane::relay
