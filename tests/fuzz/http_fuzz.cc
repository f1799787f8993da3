// Fuzzes the HTTP front of the webhook's loopback listener; the first byte says how
// the rest is cut on its way. Traps where an invariant breaks.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string_view>

#include "services/webhook/exchange.h"

namespace {

using zane::webhook::Headers;

struct Told {
  std::string written;
  bool over = false;
  int calls = 0;
  std::string hook;
  Headers headers;
  std::string body;
  bool operator==(const Told&) const = default;
};

Told tell(std::string_view bytes, size_t piece) {
  Told told;
  const zane::webhook::Exchange::Intake intake = [&](const std::string& hook, const Headers& headers,
                                                     std::string body) {
    ++told.calls;
    told.hook = hook;
    told.headers = headers;
    told.body = std::move(body);
    return zane::webhook::Reply{202, "{}"};
  };
  zane::webhook::Exchange exchange(intake);
  while (!bytes.empty() && !exchange.over()) {
    told.written += exchange.take(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  told.over = exchange.over();
  return told;
}

bool is_local(std::string_view host) {
  const std::string_view name =
      host.starts_with("[::1]") ? host.substr(0, 5) : host.substr(0, host.find(':'));
  return name == "localhost" || name == "127.0.0.1" ||
         (name == "[::1]" && (host.size() == 5 || host[5] == ':'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Told told = tell(bytes, SIZE_MAX);
  // However it was cut, it is read in one way.
  if (!(told == tell(bytes, size_t{1} + data[0]))) __builtin_trap();

  std::string_view answer = told.written;
  constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  if (answer.starts_with(go_on)) answer.remove_prefix(go_on.size());
  // An end has its answer, and an answer is the end.
  if (told.over != answer.starts_with("HTTP/1.1 ")) __builtin_trap();
  if (!told.over && !answer.empty()) __builtin_trap();
  // Taken is what the intake took, once, and nothing else.
  if (told.calls > 1 || (told.calls == 1) != answer.starts_with("HTTP/1.1 202 ")) __builtin_trap();
  if (told.calls == 0) return 0;
  size_t header_bytes = 0;
  for (const auto& [name, value] : told.headers) {
    header_bytes += name.size() + value.size();
    for (const char c : name)
      if (std::isupper(static_cast<unsigned char>(c))) __builtin_trap();
  }
  const auto host = told.headers.find("host");
  if (told.hook.empty() || host == told.headers.end() || !is_local(host->second) ||
      told.headers.contains("origin") || header_bytes > zane::webhook::kHeaderBytesMax ||
      told.body.size() > zane::webhook::kBodyBytesMax || told.body.size() > bytes.size())
    __builtin_trap();
  return 0;
}
