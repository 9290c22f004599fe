#include "harness/run/schedule.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "harness/planning/cost_model.h"
#include "harness/worker/weights.h"

namespace attnbench {
namespace {

constexpr double kProcessSeconds = 0.05;     // start and end of a worker
constexpr double kOraclePairSeconds = 4e-9;  // float64 multiply-add of the oracle, per pair and dimension
constexpr double kOracleRows = 1024;         // at most, verify.h

bool same_inputs(const Case& a, const Case& b) {
  return a.dataset == b.dataset && a.problem == b.problem && a.threads == b.threads;
}

}  // namespace

std::vector<Group> groups_of(const Plan& plan) {
  std::vector<Group> groups;
  for (const auto& point : plan.cases) {
    if (point.status != CaseStatus::planned) continue;
    if (groups.empty() || !same_inputs(*groups.back().front(), point)) groups.emplace_back();
    groups.back().push_back(&point);
  }
  return groups;
}

Group round_order(Group group, std::uint64_t seed, int round) {
  std::mt19937_64 random(seed);
  for (std::size_t i = group.size(); i > 1; --i) std::swap(group[i - 1], group[random() % i]);
  std::rotate(group.begin(), group.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(round) % group.size()),
              group.end());
  return group;
}

std::vector<Case> weights_cases(const Plan& plan, const std::function<bool(const Case&)>& wanted) {
  std::vector<Case> cases;
  std::map<std::string, Case> first;  // of each dataset: its problem is the one that is drawn
  std::set<std::string> seen;
  for (const auto& point : plan.cases) {
    if (point.status != CaseStatus::planned || !(point.selected.variant->laws & kWeightsReadable) || !wanted(point)) continue;
    if (plan.weights_elsewhere.contains(point.dataset)) continue;
    const auto& model = first.emplace(point.dataset, point).first->second;
    Case small = point;
    small.problem = weights_problem(model.problem);
    small.threads = model.threads;
    small.selected = weights_selection(point.selected);
    if (!seen.insert(small.key()).second) continue;
    small.reasons = unsupported_reasons(*small.selected.variant, small.problem, small.selected.params);
    small.status = small.reasons.empty() ? CaseStatus::planned : CaseStatus::unsupported;
    if (small.reasons.empty()) small.prediction = predict(small.selected, small.problem, small.threads);
    cases.push_back(std::move(small));
  }
  return cases;
}

double predicted_job_seconds(JobKind kind, const Case& point, const Sampling& sampling) {
  const double call = point.prediction.seconds;
  const auto& p = point.problem;
  const double rows = std::min<double>(static_cast<double>(p.n_q), kOracleRows) * static_cast<double>(p.batch * p.heads_q);
  const double oracle = rows * static_cast<double>(p.n_k * (p.d_qk + p.d_v)) * kOraclePairSeconds / point.threads;
  switch (kind) {
    case JobKind::inputs: return kProcessSeconds + oracle;
    case JobKind::verify: return kProcessSeconds + 2 * call;
    case JobKind::time:
      return kProcessSeconds + call + std::max(call, sampling.warmup_seconds) +
             sampling.samples * std::max(call, sampling.min_sample_seconds);
    case JobKind::memory: return kProcessSeconds + 2 * call;
    case JobKind::weights: return kProcessSeconds + call * static_cast<double>((p.n_k + p.d_v - 1) / p.d_v);
    case JobKind::ceilings: break;  // no part of a run
  }
  return 0;
}

}  // namespace attnbench
