// Measurement: what a worker found out, a type for each kind of job that leaves a record. It crosses to the run as JSON, which is
// also the member of the record named like the kind; the run adds what only it can say.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/measure/calibration.h"
#include "harness/measure/counters.h"
#include "harness/measure/timer.h"
#include "harness/protocol/status.h"
#include "harness/support/json_fwd.h"
#include "variants/api/variant.h"

namespace attnbench {

enum class JobKind { inputs, verify, time, memory, weights, ceilings };
constexpr const char* kJobKindNames[] = {"inputs", "verify", "time", "memory", "weights", "ceilings"};
/// The `kind` of a record, except for inputs and ceilings, which leave none.
constexpr const char* name_of(JobKind kind) { return kJobKindNames[static_cast<int>(kind)]; }

enum class OracleKind { dense, dense_with_pattern, own };
const char* name_of(OracleKind kind);

/// How far an output is from exact softmax attention (worker/approximation.h).
struct Approximation {
  double rel_rms = 0, max_abs = 0, cosine = 1;    // NaN when the output held one; the cosine is the mean over rows
  std::int64_t rows = 0;                          // query rows compared, per batch entry and head
  std::optional<std::array<double, 2>> interval;  // 95 %, of rel_rms over all query rows; none where all of them were compared
  // The relative RMS of outputs that need no algorithm.
  double zeros_rel_rms = 0, mean_v_rel_rms = 0;
  std::optional<double> random_keys_rel_rms, random_keys;  // as many keys as the variant's pattern lets a row see, mean over rows
};

struct Verification {
  Status status = Status::ok;  // ok, mismatch or mistrusted
  Reasons reasons;
  OracleKind oracle = OracleKind::dense;
  std::int64_t rows = 0;
  std::int64_t undecided_rows = 0;  // of all batch entries and heads, not compared (variants/api/variant.h, OracleTask)
  double rel_rms = 0, max_abs = 0;  // NaN when the output held one
  double tolerance_rel_rms = 0, tolerance_max_abs = 0;
  bool mostly_constant = false;
  bool guards_intact = true, workspace_within_declared = true, deterministic = true;
  Approximation approximation;
  std::string output_digest;  // of the output as it lies when timed (output_digest.h)
};

/// One round of timing.
struct TimedRound {
  Timing timing{};
  double peak_before_gflops = 0, peak_after_gflops = 0;  // probed beside the samples; 0 when not probed
  std::optional<double> load_1m{};
  std::optional<CountsPerCall> counters{};
  double prepare_s = 0;
  std::int64_t input_sets = 1;
  bool pinned = false;
  bool timed_by_variant = false;  // with a stopwatch of its own
  Facts implementation{};         // what a variant from elsewhere says ran

  // Added by the run (run/ceiling_check.h, run/stop_rule.h):
  std::optional<double> share_of_peak{}, share_of_bandwidth{};
  bool above_ceiling = false;
  std::optional<std::string> stop{};  // why no other round follows

  double median_s() const;
  double min_s() const;
  double peak_gflops() const;                 // the larger of the two probes
  std::optional<double> clock_drift() const;  // between them, as a share of the larger; none when not probed
};

/// Bytes, but for the count of stray allocations (measure/allocation_counter.h, on the second call of run()).
struct MemoryUse {
  std::int64_t workspace_declared = 0, workspace_peak = 0, prepared_bytes = 0;
  std::int64_t input_bytes = 0, output_bytes = 0;
  std::int64_t load_bytes = 0;     // private memory that loading the plugin took, filled in by its caller
  std::int64_t rss_baseline = 0;   // resident with inputs and output in place, before anything of the variant
  std::int64_t rss_peak = 0;       // highest from then on
  std::int64_t children_peak = 0;  // the same of processes that the variant has started, without what they share
  std::int64_t stray_allocations = 0, stray_bytes = 0;
};

/// A file below the run directory, and the words of the keys.
struct AttentionMap {
  std::string file;
  std::vector<std::string> labels;
};

/// Empty for jobs that measure nothing, and for most that failed.
using Measurement = std::variant<std::monostate, Verification, TimedRound, MemoryUse, AttentionMap, Calibration>;

/// {} when empty; numbers that are not finite become null.
Json to_json(const Measurement& measurement);

/// Reads what to_json() wrote for a job of that kind. Throws std::exception: not as the schema of records describes it, or a member
/// is missing.
Measurement measurement_of(JobKind kind, const Json& json);

}  // namespace attnbench
