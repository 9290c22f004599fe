#include "harness/measure/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "harness/support/json.h"

namespace attnbench {
namespace {

constexpr int kSchemaVersion = 1;  // of calibration.schema.json

using Curve = std::map<double, double>;  // x -> rate

// Linear between the points, level beyond the ends; 0 without points.
double at(const Curve& curve, double x) {
  if (curve.empty()) return 0;
  const auto above = curve.lower_bound(x);
  if (above == curve.end()) return curve.rbegin()->second;
  if (above == curve.begin() || above->first == x) return above->second;
  const auto below = std::prev(above);
  const double weight = (x - below->first) / (above->first - below->first);
  return (1 - weight) * below->second + weight * above->second;
}

constexpr double kOtherWorkCores = 0.25;  // a daemon takes less, a second program more
// Of the ideal gain of a further thread on a core of its own. The clock of many busy cores may be down to half of that of one.
constexpr double kGainShare = 0.35;
constexpr double kSameShare = 0.9;   // threads that share cores add nothing, and cost a little
constexpr double kWiderShare = 0.8;  // wide vectors lower the clock, by less than that
constexpr double kProbeSlack = 1.05;

std::string threads_text(int threads) { return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s"); }

// The least that `threads` must give, more than `few` has.
double least_peak(const FmaPeak& few, int threads, const Calibration& calibration) {
  const int cores = calibration.physical_cores > 0 ? calibration.physical_cores : calibration.cores;
  const double gain = static_cast<double>(std::min(threads, cores)) / std::min(few.threads, cores) - 1;
  return few.gflops.best * std::max(kSameShare, gain > 0 ? 1 + kGainShare * gain : 0);
}

// Bits of the vectors of an x86 instruction set; 0 for the others, of which one is measured at a time.
int width_of(std::string_view isa) {
  constexpr std::pair<std::string_view, int> kWidths[] = {{"SSE2", 128}, {"SSSE3", 128}, {"SSE4", 128}, {"AVX2", 256}};
  for (const auto& [name, bits] : kWidths)
    if (isa == name) return bits;
  return isa.starts_with("AVX3") ? 512 : 0;
}

Json with_ceiling(Json entry, const char* unit, const Ceiling& ceiling) {
  entry[unit] = ceiling.best;
  entry["spread"] = ceiling.spread;
  return entry;
}

Ceiling ceiling_of(const Json& entry, const char* unit) { return {entry.at(unit), entry.at("spread")}; }

template <class Value, class ToJson>
Json array_of(const std::vector<Value>& values, ToJson to_json) {
  Json array = Json::array();
  for (const auto& value : values) array.push_back(to_json(value));
  return array;
}

Json fma_json(const FmaPeak& p) {
  return with_ceiling({{"isa", p.isa}, {"dtype", p.dtype}, {"threads", p.threads}}, "gflops", p.gflops);
}

Json sgemm_json(const SgemmPeak& p) { return with_ceiling({{"threads", p.threads}, {"n", p.n}}, "gflops", p.gflops); }

Json bandwidth_json(const Bandwidth& b) {
  return with_ceiling({{"kind", b.kind}, {"threads", b.threads}, {"working_set_bytes", b.working_set_bytes}}, "gbytes_per_s",
                      b.gbytes_per_s);
}

}  // namespace

Json to_json(const Calibration& c) {
  return {{"schema_version", kSchemaVersion},
          {"machine_id", c.machine_id},
          {"created", c.created},
          {"attnbench", c.attnbench},
          {"binary_id", c.binary_id},
          {"profile", c.profile},
          {"cpu_model", c.cpu_model},
          {"cores", c.cores},
          {"load_1m", c.load_1m},
          {"physical_cores", c.physical_cores},
          {"other_work_cores", c.other_work_cores ? Json(*c.other_work_cores) : Json()},
          {"last_level_cache_bytes", c.last_level_cache_bytes},
          {"clock_resolution_s", c.clock_resolution_s},
          {"timer_overhead_s", c.timer_overhead_s},
          {"fork_exec_s", c.fork_exec_s},
          {"worker_overhead_s", c.worker_overhead_s},
          {"fma_peak", array_of(c.fma_peak, fma_json)},
          {"sgemm", array_of(c.sgemm, sgemm_json)},
          {"bandwidth", array_of(c.bandwidth, bandwidth_json)}};
}

Calibration calibration_of(const Json& json) {
  if (json.at("schema_version") != kSchemaVersion) throw Json::other_error::create(501, "another schema version", nullptr);
  Calibration c;
  c.machine_id = json.at("machine_id");
  c.created = json.at("created");
  c.attnbench = json.at("attnbench");
  c.binary_id = json.at("binary_id");
  c.profile = json.at("profile");
  c.cpu_model = json.at("cpu_model");
  c.cores = json.at("cores");
  c.load_1m = json.at("load_1m");
  c.physical_cores = json.value("physical_cores", 0);  // not in calibrations of earlier builds
  if (const auto other = json.value("other_work_cores", Json()); !other.is_null()) c.other_work_cores = other.get<double>();
  c.last_level_cache_bytes = json.at("last_level_cache_bytes");
  c.clock_resolution_s = json.at("clock_resolution_s");
  c.timer_overhead_s = json.at("timer_overhead_s");
  c.fork_exec_s = json.at("fork_exec_s");
  c.worker_overhead_s = json.at("worker_overhead_s");
  for (const auto& p : json.at("fma_peak"))
    c.fma_peak.push_back({p.at("isa"), p.at("dtype"), p.at("threads"), ceiling_of(p, "gflops")});
  for (const auto& p : json.at("sgemm")) c.sgemm.push_back({p.at("threads"), p.at("n"), ceiling_of(p, "gflops")});
  for (const auto& b : json.at("bandwidth"))
    c.bandwidth.push_back({b.at("kind"), b.at("threads"), b.at("working_set_bytes"), ceiling_of(b, "gbytes_per_s")});
  return c;
}

double read_bandwidth(const Calibration& calibration, double working_set_bytes, int threads) {
  std::map<int, Curve> by_threads;
  for (const auto& b : calibration.bandwidth)
    if (b.kind == "read") by_threads[b.threads][std::log2(static_cast<double>(b.working_set_bytes))] = b.gbytes_per_s.best;
  Curve curve;
  for (const auto& [count, by_size] : by_threads) curve[count] = at(by_size, std::log2(std::max(working_set_bytes, 1.0)));
  return at(curve, threads);
}

double fma_peak(const Calibration& calibration, std::string_view isa, std::string_view dtype, int threads) {
  Curve curve;
  for (const auto& p : calibration.fma_peak)
    if (p.isa == isa && p.dtype == dtype) curve[p.threads] = p.gflops.best;
  return at(curve, threads);
}

bool was_busy(const Calibration& calibration) {
  if (calibration.other_work_cores) return *calibration.other_work_cores > kOtherWorkCores;
  return calibration.load_1m > 0.5 * calibration.cores;
}

std::string busy_text(const Calibration& calibration) {
  if (!calibration.other_work_cores) return fmt::format("the load was {:.1f} on {} cores", calibration.load_1m, calibration.cores);
  return fmt::format("other work kept {:.1f} of {} cores busy", *calibration.other_work_cores, calibration.cores);
}

std::string contradiction(const Calibration& calibration) {
  for (const auto& few : calibration.fma_peak)
    for (const auto& many : calibration.fma_peak) {
      if (few.dtype != many.dtype) continue;
      if (few.isa == many.isa && few.threads < many.threads && many.gflops.best < least_peak(few, many.threads, calibration))
        return fmt::format("{} {} gave {:.4g} GFLOP/s on {} and {:.4g} on {}", many.isa, many.dtype, many.gflops.best,
                           threads_text(many.threads), few.gflops.best, threads_text(few.threads));
      const int narrow = width_of(few.isa), wide = width_of(many.isa);
      if (few.threads == many.threads && narrow > 0 && narrow < wide && many.gflops.best < kWiderShare * few.gflops.best)
        return fmt::format("on {}, {} {} gave {:.4g} GFLOP/s and {} {:.4g}", threads_text(many.threads), many.isa, many.dtype,
                           many.gflops.best, few.isa, few.gflops.best);
    }
  return "";
}

std::optional<double> exceeded_by(double probed_gflops, double calibrated_gflops) {
  if (!(calibrated_gflops > 0) || probed_gflops <= kProbeSlack * calibrated_gflops) return std::nullopt;
  return probed_gflops / calibrated_gflops;
}

}  // namespace attnbench
