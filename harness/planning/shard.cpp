#include "harness/planning/shard.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>
#include <vector>

#include "harness/planning/cost_model.h"
#include "harness/planning/plan.h"
#include "harness/support/words.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr int kMaxShards = 10000;
constexpr double kLargestInputs = 64.0 * 1024 * 1024 * 1024;  // bytes; a case beyond is taken to be skipped on every node

// Cases that must stay on one node, and what they should take.
struct Load {
  std::vector<std::size_t> cases;  // indices into the plan
  std::int64_t milliseconds = 0;   // whole, so that the last bit of a floating-point sum on another CPU changes nothing
};

// Seconds that a case should take by its declared cost, whatever the status that this machine's memory gave it.
double expected_seconds(const Case& planned, const Sampling& sampling) {
  if (compulsory_bytes(planned.problem) > kLargestInputs) return 0;
  if (!unsupported_reasons(*planned.config.variant, planned.problem, planned.config.params).empty()) return 0;
  Case unbounded = planned;
  unbounded.status = CaseStatus::planned;
  unbounded.prediction = predict(planned.config, planned.problem, planned.threads);
  return predicted_case_seconds(unbounded, sampling);
}

std::vector<Load> loads_of(const Plan& plan) {
  std::vector<Load> loads;
  std::map<std::tuple<std::string, std::string, int>, std::size_t> index;
  for (std::size_t i = 0; i < plan.cases.size(); ++i) {
    const auto& point = plan.cases[i];
    const auto [found, is_new] = index.emplace(std::tuple(point.dataset, to_string(point.problem), point.threads), loads.size());
    if (is_new) loads.emplace_back();
    auto& load = loads[found->second];
    load.cases.push_back(i);
    load.milliseconds += std::llround(1e3 * expected_seconds(point, plan.sampling));
  }
  return loads;
}

// The shard (from 0) of every load: the longest first, each to the shard with the least so far (Graham 1969, "Bounds on
// multiprocessing timing anomalies": at most 4/3 of the best split).
std::vector<int> deal_out(const std::vector<Load>& loads, int shards) {
  std::vector<std::size_t> order(loads.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return loads[a].milliseconds > loads[b].milliseconds; });
  std::vector<std::pair<std::int64_t, std::size_t>> taken(static_cast<std::size_t>(shards));  // milliseconds, then loads
  std::vector<int> shard_of_load(loads.size());
  for (const auto load : order) {
    const auto least = std::min_element(taken.begin(), taken.end());
    least->first += loads[load].milliseconds;
    least->second += 1;
    shard_of_load[load] = static_cast<int>(least - taken.begin());
  }
  return shard_of_load;
}

}  // namespace

Shard parse_shard(std::string_view text) {
  const auto slash = text.find('/');
  const auto index = parse_count(text.substr(0, slash));
  const auto count = slash == std::string_view::npos ? std::nullopt : parse_count(text.substr(slash + 1));
  if (!index || !count || *index < 1 || *index > *count || *count > kMaxShards)
    throw UserError("shard '" + std::string(text) + "' is no part of a whole; for example --shard 2/8, from 1/8 to 8/8");
  return {static_cast<int>(*index), static_cast<int>(*count)};
}

std::string to_string(const Shard& shard) { return std::to_string(shard.index) + "/" + std::to_string(shard.count); }

Plan shard_of(const Plan& plan, const Shard& shard) {
  const auto loads = loads_of(plan);
  if (static_cast<std::size_t>(shard.count) > loads.size())
    throw UserError("shard " + to_string(shard) + ": the plan has only " + std::to_string(loads.size()) +
                    " shapes to split; ask for at most that many shards");
  const auto dealt = deal_out(loads, shard.count);
  std::vector<bool> mine(plan.cases.size());
  for (std::size_t load = 0; load < loads.size(); ++load)
    for (const auto i : loads[load].cases) mine[i] = dealt[load] == shard.index - 1;

  Plan part = plan;
  part.shard = shard;
  part.cases.clear();
  std::set<std::string> datasets;
  for (std::size_t i = 0; i < plan.cases.size(); ++i) {
    const auto& point = plan.cases[i];
    // The attention matrices of a dataset are drawn once, by the shard that has its first case.
    if (datasets.insert(point.dataset).second && !mine[i]) part.weights_elsewhere.insert(point.dataset);
    if (mine[i]) part.cases.push_back(point);
  }
  part.cases_elsewhere = plan.cases.size() - part.cases.size();
  return part;
}

}  // namespace attnbench
