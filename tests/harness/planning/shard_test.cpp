// If these fail, a plan split over machines loses or repeats cases, tears apart what should be compared, or splits differently on
// every machine.
#include "harness/planning/shard.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "harness/planning/case.h"
#include "harness/planning/cost_model.h"
#include "harness/planning/plan.h"
#include "harness/planning/plan_builder.h"
#include "harness/run/schedule.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

using namespace attnbench;

namespace {

Plan sample_plan() {
  PlanSpec spec;
  spec.memory_budget = 1e9;
  spec.sweeps.push_back({.variants = {"naive", "blockwise", "linear"},
                         .datasets = {"gaussian", "clustered"},
                         .problems = {"b1 h2 d16"},
                         .axes = {"n=16:2048:x2", "threads=1,2", "softcap=none,5"}});
  return build_plan(spec);
}

std::vector<std::string> keys_of(const Plan& plan) {
  std::vector<std::string> keys;
  for (const auto* point : plan.cases()) keys.push_back(point->key());
  return keys;
}

}  // namespace

TEST_CASE("every case is in one shard, beside all others of its shape, in the order of the plan") {
  const auto plan = sample_plan();
  for (const int count : {1, 2, 3, 7}) {
    std::map<std::string, int> shard_of_shape;
    std::set<std::string> seen;
    for (int index = 1; index <= count; ++index) {
      const auto part = shard_of(plan, {index, count});
      CHECK(part.cases().size() + part.cases_elsewhere == plan.cases().size());
      CHECK(part.resolved_toml == plan.resolved_toml);
      const auto all = keys_of(plan), mine = keys_of(part);
      auto next = all.begin();
      for (const auto& key : mine) next = std::find(next, all.end(), key);
      CHECK(next != all.end());
      for (const auto* point : part.cases()) {
        CHECK(seen.insert(point->key()).second);
        CHECK(shard_of_shape.emplace(point->workload->key(), index).first->second == index);
      }
    }
    CHECK(seen.size() == plan.cases().size());
  }
}

TEST_CASE("no shard should take longer than the others by more than one shape") {
  const auto plan = sample_plan();
  std::map<std::string, double> shapes;
  for (const auto* point : plan.cases()) shapes[point->workload->key()] += predicted_case_seconds(*point, plan.sampling);
  const auto largest =
      std::max_element(shapes.begin(), shapes.end(), [](const auto& a, const auto& b) { return a.second < b.second; })->second;
  for (const int count : {2, 3, 5}) {
    std::vector<double> seconds;
    for (int index = 1; index <= count; ++index) seconds.push_back(predicted_plan_seconds(shard_of(plan, {index, count})));
    const auto [least, most] = std::minmax_element(seconds.begin(), seconds.end());
    CHECK(*most - *least <= largest + 0.1);  // rounded to milliseconds
  }
}

TEST_CASE("the split does not depend on what this machine would skip or has measured") {
  const auto plan = sample_plan();
  auto other = plan;
  for (std::size_t i = 0; i < other.cases().size(); i += 2) {
    other.cases()[i]->prediction.seconds *= 100;
    if (other.cases()[i]->status == CaseStatus::planned) other.cases()[i]->status = CaseStatus::skipped;
  }
  for (int index = 1; index <= 3; ++index) CHECK(keys_of(shard_of(plan, {index, 3})) == keys_of(shard_of(other, {index, 3})));
}

TEST_CASE("the attention matrices of a dataset are drawn by one shard") {
  const auto plan = sample_plan();
  std::map<std::string, int> drawn;
  std::size_t all = 0;
  for (int index = 1; index <= 3; ++index) {
    const auto cases = weights_cases(shard_of(plan, {index, 3}), [](const Case&) { return true; });
    for (const auto& point : cases) ++drawn[point.key()];
    all += cases.size();
  }
  CHECK(drawn.size() == all);
  CHECK(all == weights_cases(plan, [](const Case&) { return true; }).size());
}

TEST_CASE("a shard is written I/N") {
  CHECK(parse_shard("2/8") == Shard{2, 8});
  CHECK(to_string(parse_shard("1/1")) == "1/1");
  for (const char* text : {"", "/", "1", "0/2", "3/2", "-1/2", "1/2/3", "a/b", "1/0", "1/10001"}) {
    CAPTURE(text);
    CHECK(has(refusal([&] { parse_shard(text); }), "--shard 2/8"));
  }
}

TEST_CASE("more shards than shapes are refused with their number") {
  PlanSpec spec;
  spec.sweeps.push_back({.variants = {"naive"}, .datasets = {"gaussian"}, .problems = {"n4", "n5"}, .axes = {"threads=1"}});
  const auto plan = build_plan(spec);
  CHECK(shard_of(plan, {2, 2}).cases().size() == 1);
  CHECK(has(refusal([&] { shard_of(plan, {1, 3}); }), "only 2 shapes"));
}
