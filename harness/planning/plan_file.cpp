#include "harness/planning/plan_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "harness/planning/toml.h"
#include "harness/support/files.h"
#include "harness/support/paths.h"
#include "harness/support/text.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

// Where a value stands, for messages.
struct Place {
  std::string origin;
  std::string key;
};

[[noreturn]] void reject(const Place& at, const std::string& expected) {
  throw UserError("plan " + at.origin + ": " + at.key + " must be " + expected);
}

std::string read_text(const Place& at, const toml::node& node) {
  const auto text = node.value_exact<std::string>();
  if (!text) reject(at, "a string");
  return *text;
}

// Beyond four months a limit of seconds is none, and sums of such times leave the range of the clock; bytes fit 63 bits.
constexpr double kMostSeconds = 1e7, kMostBytes = 9.2e18;

double read_number(const Place& at, const toml::node& node, double most) {
  const auto number = node.is_number() ? node.value<double>() : std::nullopt;
  if (!number || !(*number >= 0 && *number <= most)) reject(at, fmt::format("a number from 0 to {:g}", most));
  return *number;
}

std::int64_t read_integer(const Place& at, const toml::node& node, std::int64_t min, std::int64_t max) {
  const auto number = node.value_exact<std::int64_t>();
  if (!number || *number < min || *number > max)
    reject(at, "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return *number;
}

std::vector<std::string> read_list(const Place& at, const toml::node& node) {
  const auto* array = node.as_array();
  if (!array) reject(at, "a list of strings, such as [\"...\"]");
  std::vector<std::string> list;
  for (const auto& element : *array) list.push_back(read_text(at, element));
  return list;
}

template <std::optional<double> PlanSpec::*member>
void seconds(PlanSpec& spec, const Place& at, const toml::node& node) {
  spec.*member = read_number(at, node, kMostSeconds);
}

template <std::optional<int> PlanSpec::*member>
void times(PlanSpec& spec, const Place& at, const toml::node& node) {
  spec.*member = static_cast<int>(read_integer(at, node, 1, 10000));
}

void memory_budget(PlanSpec& spec, const Place& at, const toml::node& node) {
  spec.memory_budget = node.is_string() ? parse_bytes(read_text(at, node)) : std::optional(read_number(at, node, kMostBytes));
  if (!spec.memory_budget) reject(at, "bytes, such as 2000000000 or \"2g\"");
}

void weights(PlanSpec& spec, const Place& at, const toml::node& node) {
  if (!node.is_boolean()) reject(at, "true or false");
  spec.weights = *node.value<bool>();
}

// The name becomes part of a folder's.
void name(PlanSpec& spec, const Place& at, const toml::node& node) {
  constexpr std::size_t kLongest = 100;
  spec.name = read_text(at, node);
  const auto in_order = [](char c) { return c != '/' && static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; };
  const bool fits = !spec.name.empty() && spec.name.size() <= kLongest && spec.name != "." && spec.name != "..";
  if (!fits || !std::all_of(spec.name.begin(), spec.name.end(), in_order))
    reject(at, "a name of at most 100 bytes for a folder, without / and control characters");
}

struct Setting {
  const char* key;
  void (*read)(PlanSpec& spec, const Place& at, const toml::node& node);
};

constexpr Setting kSettings[] = {
    {"name", name},
    {"summary", [](PlanSpec& spec, const Place& at, const toml::node& node) { spec.summary = read_text(at, node); }},
    {"plugins", [](PlanSpec& spec, const Place& at, const toml::node& node) { spec.plugins = read_list(at, node); }},
    {"profile", [](PlanSpec& spec, const Place& at, const toml::node& node) { spec.profile = parse_profile(read_text(at, node)); }},
    {"seed",
     [](PlanSpec& spec, const Place& at, const toml::node& node) {
       spec.seed = static_cast<std::uint64_t>(read_integer(at, node, 0, INT64_MAX));
       spec.rows_seed = spec.seed;
     }},
    {"cache", [](PlanSpec& spec, const Place& at, const toml::node& node) { spec.cache = parse_cache_mode(read_text(at, node)); }},
    {"rounds", times<&PlanSpec::rounds>},
    {"samples", times<&PlanSpec::samples>},
    {"min_sample_seconds", seconds<&PlanSpec::min_sample_seconds>},
    {"warmup_seconds", seconds<&PlanSpec::warmup_seconds>},
    {"cap_seconds", seconds<&PlanSpec::cap_seconds>},
    {"timeout_seconds", seconds<&PlanSpec::timeout_seconds>},
    {"max_call_seconds", seconds<&PlanSpec::max_call_seconds>},
    {"memory_budget", memory_budget},
    {"weights", weights},
};

struct SweepKey {
  const char* key;
  std::vector<std::string> Sweep::*list;
};

constexpr SweepKey kSweepKeys[] = {
    {"variants", &Sweep::variants}, {"datasets", &Sweep::datasets}, {"problems", &Sweep::problems}, {"axes", &Sweep::axes}};

std::vector<std::string> known_keys(bool in_sweep) {
  std::vector<std::string> keys;
  for (const auto& key : kSweepKeys) keys.emplace_back(key.key);
  if (in_sweep) return keys;
  keys.emplace_back("sweep");
  for (const auto& setting : kSettings) keys.emplace_back(setting.key);
  return keys;
}

bool read_sweep_key(Sweep& sweep, const Place& at, std::string_view key, const toml::node& node) {
  for (const auto& known : kSweepKeys) {
    if (key != known.key) continue;
    sweep.*known.list = read_list(at, node);
    return true;
  }
  return false;
}

[[noreturn]] void unknown_key(const Place& at, bool in_sweep) {
  throw UserError("plan " + at.origin + ": unknown key '" + at.key + "'; known: " + join(known_keys(in_sweep), ", "));
}

Sweep read_sweep(const std::string& origin, const toml::node& node, const Sweep& top) {
  const auto* table = node.as_table();
  if (!table) reject({origin, "sweep"}, "a list of tables, each under its own [[sweep]]");
  Sweep sweep = top;
  for (const auto& [key, value] : *table) {
    const Place at{origin, std::string(key.str())};
    if (!read_sweep_key(sweep, at, at.key, value)) unknown_key(at, true);
  }
  return sweep;
}

void read_setting(PlanSpec& spec, const Place& at, const toml::node& node) {
  for (const auto& setting : kSettings)
    if (at.key == setting.key) return setting.read(spec, at, node);
  unknown_key(at, false);
}

toml::array array_of(const std::vector<std::string>& list) {
  toml::array array;
  for (const auto& text : list) array.push_back(text);
  return array;
}

}  // namespace

PlanSpec parse_plan(std::string_view text, std::string_view name) {
  const std::string origin(name);
  toml::table file;
  try {
    file = toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw UserError("plan " + origin + ", line " + std::to_string(error.source().begin.line) + ": " +
                    std::string(error.description()));
  } catch (const std::logic_error&) {
    throw UserError("plan " + origin + ": malformed TOML, probably in a [table] header; see https://toml.io");
  }
  PlanSpec spec;
  spec.origin = "plan " + origin;
  Sweep top;
  for (const auto& [key, value] : file) {
    const Place at{origin, std::string(key.str())};
    if (at.key != "sweep" && !read_sweep_key(top, at, at.key, value)) read_setting(spec, at, value);
  }
  if (const auto* sweeps = file.get("sweep")) {
    if (!sweeps->is_array() || sweeps->as_array()->empty()) reject({origin, "sweep"}, "tables, each under its own [[sweep]]");
    for (const auto& node : *sweeps->as_array()) spec.sweeps.push_back(read_sweep(origin, node, top));
  } else {
    spec.sweeps.push_back(top);
  }
  return spec;
}

std::string to_toml(const PlanSpec& spec) {
  toml::table file{{"name", spec.name}, {"profile", name_of(spec.profile)}, {"seed", static_cast<std::int64_t>(spec.seed)}};
  if (!spec.summary.empty()) file.insert("summary", spec.summary);
  if (!spec.plugins.empty()) file.insert("plugins", array_of(spec.plugins));
  const auto insert = [&file](const char* key, const auto& value) {
    if (value) file.insert(key, *value);
  };
  insert("rounds", spec.rounds);
  insert("samples", spec.samples);
  insert("min_sample_seconds", spec.min_sample_seconds);
  insert("warmup_seconds", spec.warmup_seconds);
  insert("cap_seconds", spec.cap_seconds);
  insert("timeout_seconds", spec.timeout_seconds);
  file.insert("cache", name_of(spec.cache));
  insert("max_call_seconds", spec.max_call_seconds);
  insert("memory_budget", spec.memory_budget);
  file.insert("weights", spec.weights);
  toml::array sweeps;
  for (const auto& sweep : spec.sweeps) {
    toml::table table;
    for (const auto& key : kSweepKeys) table.insert(key.key, array_of(sweep.*key.list));
    sweeps.push_back(std::move(table));
  }
  file.insert("sweep", std::move(sweeps));
  // Strings in double quotes, with escapes: toml++ 3.3 loses a newline that one over several lines begins with, and writes newlines
  // into literal ones, which its parser refuses.
  constexpr auto kOther = toml::format_flags::allow_multi_line_strings | toml::format_flags::allow_literal_strings;
  constexpr auto kFlags = toml::toml_formatter::default_flags & ~kOther;
  std::ostringstream text;
  text << toml::toml_formatter(file, kFlags) << "\n";
  return text.str();
}

std::vector<std::string> shipped_plans() {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(plans_dir(), ignored))
    if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

PlanSpec load_plan(const std::string& name_or_path) {
  const bool is_path = name_or_path.ends_with(".toml") || name_or_path.find('/') != std::string::npos;
  const auto path = is_path ? name_or_path : plans_dir() + "/" + name_or_path + ".toml";
  std::error_code ignored;
  if (!is_path && !std::filesystem::exists(path, ignored))
    throw UserError("unknown plan '" + name_or_path + "'" + suggestion(name_or_path, shipped_plans()));
  try {
    return parse_plan(read_file(path), is_path ? path : name_or_path);
  } catch (const UnreadableFile& error) {
    throw UserError(std::string(error.what()) + "; give a TOML file or a shipped plan's name");
  }
}

Profile parse_profile(std::string_view name) {
  for (const auto profile : {Profile::quick, Profile::standard, Profile::rigorous})
    if (name == name_of(profile)) return profile;
  throw UserError("unknown profile '" + std::string(name) + "'; choose quick, standard or rigorous");
}

CacheMode parse_cache_mode(std::string_view name) {
  for (const auto mode : {CacheMode::hot, CacheMode::cold})
    if (name == name_of(mode)) return mode;
  throw UserError("unknown cache mode '" + std::string(name) + "'; choose hot or cold");
}

const char* name_of(Profile profile) {
  return profile == Profile::quick ? "quick" : profile == Profile::standard ? "standard" : "rigorous";
}

}  // namespace attnbench
