#include "harness/run/probes.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "harness/planning/case.h"
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

Case probe_of(const Case& bench_case, std::int64_t n, const Plan& probes) {
  Case probe{.workload = make_workload("gaussian", cut(bench_case.problem(), n), bench_case.threads()),
             .config = bench_case.config,
             .prior = bench_case.prior,
             .prediction = bench_case.prediction};
  price(probe, probes, {});
  return probe;
}

// By length, and below it by workload, so that probes share their inputs.
using ByLength = std::map<std::int64_t, std::vector<Group>>;

void add_to_group(std::vector<Group>& groups, Case probe) {
  const auto same = [&](const Group& group) { return group.workload().key() == probe.workload->key(); };
  const auto found = std::find_if(groups.begin(), groups.end(), same);
  if (found == groups.end()) groups.push_back({{std::move(probe)}});
  else found->cases.push_back(std::move(probe));
}

void add_probes(const Case& bench_case, const Plan& probes, ByLength& lengths) {
  std::int64_t n = kLongest;
  auto probe = probe_of(bench_case, n, probes);
  for (; n > kShortest && probe.prior.seconds > kCallSeconds; probe = probe_of(bench_case, n, probes)) n /= 2;
  for (const auto length : {n, n / 4})
    if (auto one = probe_of(bench_case, length, probes); one.status == CaseStatus::planned)
      add_to_group(lengths[length], std::move(one));
}

double seconds_if_planned(Case bench_case, const Sampling& sampling) {
  bench_case.status = CaseStatus::planned;
  return predicted_case_seconds(bench_case, sampling);
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
  for (const auto* bench_case : plan.cases()) {
    if (!is_priced(*bench_case)) continue;
    seconds += seconds_if_planned(*bench_case, plan.sampling);
    auto& known = largest[{bench_case->config.label(), bench_case->threads()}];
    if (!known || known->prior.seconds < bench_case->prior.seconds) known = bench_case;
  }
  ByLength lengths;
  for (const auto& [variant, bench_case] : largest)
    if (!model.measured(*bench_case)) add_probes(*bench_case, probes, lengths);
  for (auto& [length, groups] : lengths)
    for (auto& group : groups) probes.groups.push_back(std::move(group));
  if (static_cast<double>(probes.cases().size()) * kProbeCost > kShareOfRun * seconds) probes.groups.clear();
  return probes;
}

}  // namespace attnbench
