#include "harness/protocol/measurement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "harness/support/json.h"
#include "harness/support/json_schema.h"
#include "harness/support/median.h"

namespace attnbench {
namespace {

constexpr const char* kOracleNames[] = {"dense", "dense_with_pattern", "own"};

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

template <class T>
std::optional<T> optional_of(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional<T>(json.get<T>());
}

// null stands for a number that is not finite.
double number_of(const Json& json) { return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>(); }

OracleKind oracle_of(const std::string& name) {
  const auto found = std::find(std::begin(kOracleNames), std::end(kOracleNames), name);
  if (found == std::end(kOracleNames)) throw std::invalid_argument("unknown oracle " + name);
  return static_cast<OracleKind>(found - std::begin(kOracleNames));
}

Json json_of(std::monostate) { return Json::object(); }

Json json_of(const Verification& v) {
  const auto& a = v.approximation;
  return {{"oracle", name_of(v.oracle)},
          {"rows", v.rows},
          {"undecided_rows", v.undecided_rows},
          {"rel_rms", v.rel_rms},
          {"max_abs", v.max_abs},
          {"tolerance_rel_rms", v.tolerance_rel_rms},
          {"tolerance_max_abs", v.tolerance_max_abs},
          {"mostly_constant", v.mostly_constant},
          {"guards_intact", v.guards_intact},
          {"workspace_within_declared", v.workspace_within_declared},
          {"deterministic", v.deterministic},
          {"output_digest", v.output_digest},
          {"approximation_rel_rms", a.rel_rms},
          {"approximation_max_abs", a.max_abs},
          {"approximation_cosine", a.cosine},
          {"approximation_rows", a.rows},
          {"approximation_interval", or_null(a.interval)},
          {"baseline_zeros_rel_rms", a.zeros_rel_rms},
          {"baseline_mean_v_rel_rms", a.mean_v_rel_rms},
          {"baseline_random_keys_rel_rms", or_null(a.random_keys_rel_rms)},
          {"baseline_random_keys", or_null(a.random_keys)}};
}

Verification verification_of(const Json& json) {
  Verification v;
  v.oracle = oracle_of(json.at("oracle"));
  v.rows = json.at("rows");
  v.undecided_rows = json.at("undecided_rows");
  v.rel_rms = number_of(json.at("rel_rms"));
  v.max_abs = number_of(json.at("max_abs"));
  v.tolerance_rel_rms = json.at("tolerance_rel_rms");
  v.tolerance_max_abs = json.at("tolerance_max_abs");
  v.mostly_constant = json.at("mostly_constant");
  v.guards_intact = json.at("guards_intact");
  v.workspace_within_declared = json.at("workspace_within_declared");
  v.deterministic = json.at("deterministic");
  v.output_digest = json.at("output_digest");
  auto& a = v.approximation;
  a.rel_rms = number_of(json.at("approximation_rel_rms"));
  a.max_abs = number_of(json.at("approximation_max_abs"));
  a.cosine = number_of(json.at("approximation_cosine"));
  a.rows = json.at("approximation_rows");
  a.interval = optional_of<std::array<double, 2>>(json.at("approximation_interval"));
  a.zeros_rel_rms = number_of(json.at("baseline_zeros_rel_rms"));
  a.mean_v_rel_rms = number_of(json.at("baseline_mean_v_rel_rms"));
  a.random_keys_rel_rms = optional_of<double>(json.at("baseline_random_keys_rel_rms"));
  a.random_keys = optional_of<double>(json.at("baseline_random_keys"));
  return v;
}

Json json_of(const CountsPerCall& counts) {
  Json json;
  for (const auto& [name, value] : counts.values) json[name] = value;
  json["scaled"] = counts.scaled;
  return json;
}

CountsPerCall counts_of(const Json& json) {
  CountsPerCall counts;
  for (const auto& [name, value] : json.items())
    if (name != "scaled") counts.values.emplace_back(name, value);
  counts.scaled = json.at("scaled");
  return counts;
}

Json json_of(const TimedRound& round) {
  const auto& timing = round.timing;
  Json json = {{"samples_s", timing.samples_s},
               {"iterations", timing.iterations},
               {"median_s", round.median_s()},
               {"min_s", round.min_s()},
               {"warmup_calls", timing.warmup_calls},
               {"involuntary_switches", timing.involuntary_switches},
               {"load_1m", or_null(round.load_1m)},
               {"peak_gflops", round.peak_gflops()},
               {"peak_before_gflops", round.peak_before_gflops},
               {"peak_after_gflops", round.peak_after_gflops},
               {"clock_drift", or_null(round.clock_drift())}};
  if (round.counters) json["counters"] = json_of(*round.counters);
  json["prepare_s"] = round.prepare_s;
  json["input_sets"] = round.input_sets;
  json["pinned"] = round.pinned;
  json["timed_by"] = round.timed_by_variant ? "variant" : "harness";
  for (const auto& [name, text] : round.implementation) json["implementation"][name] = text;
  json["share_of_peak"] = or_null(round.share_of_peak);
  json["share_of_bandwidth"] = or_null(round.share_of_bandwidth);
  json["above_ceiling"] = round.above_ceiling;
  json["stop"] = or_null(round.stop);
  return json;
}

// What the run adds is not there yet.
TimedRound round_of(const Json& json) {
  TimedRound round;
  auto& timing = round.timing;
  timing.samples_s = json.at("samples_s").get<std::vector<double>>();
  timing.iterations = json.at("iterations").get<std::vector<std::int64_t>>();
  timing.involuntary_switches = json.at("involuntary_switches").get<std::vector<std::int64_t>>();
  timing.warmup_calls = json.at("warmup_calls");
  const auto positive = [](double seconds) { return seconds > 0; };
  if (timing.samples_s.empty() || !std::all_of(timing.samples_s.begin(), timing.samples_s.end(), positive))
    throw std::invalid_argument("times that are none");
  round.peak_before_gflops = json.at("peak_before_gflops");
  round.peak_after_gflops = json.at("peak_after_gflops");
  round.load_1m = optional_of<double>(json.at("load_1m"));
  if (const auto counters = json.find("counters"); counters != json.end()) round.counters = counts_of(*counters);
  round.prepare_s = json.at("prepare_s");
  round.input_sets = json.at("input_sets");
  round.pinned = json.at("pinned");
  round.timed_by_variant = json.at("timed_by") == "variant";
  if (const auto facts = json.find("implementation"); facts != json.end())
    for (const auto& [name, text] : facts->items()) round.implementation.emplace_back(name, text);
  return round;
}

struct MemoryMember {
  const char* name;
  std::int64_t MemoryUse::*member;
};
constexpr MemoryMember kMemoryMembers[] = {{"workspace_declared", &MemoryUse::workspace_declared},
                                           {"workspace_peak", &MemoryUse::workspace_peak},
                                           {"prepared_bytes", &MemoryUse::prepared_bytes},
                                           {"input_bytes", &MemoryUse::input_bytes},
                                           {"output_bytes", &MemoryUse::output_bytes},
                                           {"load_bytes", &MemoryUse::load_bytes},
                                           {"rss_baseline", &MemoryUse::rss_baseline},
                                           {"rss_peak", &MemoryUse::rss_peak},
                                           {"children_peak", &MemoryUse::children_peak},
                                           {"stray_allocations", &MemoryUse::stray_allocations},
                                           {"stray_bytes", &MemoryUse::stray_bytes}};

Json json_of(const MemoryUse& use) {
  Json json;
  for (const auto& [name, member] : kMemoryMembers) json[name] = use.*member;
  return json;
}

MemoryUse memory_use_of(const Json& json) {
  MemoryUse use;
  for (const auto& [name, member] : kMemoryMembers) use.*member = json.at(name);
  return use;
}

Json json_of(const AttentionMap& map) { return {{"file", map.file}, {"labels", map.labels}}; }

Json json_of(const Calibration& calibration) { return to_json(calibration); }

// What goes into a record must fit it, or the run could not be read again. The run adds members of its own.
void require_storable(JobKind kind, const Json& json) {
  const auto& members = shipped_schema("record").at("properties");
  const auto schema = members.find(name_of(kind));
  const auto fault = schema == members.end() ? "" : schema_fault(*schema, json, Members::partial);
  if (!json.is_object() || !fault.empty()) throw std::invalid_argument("a measurement of another kind: " + fault);
}

}  // namespace

const char* name_of(OracleKind kind) { return kOracleNames[static_cast<int>(kind)]; }

double TimedRound::median_s() const { return median(timing.samples_s); }

double TimedRound::min_s() const { return *std::min_element(timing.samples_s.begin(), timing.samples_s.end()); }

double TimedRound::peak_gflops() const { return std::max(peak_before_gflops, peak_after_gflops); }

std::optional<double> TimedRound::clock_drift() const {
  if (!(peak_gflops() > 0)) return {};
  return std::abs(peak_after_gflops - peak_before_gflops) / peak_gflops();
}

Json to_json(const Measurement& measurement) {
  return std::visit([](const auto& value) { return json_of(value); }, measurement);
}

Measurement measurement_of(JobKind kind, const Json& json) {
  require_storable(kind, json);
  if (json.empty()) return {};
  switch (kind) {
    case JobKind::verify: return verification_of(json);
    case JobKind::time: return round_of(json);
    case JobKind::memory: return memory_use_of(json);
    case JobKind::ceilings: return calibration_of(json);
    case JobKind::inputs:
    case JobKind::weights: break;  // files
  }
  throw std::invalid_argument("a measurement where there is none");
}

}  // namespace attnbench
