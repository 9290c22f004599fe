#include "harness/run/schedule.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <set>

#include "harness/planning/case.h"
#include "harness/planning/cost_model.h"
#include "harness/planning/plan.h"
#include "harness/planning/pricing.h"
#include "harness/planning/weights_case.h"
#include "harness/protocol/inputs_cache.h"
#include "variants/api/integers.h"

namespace attnbench {
namespace {

// The same on every machine and with every standard library.
template <class Item>
void shuffle(std::vector<Item>& items, std::uint64_t seed, const std::string& salt) {
  std::vector<std::uint32_t> words{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  for (const char letter : salt) words.push_back(static_cast<unsigned char>(letter));
  std::seed_seq seeds(words.begin(), words.end());
  std::mt19937_64 random(seeds);
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random() % i]);
}

bool has_planned_case(const Cases& group) {
  return std::any_of(group.begin(), group.end(), [](const Case* bench_case) { return bench_case->status == CaseStatus::planned; });
}

}  // namespace

std::vector<Cases> groups_of(const Plan& plan) {
  std::vector<Cases> groups;
  for (const auto& group : plan.groups) {
    Cases open;
    for (const auto& bench_case : group.cases)
      if (bench_case.status == CaseStatus::planned || is_priced(bench_case)) open.push_back(&bench_case);
    if (!open.empty()) groups.push_back(std::move(open));
  }
  return groups;
}

std::vector<InputSpec> extras_of(const Cases& group) {
  std::vector<InputSpec> extras;
  for (const auto* bench_case : group) {
    if (bench_case->status == CaseStatus::unsupported) continue;
    for (auto& spec : bench_case->config.extras(bench_case->problem()))
      if (std::find(extras.begin(), extras.end(), spec) == extras.end()) extras.push_back(std::move(spec));
  }
  return extras;
}

std::vector<std::size_t> group_order(std::size_t count, std::uint64_t seed, int round) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (round > 0) shuffle(order, seed, "round " + std::to_string(round));
  return order;
}

KeptInputs keep_inputs(const std::vector<Cases>& groups, double budget_bytes) {
  KeptInputs inputs;
  double remade = 0;
  for (const auto& group : groups) {
    const double bytes = has_planned_case(group) ? inputs_file_bytes(group.front()->problem(), extras_of(group)) : 0;
    const bool keep = inputs.bytes + bytes <= budget_bytes;
    inputs.kept.push_back(keep);
    if (keep) inputs.bytes += bytes;
    else remade = std::max(remade, bytes);
  }
  inputs.bytes += remade;
  return inputs;
}

double predicted_run_seconds(const Plan& plan, const KeptInputs& inputs) {
  double seconds = predicted_plan_seconds(plan);
  const auto groups = groups_of(plan);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const int times = inputs.kept[i] ? 1 : plan.sampling.rounds;
    if (has_planned_case(groups[i])) seconds += times * estimate_case_time(*groups[i].front(), plan.sampling).inputs;
  }
  return seconds;
}

Cases round_order(Cases group, std::uint64_t seed, int round) {
  // Shapes differ in their order, so that no variant is first everywhere.
  shuffle(group, seed, group.front()->dataset() + "|" + to_string(group.front()->problem()));
  const auto count = group.size();
  const auto turn = static_cast<std::size_t>(round);
  Cases order;
  for (std::size_t place = 0; place < count; ++place) {
    const auto zigzag = place % 2 == 1 ? (place + 1) / 2 : (count - place / 2) % count;  // 0, 1, -1, 2, -2, ...
    order.push_back(group[(zigzag + turn) % count]);
  }
  // The differences between neighbours balance in one square for an even number, in a square and its mirror image for an odd one.
  if (count % 2 == 1 && turn / count % 2 == 1) std::reverse(order.begin(), order.end());
  return order;
}

std::vector<Case> weights_cases(const Plan& plan, const std::function<bool(const Case&)>& wanted) {
  std::vector<Case> cases;
  std::map<std::string, std::shared_ptr<const Workload>> drawn;  // of each dataset: the small version of its first problem
  std::set<std::string> seen;
  for (const auto* bench_case : plan.cases()) {
    const auto& variant = *bench_case->config.variant;
    if (bench_case->status != CaseStatus::planned || !(variant.laws & kWeightsReadable) || !wanted(*bench_case)) continue;
    if (plan.weights_elsewhere.contains(bench_case->dataset())) continue;
    auto& workload = drawn[bench_case->dataset()];
    if (!workload) workload = make_workload(bench_case->dataset(), weights_problem(bench_case->problem()), bench_case->threads());
    Case small{.workload = workload,
               .config = weights_selection(bench_case->config),
               .prior = bench_case->prior,
               .prediction = bench_case->prediction};
    if (!seen.insert(small.key()).second) continue;
    small.reasons = unsupported_reasons(variant, small.problem(), small.config.params);
    small.status = small.reasons.empty() ? CaseStatus::planned : CaseStatus::unsupported;
    small.cost = declared_cost(small);
    if (small.reasons.empty()) small.prediction = predict(small);
    cases.push_back(std::move(small));
  }
  return cases;
}

double predicted_job_seconds(JobKind kind, const Case& bench_case, const Sampling& sampling) {
  const auto pieces = estimate_case_time(bench_case, sampling);
  const auto& p = bench_case.problem();
  const auto calls = static_cast<double>(ceil_div(p.n_k, p.d_v));  // one block of the identity as values each
  switch (kind) {
    case JobKind::inputs: return pieces.inputs;
    case JobKind::verify: return pieces.verify;
    case JobKind::time: return pieces.round;
    case JobKind::memory: return pieces.memory;
    case JobKind::weights: return pieces.memory + calls * bench_case.prediction.seconds;
    case JobKind::ceilings: break;  // no part of a run
  }
  return 0;
}

}  // namespace attnbench
