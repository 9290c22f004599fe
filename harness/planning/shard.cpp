#include "harness/planning/shard.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <vector>

#include "harness/planning/case.h"
#include "harness/planning/cost_model.h"
#include "harness/planning/plan.h"
#include "harness/support/text.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr int kMaxShards = 10000;
constexpr double kLargestInputs = 64.0 * 1024 * 1024 * 1024;  // bytes; a case beyond is taken to be skipped on every node

// Seconds that a case should take by its declared cost, whatever the status that this machine's memory gave it.
double expected_seconds(const Case& bench_case, const Sampling& sampling) {
  if (compulsory_bytes(bench_case.problem()) > kLargestInputs) return 0;
  if (!unsupported_reasons(*bench_case.config.variant, bench_case.problem(), bench_case.config.params).empty()) return 0;
  Case unbounded = bench_case;
  unbounded.status = CaseStatus::planned;
  unbounded.prediction = predict(unbounded);
  return predicted_case_seconds(unbounded, sampling);
}

// What a group should take; whole, so that the last bit of a floating-point sum on another CPU changes nothing.
std::int64_t expected_milliseconds(const Group& group, const Sampling& sampling) {
  std::int64_t milliseconds = 0;
  for (const auto& bench_case : group.cases) milliseconds += std::llround(1e3 * expected_seconds(bench_case, sampling));
  return milliseconds;
}

// The shard (from 0) of every group: the longest first, each to the shard with the least so far (Graham 1969, "Bounds on
// multiprocessing timing anomalies": at most 4/3 of the best split).
std::vector<int> deal_out(const Plan& plan, int shards) {
  std::vector<std::int64_t> milliseconds;
  for (const auto& group : plan.groups) milliseconds.push_back(expected_milliseconds(group, plan.sampling));
  std::vector<std::size_t> order(plan.groups.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return milliseconds[a] > milliseconds[b]; });
  std::vector<std::pair<std::int64_t, std::size_t>> taken(static_cast<std::size_t>(shards));  // milliseconds, then groups
  std::vector<int> shard_of_group(plan.groups.size());
  for (const auto group : order) {
    const auto least = std::min_element(taken.begin(), taken.end());
    least->first += milliseconds[group];
    least->second += 1;
    shard_of_group[group] = static_cast<int>(least - taken.begin());
  }
  return shard_of_group;
}

}  // namespace

Shard parse_shard(std::string_view text) {
  const auto slash = text.find('/');
  const auto index = parse_count(text.substr(0, slash));
  const auto count = slash == std::string_view::npos ? std::nullopt : parse_count(text.substr(slash + 1));
  if (!index || !count || *index < 1 || *index > *count || *count > kMaxShards)
    throw UserError("shard '" + std::string(text) + "' is not a shard; for example --shard 2/8, from 1/8 to 8/8");
  return {static_cast<int>(*index), static_cast<int>(*count)};
}

std::string to_string(const Shard& shard) { return std::to_string(shard.index) + "/" + std::to_string(shard.count); }

Plan shard_of(const Plan& plan, const Shard& shard) {
  if (static_cast<std::size_t>(shard.count) > plan.groups.size())
    throw UserError("shard " + to_string(shard) + ": the plan has only " + std::to_string(plan.groups.size()) +
                    " shapes to split; ask for at most that many shards");
  const auto dealt = deal_out(plan, shard.count);

  Plan part = plan;
  part.shard = shard;
  part.groups.clear();
  std::set<std::string> datasets;
  for (std::size_t i = 0; i < plan.groups.size(); ++i) {
    const auto& group = plan.groups[i];
    const bool mine = dealt[i] == shard.index - 1;
    // The attention matrices of a dataset are drawn once, by the shard that has its first case.
    if (datasets.insert(group.workload().dataset).second && !mine) part.weights_elsewhere.insert(group.workload().dataset);
    if (mine) part.groups.push_back(group);
    else part.cases_elsewhere += group.cases.size();
  }
  return part;
}

}  // namespace attnbench
