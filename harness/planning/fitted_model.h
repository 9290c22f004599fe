// Fitted model: the prior of cost_model.h, corrected by what this machine took for it so far.
//
// The prior knows how a cost grows, since variants declare it exactly; what it cannot know is the machine. So what is fitted is the
// ratio of measured to prior time, in logarithms: a mean over all measurements, each weighted by how alike it is (the same variant,
// its family, anything) and how near in size. Non-negative least squares on multiply-adds, exps and bytes was the other candidate:
// with the two or three probes there are of a variant it is under-determined, and a bad split of the probes' microseconds between
// its terms is blown up a thousandfold on the way to a second. A ratio extrapolates as the declared cost does.
//
// What an earlier run has left counts less than what this one measures: the machine may have been busy then.
//
// Memory is declared to the byte but for the process around it, so that is what is learned: per variant, the most seen. A variant
// that declares memory outside the workspace (a library's) is believed.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "harness/planning/prediction.h"
#include "harness/support/json_fwd.h"

namespace attnbench {

struct Case;

class FittedModel {
 public:
  /// One call of this case was measured to take so many seconds.
  void learn(const Case& bench_case, double seconds);
  /// The process of the memory pass of this case held so many bytes at its peak.
  void learn_memory(const Case& bench_case, double peak_bytes);

  /// The case's prior, corrected. Its rates are `fitted` when a measurement of the variant itself was at hand.
  Prediction predict(const Case& bench_case) const;
  /// Whether a call of this variant with that many threads was measured, ever or by this run.
  bool knows(const Case& bench_case) const { return knows(bench_case, true); }
  bool measured(const Case& bench_case) const { return knows(bench_case, false); }
  bool empty() const { return ratios_.empty(); }

  Json to_json() const;
  /// Throws std::exception when it is not what to_json() gives.
  static FittedModel from_json(const Json& json);

 private:
  // One measurement per variant, thread count and octave of prior time; a later one replaces it.
  using Key = std::tuple<std::string, int, int>;  // label, threads, floor(log2(prior seconds))
  struct Ratio {
    std::string family;
    double log2_prior = 0, log2_ratio = 0;  // of seconds
    bool kept = false;                      // from an earlier run
  };
  bool knows(const Case& bench_case, bool kept_too) const;

  std::map<Key, Ratio> ratios_;
  std::map<std::string, double> process_bytes_;  // by label
};

/// $ATTNBENCH_COST_MODEL, else ${XDG_CACHE_HOME:-$HOME/.cache}/attnbench/cost-model-<machine_id>.json; "" when none is set.
std::string cost_model_path(const std::string& machine_id);
/// What an earlier run on this machine has learned; an empty model when there is nothing that can be read.
FittedModel load_cost_model(const std::string& path);
/// Keeps it for the next run, and for `plan`. Best effort: a cache that cannot be written costs a probe, not a run.
void save_cost_model(const FittedModel& model, const std::string& path);

}  // namespace attnbench
