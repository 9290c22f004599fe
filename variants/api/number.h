// Numbers and their text, exact both ways: a text is a number only as a whole, and a double's text reads back as the same bits.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace attnbench {

/// Empty when the text is anything but one number (spaces, a leading '+' and trailing characters count), or it does not fit.
template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The shortest text that reads back as the same number.
inline std::string number_text(double value) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

}  // namespace attnbench
