#include "harness/support/text.h"

#include <cmath>

#include "variants/api/number.h"

namespace attnbench {
namespace {

// 1024^p for the suffix, or 0 for a character that is none.
double unit(char suffix) {
  switch (suffix) {
    case 'k': return 1024.0;
    case 'm': return 1024.0 * 1024;
    case 'g': return 1024.0 * 1024 * 1024;
    case 't': return 1024.0 * 1024 * 1024 * 1024;
    default: return 0;
  }
}

// "1e6", "2.5e5": a whole number in scientific notation, exact below 2^53.
std::optional<std::int64_t> scientific_count(std::string_view text) {
  const auto value = parse_number<double>(text);
  if (!value || !(*value >= 0) || *value > 9007199254740992.0 || *value != std::floor(*value)) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

}  // namespace

std::optional<std::int64_t> parse_count(std::string_view text) {
  if (text.find_first_of("eE") != std::string_view::npos) return scientific_count(text);
  std::int64_t factor = 1;
  if (!text.empty() && (text.back() == 'k' || text.back() == 'm')) {
    factor = static_cast<std::int64_t>(unit(text.back()));
    text.remove_suffix(1);
  }
  const auto value = parse_number<std::int64_t>(text);
  if (!value || text.front() == '-' || *value > INT64_MAX / factor) return std::nullopt;
  return *value * factor;
}

std::optional<double> parse_bytes(std::string_view text) {
  double factor = 1;
  if (!text.empty() && unit(text.back()) > 0) {
    factor = unit(text.back());
    text.remove_suffix(1);
  }
  const auto value = parse_number<double>(text);
  constexpr double kMost = 9.2e18;  // what fits 63 bits
  if (!value || !(*value >= 0 && *value * factor <= kMost)) return std::nullopt;
  return *value * factor;
}

int count_listed(std::string_view list) {
  int count = 0;
  for (const auto& part : split_list(list)) {
    const auto dash = part.find('-');
    const auto first = parse_number<int>(part.substr(0, dash));
    const auto last = dash == std::string::npos ? first : parse_number<int>(part.substr(dash + 1));
    if (first && last && *last >= *first) count += *last - *first + 1;
  }
  return count;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> words;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
    words.emplace_back(trim(text.substr(begin, i - begin)));
    begin = i + 1;
  }
  return words;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  while (pattern.starts_with("**")) pattern.remove_prefix(1);
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') return glob_match(pattern.substr(1), text) || (!text.empty() && glob_match(pattern, text.substr(1)));
  if (text.empty() || (pattern.front() != '?' && pattern.front() != text.front())) return false;
  return glob_match(pattern.substr(1), text.substr(1));
}

std::string shell_quoted(const std::string& text) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,:/=+@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace attnbench
