// What may be answered to a server request: shown to the person by supervisor,
// checked by policy. One list for both, so that what is offered is what is
// taken. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "boost/json.hpp"

namespace zane::link {

// In Codex's order, `decline` and `cancel` added where its schema knows them:
// [{"choice": "accept", "grants": true}, …] (docs/link.md).
boost::json::array choices_of(std::string_view method, const boost::json::object& params);

// The same for the whole message as Codex wrote it. One that can't be read offers
// its refusals and nothing else: nobody grants what nobody could look at.
boost::json::array choices_of_request(std::string_view method, std::string_view request);

// What a phone is told of them: a decision may hold the whole command again, and
// one that is longer than an order to the Mac may be could not come back. The granting
// ones beyond this many bytes are left out and counted; refusals never are.
inline constexpr size_t kChoicesToldBytesMax = 128 * 1024;
struct ToldChoices {
  boost::json::array choices;
  int left_out = 0;
};
ToldChoices told_choices(std::string_view method, std::string_view request);

// The JSON-RPC result for a choice, written anew; nothing when it was not
// offered or `answers` do not fit. `grants` tells whether it lets something
// happen.
struct Response {
  std::string bytes;
  bool grants = false;
};
std::optional<Response> response_for(std::string_view method, const boost::json::object& params,
                                     std::string_view choice, const boost::json::object* answers);

std::optional<Response> response_for_request(std::string_view method, std::string_view request,
                                             std::string_view choice, const boost::json::object* answers);

}  // namespace zane::link
