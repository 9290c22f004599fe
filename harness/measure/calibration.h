// Calibration: the ceilings of one machine, measured by `attnbench calibrate`: what no result may exceed. FLOP counts two per
// multiply-add; rates are over all threads together, working sets too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/support/json_fwd.h"

namespace attnbench {

/// A rate that was tried several times: the best of the tries, and how far the middle try lay below it (0.1: 10 %).
struct Ceiling {
  double best = 0;
  double spread = 0;
};

/// Multiply-adds in registers. isa: a name of kernels::available_isas(); dtype: "f32", "f64", "bf16" (dot product).
struct FmaPeak {
  std::string isa, dtype;
  int threads = 1;
  Ceiling gflops;
};

/// One n x n x n single-precision OpenBLAS product per thread, all at once.
struct SgemmPeak {
  int threads = 1;
  int n = 0;
  Ceiling gflops;
};

/// Bytes moved per second when `working_set_bytes`, cut evenly among the threads, are swept again and again. kind: "read" (one
/// stream in) or "triad" (a = b + s c: two in, one out; the three arrays together are the working set).
struct Bandwidth {
  std::string kind;
  int threads = 1;
  std::int64_t working_set_bytes = 0;
  Ceiling gbytes_per_s;  // 1e9 bytes per second
};

struct Calibration {
  std::string machine_id;
  std::string created;    // UTC, "2026-03-01T12:00:00Z"
  std::string attnbench;  // version that measured
  std::string binary_id;
  std::string profile;  // "quick" or "full"
  std::string cpu_model;
  int cores = 1;
  int physical_cores = 0;                   // of those that may be used; 0 where the system does not tell
  double load_1m = 0;                       // load average before measuring; a busy machine shows lower ceilings than it has
  std::optional<double> other_work_cores;   // cores that other processes kept busy while it was measured
  std::int64_t last_level_cache_bytes = 0;  // 0 where the system does not tell
  double clock_resolution_s = 0;            // smallest step of the clock
  double timer_overhead_s = 0;              // one reading of the clock
  double fork_exec_s = 0;                   // this binary started, ended at once
  double worker_overhead_s = 0;             // a worker process with an empty job
  std::vector<FmaPeak> fma_peak;
  std::vector<SgemmPeak> sgemm;
  std::vector<Bandwidth> bandwidth;  // by kind, threads, working set, ascending
};

/// As harness/schema/calibration.schema.json describes it.
Json to_json(const Calibration& calibration);
/// Throws nlohmann's exceptions when a member is missing or of another type.
Calibration calibration_of(const Json& json);

/// The read bandwidth in GB/s that a working set of so many bytes, cut among so many threads, can reach: linear in the logarithm of
/// the size between measured sizes and in the threads between measured counts, the nearest measurement outside. 0 when nothing was
/// measured. For share_of_bandwidth: bytes / seconds / (1e9 x this).
double read_bandwidth(const Calibration& calibration, double working_set_bytes, int threads);

/// Measured multiply-add peak in GFLOP/s; between thread counts as above. 0 when that isa and dtype were not measured.
double fma_peak(const Calibration& calibration, std::string_view isa, std::string_view dtype, int threads);

/// Whether other work ran beside the measurement, so that its ceilings are too low: half a core of it already halves the bursts
/// that all threads share.
bool was_busy(const Calibration& calibration);
/// "other work kept 1.3 of 2 cores busy", or the load where other work is not known.
std::string busy_text(const Calibration& calibration);

/// Which of its multiply-add peaks cannot both be true: more threads that give less than
/// fewer, or hardly more while each has a physical core of its own; wider vectors that are slower. "" when there are none.
std::string contradiction(const Calibration& calibration);

/// Factor by which a peak that was probed beside a case exceeds the calibrated one on as many threads, when that is more than the
/// two can differ by: the calibration is then too low and no ceiling. Empty otherwise, and where either is not known.
std::optional<double> exceeded_by(double probed_gflops, double calibrated_gflops);

}  // namespace attnbench
