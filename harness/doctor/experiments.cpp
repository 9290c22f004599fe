#include "harness/doctor/experiments.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "harness/doctor/synthetic.h"
#include "harness/protocol/inputs_cache.h"
#include "harness/protocol/job.h"
#include "harness/support/files.h"
#include "harness/support/json.h"
#include "harness/support/units.h"

namespace attnbench {
namespace {

struct Stopped {};

// How a plan of experiments spends its time.
struct Effort {
  int noise_rounds, same_rows, rounds, growth_rounds;
  double longest_call;
};
constexpr Effort kFull{10, 12, 10, 3, 1.0};
constexpr Effort kQuick{6, 4, 8, 1, 0.1};

class Experiments {
 public:
  explicit Experiments(const ExperimentOptions& options)
      : options_(options), effort_(options.quick ? kQuick : kFull), inputs_(folder_ / "inputs.bin") {
    const Shape one{1, 1, 1, 1};
    write_inputs(inputs_, {Tensor(one), Tensor(one), Tensor(one), Tensor()});
  }

  Json run() {
    announce("the pace of the synthetic workload");
    constexpr std::int64_t kTrialTurns = 100'000;
    double trial = process_median(kTrialTurns);
    for (int i = 0; i < 2; ++i) trial = std::min(trial, process_median(kTrialTurns));
    turn_seconds_ = trial / kTrialTurns;
    // In braces the members are made in this order.
    return {{"noise", noise()},
            {"same", same()},
            {"twice", pair_of("twice the work", 2)},
            {"growth", Json::array({growth(1, 8), growth(2, 7)})},
            {"peaks_gflops", peaks_}};
  }

 private:
  int at_least(int floor, int rounds) const { return std::max(floor, static_cast<int>(std::lround(rounds * options_.scale))); }
  std::int64_t turns_for(double seconds) const { return std::max<std::int64_t>(1, std::llround(seconds / turn_seconds_)); }

  // The median of one fresh process, in seconds per call.
  double process_median(std::int64_t turns) {
    const double call = static_cast<double>(turns) * turn_seconds_;
    Job job;
    job.kind = JobKind::time;
    job.problem = parse_problem("b1 h1 n1 d1 f32");
    job.variant = kSynthetic.name;
    job.judge_output = false;
    job.params = {{"turns", std::to_string(turns)}};
    job.inputs_file = inputs_;
    job.sampling.samples = call < 0.5 ? 3 : 1;
    job.sampling.min_sample_seconds = 0.010 * std::min(1.0, options_.scale);
    job.sampling.warmup_seconds = 0.010 * std::min(1.0, options_.scale);
    job.budget_seconds = std::max(1.0, 2.5 * call);
    const auto result = run_job(job, options_.self, options_.keep_going);
    if (result.interrupted) throw Stopped();
    if (result.status != Status::ok)
      throw std::runtime_error("the synthetic workload failed: " + (result.reasons.empty() ? "" : result.reasons.front()));
    const auto& round = std::get<TimedRound>(result.measured);
    for (const double probe : {round.peak_before_gflops, round.peak_after_gflops}) peaks_.push_back(probe);
    return round.median_s();
  }

  Json noise() {
    Json lengths = Json::array();
    for (double seconds = 1e-6; seconds <= 1.01 * effort_.longest_call * std::min(1.0, options_.scale); seconds *= 10) {
      announce("the noise of calls of " + seconds_text(seconds));
      Json medians = Json::array();
      for (int round = 0; round < at_least(3, effort_.noise_rounds); ++round) medians.push_back(process_median(turns_for(seconds)));
      lengths.push_back({{"seconds", seconds}, {"medians", medians}});
    }
    return lengths;
  }

  // Calls of 0.1, 1 and 3 ms in turn, so that no single length speaks for all.
  Json same() {
    constexpr double kSeconds[] = {1e-4, 1e-3, 3e-3};
    Json rows = Json::array();
    const int count = at_least(1, effort_.same_rows);
    for (int row = 0; row < count; ++row)
      rows.push_back(pair_of(fmt::format("the same against itself, {} of {}", row + 1, count), 1, kSeconds[row % 3]));
    return rows;
  }

  // Rounds in the order A B B A, as `compare --paired` takes them.
  Json pair_of(const std::string& what, int factor, double seconds = 1e-3) {
    announce(what);
    Json base = Json::array(), other = Json::array();
    for (int round = 0; round < at_least(2, effort_.rounds); ++round) {
      for (const bool is_base : {round % 2 == 0, round % 2 == 1})
        (is_base ? base : other).push_back(process_median((is_base ? 1 : factor) * turns_for(seconds)));
    }
    return {{"base", base}, {"new", other}};
  }

  Json growth(int exponent, int sizes) {
    announce(fmt::format("work that grows as n^{}", exponent));
    constexpr double kFirstSeconds = 5e-6;  // a call's own overhead of some ns is a thousandth of it
    Json n = Json::array(), medians = Json::array();
    for (std::int64_t size = 1; size < (std::int64_t{1} << sizes); size *= 2) {
      Json rounds = Json::array();
      for (int round = 0; round < at_least(1, effort_.growth_rounds); ++round)
        rounds.push_back(process_median((exponent == 1 ? size : size * size) * turns_for(kFirstSeconds)));
      n.push_back(size);
      medians.push_back(rounds);
    }
    return {{"exponent", exponent}, {"n", n}, {"medians", medians}};
  }

  void announce(const std::string& what) const {
    if (options_.announce) options_.announce(what);
  }

  const ExperimentOptions& options_;
  Effort effort_;
  ScratchFolder folder_{"attnbench-doctor"};
  std::string inputs_;
  double turn_seconds_ = 4e-9;  // until measured: some cycles
  std::vector<double> peaks_;
};

}  // namespace

std::optional<Json> run_experiments(const ExperimentOptions& options) {
  try {
    return Experiments(options).run();
  } catch (const Stopped&) {
    return std::nullopt;
  }
}

}  // namespace attnbench
