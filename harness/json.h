// Json: the one JSON type of the harness. Members keep the order they were added in, so that a stored line reads like the schema;
// a number that is not finite is written as null.
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace attnbench {

using Json = nlohmann::ordered_json;

/// A whole number as a T. Throws where it is none or does not fit: nlohmann's get() casts whatever it finds, and a float beyond T's
/// range is undefined then.
template <class T>
T integer_of(const Json& json) {
  const bool fits = json.is_number_unsigned() ? std::in_range<T>(json.get<std::uint64_t>())
                                              : json.is_number_integer() && std::in_range<T>(json.get<std::int64_t>());
  if (!fits) throw std::out_of_range("no whole number that fits: " + json.dump());
  return json.get<T>();
}

}  // namespace attnbench
