#include "harness/run/calibrate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "harness/measure/cpu_use.h"
#include "harness/measure/environment.h"
#include "harness/measure/timer.h"
#include "harness/protocol/job.h"
#include "harness/run/record.h"
#include "harness/support/cache_sizes.h"
#include "harness/support/hash.h"
#include "harness/support/json.h"
#include "harness/support/median.h"
#include "harness/support/process.h"

namespace attnbench {
namespace {

// Shares of the budget. Bandwidth has the most to measure and, on shared machines, the most neighbours.
struct Share {
  const char* what;
  double of_budget;
};
constexpr Share kShares[] = {{"fma", 0.25}, {"sgemm", 0.2}, {"bandwidth", 0.55}};
constexpr int kStarts = 7;               // processes started to time a start
constexpr double kTimeoutSeconds = 120;  // for one worker, beyond its budget

struct Stopped {};

class Calibrator {
 public:
  explicit Calibrator(const CalibrateOptions& options) : options_(options) {}

  Calibration run() {
    describe();
    const auto before = cpu_use_now();
    measure_starts();
    const auto counts = calibrated_threads(result_.cores, options_.quick);
    for (const auto& [what, share] : kShares)
      for (const int threads : counts) add(what, threads, share * options_.seconds / static_cast<double>(counts.size()));
    sort_bandwidth();
    result_.other_work_cores = other_work_cores(before, cpu_use_now());
    return result_;
  }

 private:
  void describe() {
    const auto environment = describe_environment(1);
    result_.machine_id = machine_id(environment);
    result_.created = utc_now();
    result_.attnbench = environment.at("attnbench");
    result_.binary_id = binary_id(options_.self);
    result_.profile = options_.quick ? "quick" : "full";
    result_.cpu_model = environment.at("cpu_model");
    result_.cores = environment.at("cores");
    result_.physical_cores = physical_cores();
    result_.load_1m = environment.at("load_1m");
    result_.last_level_cache_bytes = last_level_cache_bytes();
  }

  void measure_starts() {
    announce("clock and process starts");
    const auto clock = measured("clock", 1, 1).first;
    result_.clock_resolution_s = clock.clock_resolution_s;
    result_.timer_overhead_s = clock.timer_overhead_s;
    std::vector<double> starts, workers;
    for (int i = 0; i < kStarts; ++i) {
      starts.push_back(start_and_end());
      workers.push_back(measured("nothing", 1, 1).second);
    }
    result_.fork_exec_s = median(starts);
    result_.worker_overhead_s = median(workers);
  }

  double start_and_end() const {
    const auto outcome = run_process({.command = {options_.self, "--version"}, .input = "", .keep_going = options_.keep_going});
    if (outcome.end == ProcessOutcome::End::stopped) throw Stopped();
    if (outcome.end != ProcessOutcome::End::exited || outcome.code != 0) throw std::runtime_error("cannot start " + options_.self);
    return outcome.wall_seconds;
  }

  // What a worker measured, and how long it lived.
  std::pair<Calibration, double> measured(const std::string& what, int threads, double seconds) const {
    Job job;
    job.kind = JobKind::ceilings;
    job.ceiling = what;
    job.quick = options_.quick;
    job.threads = threads;
    job.budget_seconds = seconds;
    job.sampling.timeout_seconds = seconds + kTimeoutSeconds;
    const auto result = run_job(job, options_.self, options_.keep_going);
    if (result.interrupted) throw Stopped();
    if (result.status != Status::ok)
      throw std::runtime_error("measuring " + what + " failed: " + (result.reasons.empty() ? "" : result.reasons.front()));
    return {std::get<Calibration>(result.measured), result.wall_seconds};
  }

  void add(const char* what, int threads, double seconds) {
    announce(fmt::format("{}, {} thread{}", what, threads, threads == 1 ? "" : "s"));
    auto part = measured(what, threads, seconds).first;
    std::move(part.fma_peak.begin(), part.fma_peak.end(), std::back_inserter(result_.fma_peak));
    std::move(part.sgemm.begin(), part.sgemm.end(), std::back_inserter(result_.sgemm));
    std::move(part.bandwidth.begin(), part.bandwidth.end(), std::back_inserter(result_.bandwidth));
  }

  void sort_bandwidth() {
    const auto key = [](const Bandwidth& b) { return std::tie(b.kind, b.threads, b.working_set_bytes); };
    std::sort(result_.bandwidth.begin(), result_.bandwidth.end(),
              [&](const Bandwidth& a, const Bandwidth& b) { return key(a) < key(b); });
  }

  void announce(const std::string& what) const {
    if (options_.announce) options_.announce(what);
  }

  const CalibrateOptions& options_;
  Calibration result_;
};

}  // namespace

std::optional<Calibration> calibrate(const CalibrateOptions& options) {
  try {
    return Calibrator(options).run();
  } catch (const Stopped&) {
    return std::nullopt;
  }
}

std::vector<int> calibrated_threads(int cores, bool quick) {
  std::vector<int> counts;
  for (int count = 1; count < cores && !(quick && count > 1); count += count < 4 ? 1 : count) counts.push_back(count);
  counts.push_back(cores);
  return counts;
}

}  // namespace attnbench
