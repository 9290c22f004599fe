#include "variants/api/params.h"

#include <cassert>
#include <cmath>

#include "variants/api/error.h"
#include "variants/api/number.h"

namespace attnbench {
namespace {

std::string text_of(const ParamValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return number_text(*real);
  return std::get<std::string>(value);
}

ParamValue default_of(const ParamSpec& spec) {
  switch (spec.type) {
    case ParamSpec::Type::integer: return static_cast<std::int64_t>(spec.number);
    case ParamSpec::Type::real: return spec.number;
    case ParamSpec::Type::choice: break;
  }
  return std::string(spec.text);
}

bool is_choice(std::string_view choices, std::string_view word) {
  if (choices.empty()) return !word.empty();
  while (true) {
    const auto bar = choices.find('|');
    if (choices.substr(0, bar) == word) return true;
    if (bar == std::string_view::npos) return false;
    choices.remove_prefix(bar + 1);
  }
}

[[noreturn]] void reject(const ParamSpec& spec, std::string_view value, const std::string& expected) {
  throw UserError("parameter " + std::string(spec.name) + "=" + std::string(value) + ": expected " + expected);
}

template <class T>
T parse(const ParamSpec& spec, std::string_view text) {
  const auto bound = [](double x) { return text_of(static_cast<T>(x)); };
  const std::string expected = std::string(spec.type == ParamSpec::Type::integer ? "a whole number" : "a number") + " from " +
                               bound(spec.min) + " to " + bound(spec.max);
  const auto value = parse_number<T>(text);
  if (!value || !(static_cast<double>(*value) >= spec.min && static_cast<double>(*value) <= spec.max)) reject(spec, text, expected);
  return *value;
}

}  // namespace

Params::Params(std::span<const ParamSpec> specs) : specs_(specs) {
  for (const auto& spec : specs) values_.push_back(default_of(spec));
}

void Params::set(std::string_view name, std::string_view value) {
  std::string known;
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    const auto& spec = specs_[i];
    known += (i ? ", " : "") + std::string(spec.name);
    if (name != spec.name) continue;
    switch (spec.type) {
      case ParamSpec::Type::integer: values_[i] = parse<std::int64_t>(spec, value); return;
      case ParamSpec::Type::real: values_[i] = parse<double>(spec, value); return;
      case ParamSpec::Type::choice:
        if (!is_choice(spec.choices, value)) reject(spec, value, *spec.choices ? "one of " + std::string(spec.choices) : "a word");
        values_[i] = std::string(value);
        return;
    }
  }
  throw UserError("unknown parameter '" + std::string(name) + "'; " +
                  (known.empty() ? "this variant takes none" : "known: " + known));
}

std::size_t Params::index(std::string_view name) const {
  for (std::size_t i = 0; i < specs_.size(); ++i)
    if (name == specs_[i].name) return i;
  assert(!"a variant asked for a parameter it does not declare");
  return 0;
}

std::int64_t Params::integer(std::string_view name) const { return std::get<std::int64_t>(values_[index(name)]); }
double Params::real(std::string_view name) const { return std::get<double>(values_[index(name)]); }
const std::string& Params::choice(std::string_view name) const { return std::get<std::string>(values_[index(name)]); }

std::string Params::non_default() const {
  std::string text;
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    if (values_[i] == default_of(specs_[i])) continue;
    text += (text.empty() ? "" : ",") + std::string(specs_[i].name) + "=" + text_of(values_[i]);
  }
  return text;
}

}  // namespace attnbench
