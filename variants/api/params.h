// A variant's typed parameters: what it declares (ParamSpec) and the values of one selection (Params).
//
// Written `sliding_window(window=256,globals=2)`; the label shows only what differs from the defaults, so the plain name is
// the default selection.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace attnbench {

using ParamValue = std::variant<std::int64_t, double, std::string>;

struct ParamSpec {
  enum class Type { integer, real, choice };
  const char* name;
  Type type;
  double number;        // default of an integer or real
  double min, max;      // inclusive range of an integer or real
  const char* text;     // default of a choice
  const char* choices;  // "a|b|c", or "" for any word (checked by the variant's unsupported())
  const char* help;
};

/// Declares an integer parameter.
constexpr ParamSpec integer_param(const char* name, std::int64_t def, std::int64_t min, std::int64_t max, const char* help) {
  return {name, ParamSpec::Type::integer, static_cast<double>(def), static_cast<double>(min), static_cast<double>(max), "", "",
          help};
}
/// Declares a real parameter.
constexpr ParamSpec real_param(const char* name, double def, double min, double max, const char* help) {
  return {name, ParamSpec::Type::real, def, min, max, "", "", help};
}
/// Declares a choice between words separated by '|' ("" accepts any word).
constexpr ParamSpec choice_param(const char* name, const char* def, const char* choices, const char* help) {
  return {name, ParamSpec::Type::choice, 0, 0, 0, def, choices, help};
}

class Params {
 public:
  Params() = default;
  /// All defaults of `specs`.
  explicit Params(std::span<const ParamSpec> specs);

  /// Sets one parameter from text. Throws UserError: unknown name (with the known ones), not a number, out of range, not a choice.
  void set(std::string_view name, std::string_view value);

  std::int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::string& choice(std::string_view name) const;

  std::span<const ParamSpec> specs() const { return specs_; }
  const std::vector<ParamValue>& values() const { return values_; }  // in the order of specs()
  /// "window=256,globals=2" with only the values that differ from the defaults, in the order declared; "" if none.
  std::string non_default() const;

 private:
  std::size_t index(std::string_view name) const;
  std::span<const ParamSpec> specs_;
  std::vector<ParamValue> values_;
};

}  // namespace attnbench
