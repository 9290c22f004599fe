#include "harness/words.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace attnbench {
namespace {

// Levenshtein distance over single characters, one row of the table at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

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

}  // namespace

std::optional<std::int64_t> parse_count(std::string_view text) {
  std::int64_t factor = 1;
  if (!text.empty() && (text.back() == 'k' || text.back() == 'm')) {
    factor = static_cast<std::int64_t>(unit(text.back()));
    text.remove_suffix(1);
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
  if (value > INT64_MAX / factor) return std::nullopt;
  return value * factor;
}

std::optional<double> parse_bytes(std::string_view text) {
  double factor = 1;
  if (!text.empty() && unit(text.back()) > 0) {
    factor = unit(text.back());
    text.remove_suffix(1);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0) || !std::isfinite(value)) return std::nullopt;
  return value * factor;
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

std::string join(std::span<const std::string> words, std::string_view separator) {
  std::string text;
  for (const auto& word : words) {
    if (&word != &words.front()) text += separator;
    text += word;
  }
  return text;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  while (pattern.starts_with("**")) pattern.remove_prefix(1);
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') return glob_match(pattern.substr(1), text) || (!text.empty() && glob_match(pattern, text.substr(1)));
  if (text.empty() || (pattern.front() != '?' && pattern.front() != text.front())) return false;
  return glob_match(pattern.substr(1), text.substr(1));
}

std::string nearest_name(std::string_view name, std::span<const std::string> known) {
  std::string nearest;
  std::size_t best = name.size() / 2 + 1;  // up to half of the letters may be wrong
  for (const auto& candidate : known) {
    const auto distance = edit_distance(name, candidate);
    const bool completes = !name.empty() && candidate.starts_with(name);
    if (distance >= best && !(completes && nearest.empty())) continue;
    best = std::min(best, distance);
    nearest = candidate;
  }
  return nearest;
}

std::string suggestion(std::string_view name, std::span<const std::string> known) {
  const auto nearest = nearest_name(name, known);
  return nearest.empty() ? "; known: " + join(known, ", ") : "; did you mean '" + nearest + "'?";
}

}  // namespace attnbench
