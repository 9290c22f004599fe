// Json: the one JSON type of the harness. Members keep the order they were added in, so that a stored line reads like the schema;
// a number that is not finite is written as null.
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace attnbench {

using Json = nlohmann::ordered_json;

constexpr int kDeepestJson = 64;  // nested arrays and objects; what attnbench writes has fewer than 10

/// The value that a text holds; is_discarded() where it is not JSON, or is nested deeper than kDeepestJson: nlohmann copies,
/// compares and prints by recursion, which would overflow the stack.
Json parse_json(std::string_view text);

/// Whether it is a whole number that fits a T.
template <class T>
bool is_integer(const Json& json) {
  return json.is_number_unsigned() ? std::in_range<T>(json.get<std::uint64_t>())
                                   : json.is_number_integer() && std::in_range<T>(json.get<std::int64_t>());
}

/// A whole number as a T. Throws where it is none or does not fit: nlohmann's get() casts whatever it finds, and a float beyond T's
/// range is undefined then.
template <class T>
T integer_of(const Json& json) {
  if (!is_integer<T>(json)) throw std::out_of_range("no whole number that fits: " + json.dump());
  return json.get<T>();
}

}  // namespace attnbench
