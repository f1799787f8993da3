// Whether two JSON values are the same, for the fuzzers: a number that is no whole
// one is read and written to within its last digits, as Boost does.
#pragma once

#include <algorithm>
#include <cmath>

#include "boost/json.hpp"

namespace zane::fuzz {

inline bool same(const boost::json::value& a, const boost::json::value& b) {
  if (a.is_double() && b.is_double()) {
    const double x = a.get_double();
    const double y = b.get_double();
    return x == y || std::abs(x - y) <= 1e-12 * std::max(std::abs(x), std::abs(y)) ||
           std::max(std::abs(x), std::abs(y)) < 1e-300;
  }
  if (a.is_object() && b.is_object())
    return a.get_object().size() == b.get_object().size() &&
           std::all_of(a.get_object().begin(), a.get_object().end(), [&](const auto& member) {
             const auto* other = b.get_object().if_contains(member.key());
             return other && same(member.value(), *other);
           });
  if (a.is_array() && b.is_array())
    return std::equal(a.get_array().begin(), a.get_array().end(), b.get_array().begin(), b.get_array().end(),
                      same);
  return a == b;
}

}  // namespace zane::fuzz
