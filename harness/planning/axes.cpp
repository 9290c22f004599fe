#include "harness/planning/axes.h"

#include <algorithm>
#include <cctype>

#include "harness/support/text.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr std::size_t kMaxPoints = 10000;  // of one axis; more is a slip of the keyboard
constexpr const char* kRangeExample = "n=256:16384:x2";
constexpr const char* kStepExample = "n=1k:16k:+1k";
constexpr const char* kZipExample = "(n,window)=(1k,64),(4k,128)";

[[noreturn]] void reject(std::string_view axis, const std::string& what, const char* example) {
  throw UserError("axis '" + std::string(axis) + "': " + what + "; for example " + example);
}

// Names whose values are words that may hold colons of their own.
bool takes_words(std::string_view name) { return name == "dataset" || name == "mask" || name == "causal"; }

bool is_name(std::string_view text) {
  const auto part_of_name = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  return !text.empty() && !std::isdigit(static_cast<unsigned char>(text[0])) && std::all_of(text.begin(), text.end(), part_of_name);
}

std::vector<std::string> split_colons(std::string_view text) {
  std::vector<std::string> parts{""};
  for (const char c : text) {
    if (c == ':') parts.emplace_back();
    else parts.back() += c;
  }
  return parts;
}

// "4k" as "4096", pairs too; anything that is no count stays as it is.
std::string without_suffix(std::string_view value) {
  auto parts = split_colons(value);
  for (auto& part : parts)
    if (const auto count = parse_count(part)) part = std::to_string(*count);
  return join(parts, ":");
}

std::int64_t range_number(std::string_view axis, const std::string& text) {
  const auto count = parse_count(text);
  if (!count) reject(axis, "'" + text + "' in a range is not a count", kRangeExample);
  return *count;
}

// "256:16384:x2" or "1k:16k:+1k", split at its colons.
std::vector<std::string> expand_range(std::string_view axis, const std::vector<std::string>& parts) {
  const auto first = range_number(axis, parts[0]);
  const auto last = range_number(axis, parts[1]);
  const bool multiplies = parts[2].starts_with('x');
  if (!multiplies && !parts[2].starts_with('+'))
    reject(axis, "the step '" + parts[2] + "' must be xFACTOR or +STEP", kRangeExample);
  const auto step = range_number(axis, parts[2].substr(1));
  if (step < (multiplies ? 2 : 1)) reject(axis, "the step '" + parts[2] + "' does not grow", kRangeExample);
  if (first < 1 && multiplies) reject(axis, "a range that multiplies cannot start at " + parts[0], kRangeExample);
  if (last < first) reject(axis, "the range ends (" + parts[1] + ") before it starts (" + parts[0] + ")", kRangeExample);
  std::vector<std::string> values;
  for (auto value = first; value <= last;) {
    if (values.size() == kMaxPoints) reject(axis, "a range of more than 10000 values", kStepExample);
    values.push_back(std::to_string(value));
    if (multiplies ? value > last / step : value > last - step) break;
    value = multiplies ? value * step : value + step;
  }
  return values;
}

// One entry of a list: a word, a value or a range.
std::vector<std::string> expand_entry(std::string_view axis, const std::string& name, const std::string& entry) {
  if (entry.empty()) reject(axis, "an empty value", "threads=1,2");
  if (takes_words(name)) return {entry};
  const auto parts = split_colons(entry);
  if (parts.size() == 3) return expand_range(axis, parts);
  if (parts.size() > 3) reject(axis, "'" + entry + "' has too many colons", kRangeExample);
  const bool pair_would_mislead = parts.size() == 2 && name != "h" && name != "window";
  if (pair_would_mislead && (name == "n" || name == "d"))
    reject(axis,
           "'" + entry + "' could be a range or a pair; a range ends in xFACTOR or +STEP, unequal sizes are (" +
               (name == "n" ? "nq,nk" : "dqk,dv") + ")=(A,B)",
           kRangeExample);
  if (pair_would_mislead) reject(axis, "'" + entry + "' is not a value; a range ends in xFACTOR or +STEP", kRangeExample);
  return {without_suffix(entry)};
}

// The inside of "(a,b)", split at commas.
std::vector<std::string> tuple(std::string_view axis, std::string_view text) {
  if (text.size() < 2 || text.front() != '(' || text.back() != ')')
    reject(axis, "'" + std::string(text) + "' must be a tuple in parentheses", kZipExample);
  return split_list(text.substr(1, text.size() - 2));
}

Axis parse_zip(std::string_view axis, std::string_view names, std::string_view values) {
  Axis zip{.names = tuple(axis, names), .points = {}};
  for (const auto& entry : split_list(values)) {
    auto point = tuple(axis, entry);
    if (point.size() != zip.names.size())
      reject(axis, "'" + entry + "' does not have one value for each of " + std::string(names), kZipExample);
    for (std::size_t i = 0; i < point.size(); ++i) {
      const auto expanded = expand_entry(axis, zip.names[i], point[i]);
      if (expanded.size() != 1) reject(axis, "a range inside a tuple", kZipExample);
      point[i] = expanded[0];
    }
    zip.points.push_back(std::move(point));
  }
  return zip;
}

Axis parse_plain(std::string_view axis, std::string_view name, std::string_view values) {
  Axis plain{.names = {std::string(name)}, .points = {}};
  for (const auto& entry : split_list(values))
    for (auto& value : expand_entry(axis, plain.names[0], entry)) plain.points.push_back({std::move(value)});
  return plain;
}

}  // namespace

bool Axis::sets(std::string_view name) const { return std::find(names.begin(), names.end(), name) != names.end(); }

std::string Axis::name() const { return names.size() == 1 ? names[0] : "(" + join(names, ",") + ")"; }

Axis parse_axis(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) reject(text, "expected NAME=VALUES", kRangeExample);
  const auto name = trim(text.substr(0, equals));
  const auto values = trim(text.substr(equals + 1));
  if (values.empty()) reject(text, "no values", kRangeExample);
  Axis axis = name.starts_with('(') ? parse_zip(text, name, values) : parse_plain(text, name, values);
  for (std::size_t i = 0; i < axis.names.size(); ++i) {
    if (!is_name(axis.names[i])) reject(text, "'" + axis.names[i] + "' is not a name", kRangeExample);
    if (std::count(axis.names.begin(), axis.names.end(), axis.names[i]) > 1)
      reject(text, "'" + axis.names[i] + "' is named twice", kZipExample);
  }
  return axis;
}

std::vector<Axis> override_axes(const std::vector<Axis>& base, const std::vector<Axis>& overrides) {
  std::vector<std::string> set;
  for (const auto& axis : overrides)
    for (const auto& name : axis.names) {
      if (std::find(set.begin(), set.end(), name) != set.end())
        throw UserError("axis '" + name + "' is given twice; join the values, for example " + name + "=1,2");
      set.push_back(name);
    }
  std::vector<Axis> merged;
  for (const auto& axis : base) {
    const auto overridden = std::count_if(axis.names.begin(), axis.names.end(),
                                          [&](const auto& name) { return std::find(set.begin(), set.end(), name) != set.end(); });
    if (overridden == 0) merged.push_back(axis);
    else if (overridden < static_cast<std::ptrdiff_t>(axis.names.size()))
      throw UserError("the plan changes " + axis.name() + " together; give all of them, for example " + kZipExample);
  }
  merged.insert(merged.end(), overrides.begin(), overrides.end());
  return merged;
}

std::string to_string(const Axis& axis) {
  std::vector<std::string> values;
  for (const auto& point : axis.points) values.push_back(point.size() == 1 ? point[0] : "(" + join(point, ",") + ")");
  return axis.name() + "=" + join(values, ",");
}

}  // namespace attnbench
