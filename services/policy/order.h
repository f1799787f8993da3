// An order on its way through the gate, and what it came to.
#pragma once

#include <optional>
#include <string>

#include "boost/json.hpp"
#include "lib/json/strict.h"
#include "services/policy/roles.h"
#include "zane/v1/envelope.pb.h"

namespace zane::policy {

// An order whose sender is certain, from whatever side it came.
struct Order {
  std::string id;
  // What it is remembered by, here and in supervisor: ids are their senders'
  // own, and two senders may use one.
  std::string key;
  v1::Actor actor;
  Role role = Role::kViewer;
  std::string client;  // owner of processes, see Effect.client
  std::string method;
  boost::json::object params;
  std::string trace;
  // The sender's own end of its time; 0 when it has none.
  int64_t expires_ms = 0;

  // "" when it is not there or no text.
  [[nodiscard]] std::string text(std::string_view param) const {
    return std::string(json::string_at(params, param).value_or(""));
  }
};

// One of four: an effect for supervisor to carry out, a method that policy
// answers itself (own_methods.h), that answer, a refusal (with a reason).
struct Judged {
  std::optional<v1::Effect> effect;
  bool own = false;
  std::string result;
  std::string reason;
  std::string message;

  static Judged carried_out(v1::Effect effect) { return {std::move(effect), false, "", "", ""}; }
  static Judged answered_here() { return {{}, true, "", "", ""}; }
  static Judged answered(const boost::json::object& result) {
    return {{}, false, boost::json::serialize(result), "", ""};
  }
  static Judged refused(std::string reason, std::string message) {
    return {{}, false, "", std::move(reason), std::move(message)};
  }
};

}  // namespace zane::policy
