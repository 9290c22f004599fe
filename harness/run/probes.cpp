#include "harness/run/probes.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "harness/planning/cost_model.h"
#include "harness/planning/fitted_model.h"
#include "harness/planning/plan.h"
#include "harness/planning/pricing.h"

namespace attnbench {
namespace {

constexpr double kProbeCost = 0.15;  // seconds of one: start of a worker, two peak probes, a few milliseconds of calls
constexpr double kShareOfRun = 0.05;
constexpr double kCallSeconds = 0.005;  // long enough to look like a real call, by a prior that is rather slow
constexpr std::int64_t kLongest = 1024, kShortest = 32;

// The shape of a case cut down to n queries and keys.
Problem cut(Problem problem, std::int64_t n) {
  problem.batch = 1;
  problem.n_q = std::min(problem.n_q, n);
  problem.n_k = std::min(problem.n_k, n);
  problem.key_lengths.clear();
  problem.mask = {};
  return problem;
}

Case probe_of(const Case& point, std::int64_t n, const Plan& probes) {
  Case probe = point;
  probe.dataset = "gaussian";
  probe.problem = cut(point.problem, n);
  probe.status = CaseStatus::planned;
  probe.reasons.clear();
  price(probe, probes, {});
  return probe;
}

// By length, so that the probes of one length share their inputs.
using ByLength = std::map<std::int64_t, std::vector<Case>>;

void add_probes(const Case& point, const Plan& probes, ByLength& lengths) {
  std::int64_t n = kLongest;
  auto probe = probe_of(point, n, probes);
  for (; n > kShortest && probe.prior.seconds > kCallSeconds; probe = probe_of(point, n, probes)) n /= 2;
  for (const auto length : {n, n / 4})
    if (auto one = probe_of(point, length, probes); one.status == CaseStatus::planned) lengths[length].push_back(std::move(one));
}

double seconds_if_planned(Case point, const Sampling& sampling) {
  point.status = CaseStatus::planned;
  return predicted_case_seconds(point, sampling);
}

}  // namespace

Plan probe_plan(const Plan& plan, const FittedModel& model) {
  Plan probes;
  probes.seed = plan.seed;
  probes.memory_budget_bytes = plan.memory_budget_bytes;
  probes.sampling = {
      .rounds = 1, .samples = 1, .min_sample_seconds = 0.002, .warmup_seconds = 0, .cap_seconds = 1, .timeout_seconds = 10};
  std::map<std::pair<std::string, int>, const Case*> largest;  // by variant and threads
  double seconds = 0;
  for (const auto& point : plan.cases) {
    if (!(point.prior.seconds > 0)) continue;  // unsupported, or refused before it was priced
    seconds += seconds_if_planned(point, plan.sampling);
    auto& known = largest[{point.config.label(), point.threads}];
    if (!known || known->prior.seconds < point.prior.seconds) known = &point;
  }
  ByLength lengths;
  for (const auto& [variant, point] : largest)
    if (!model.measured(*point)) add_probes(*point, probes, lengths);
  for (auto& [length, cases] : lengths)
    for (auto& one : cases) probes.cases.push_back(std::move(one));
  if (static_cast<double>(probes.cases.size()) * kProbeCost > kShareOfRun * seconds) probes.cases.clear();
  return probes;
}

}  // namespace attnbench
