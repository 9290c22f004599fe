// If these fail, variants always run after the same neighbour, inputs are made more than once, or heat maps are drawn twice.
#include "harness/run/schedule.h"

#include <algorithm>
#include <map>
#include <set>

#include "harness/planning/case.h"
#include "harness/planning/plan.h"
#include "harness/planning/weights_case.h"
#include "harness/worker/weights.h"
#include "tests/catch.h"
#include "tests/harness/fault_variants/fault_variants.h"

using namespace attnbench;

namespace {

std::vector<std::string> names(const Cases& group) {
  std::vector<std::string> all;
  for (const auto* point : group) all.push_back(point->config.label());
  return all;
}

}  // namespace

TEST_CASE("cases that share inputs form a group; refused ones belong to none") {
  auto plan = fault_plan({"steady", "slow", "aborts"}, {4, 8});
  plan.cases()[1]->status = CaseStatus::skipped;
  const auto groups = groups_of(plan);
  REQUIRE(groups.size() == 2);
  CHECK(names(groups[0]) == std::vector<std::string>{"steady", "aborts"});
  CHECK(names(groups[1]) == std::vector<std::string>{"steady", "slow", "aborts"});
  for (std::size_t i : {0, 1, 2}) plan.cases()[i]->status = CaseStatus::unsupported;
  CHECK(groups_of(plan).size() == 1);
}

TEST_CASE("over as many rounds as variants each stands at every place once; the seed decides who begins") {
  const auto plan = fault_plan({"steady", "steady_too", "slow", "aborts"});
  const auto group = groups_of(plan).front();
  for (std::size_t place = 0; place < group.size(); ++place) {
    std::set<std::string> seen;
    for (int round = 0; round < 4; ++round) seen.insert(names(round_order(group, 7, round))[place]);
    CHECK(seen.size() == 4);
  }
  CHECK(names(round_order(group, 7, 0)) == names(round_order(group, 7, 4)));
  CHECK(names(round_order(group, 7, 0)) == names(round_order(group, 7, 0)));
  std::set<std::vector<std::string>> orders;
  for (std::uint64_t seed = 0; seed < 20; ++seed) orders.insert(names(round_order(group, seed, 0)));
  CHECK(orders.size() > 5);
}

TEST_CASE("whatever the number of variants and rounds, each stands at each place equally often, give or take one") {
  for (const std::size_t count : {1u, 2u, 3u, 5u, 8u}) {
    const std::vector<std::string> all{"steady", "steady_too", "slow", "aborts", "hangs", "leaks", "leaves", "throws"};
    const auto plan = fault_plan({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)});
    const auto group = groups_of(plan).front();
    for (const int rounds : {1, 3, 10, 20}) {
      std::map<std::pair<std::string, std::size_t>, int> times;
      for (int round = 0; round < rounds; ++round) {
        const auto order = names(round_order(group, 3, round));
        for (std::size_t place = 0; place < count; ++place) ++times[{order[place], place}];
      }
      CAPTURE(count, rounds);
      for (const auto& [at, often] : times) CHECK(often <= rounds / static_cast<int>(count) + 1);
      if (rounds >= static_cast<int>(count)) CHECK(times.size() == count * count);
      for (const auto& [at, often] : times) CHECK(often >= rounds / static_cast<int>(count));
    }
  }
}

TEST_CASE("each variant runs after each other equally often") {
  for (const std::size_t count : {2u, 4u, 5u}) {
    const std::vector<std::string> all{"steady", "steady_too", "slow", "aborts", "hangs"};
    const auto plan = fault_plan({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)});
    const auto group = groups_of(plan).front();
    const int rounds = static_cast<int>(count % 2 == 0 ? count : 2 * count);
    std::map<std::pair<std::string, std::string>, int> times;
    for (int round = 0; round < rounds; ++round) {
      const auto order = names(round_order(group, 5, round));
      for (std::size_t place = 1; place < count; ++place) ++times[{order[place - 1], order[place]}];
    }
    CAPTURE(count);
    CHECK(times.size() == count * (count - 1));
    for (const auto& [pair, often] : times) CHECK(often == rounds / static_cast<int>(count));
  }
}

TEST_CASE("shapes have orders of their own") {
  std::vector<std::int64_t> lengths;
  for (std::int64_t n = 4; n < 24; ++n) lengths.push_back(n);
  const auto plan = fault_plan({"steady", "steady_too", "slow", "aborts"}, lengths);
  std::set<std::string> first;
  for (const auto& group : groups_of(plan)) first.insert(names(round_order(group, 1, 0)).front());
  CHECK(first.size() == 4);
}

TEST_CASE("the first round keeps the order of the plan; each later one has a seeded order of its own over all groups") {
  const std::vector<std::size_t> plan_order{0, 1, 2, 3, 4, 5, 6, 7};
  CHECK(group_order(8, 1, 0) == plan_order);
  std::set<std::vector<std::size_t>> orders;
  for (int round = 1; round < 20; ++round) {
    auto order = group_order(8, 1, round);
    CHECK(order == group_order(8, 1, round));
    orders.insert(order);
    std::sort(order.begin(), order.end());
    CHECK(order == plan_order);
  }
  CHECK(orders.size() > 15);
  CHECK(group_order(8, 1, 1) != group_order(8, 2, 1));
}

TEST_CASE("inputs are kept on disk up to a budget, the others made in every round, and both are predicted") {
  auto plan = fault_plan({"steady"}, {256, 512, 4096});  // two heads of d 4: 8, 16 and 128 pages
  plan.sampling.rounds = 5;
  const auto groups = groups_of(plan);
  const auto all = keep_inputs(groups, 1e9);
  CHECK(all.kept == std::vector<bool>{true, true, true});
  constexpr double kHeader = 4096;  // of an inputs file
  CHECK(all.bytes == 3 * kHeader + 3.0 * 4 * 2 * 4 * (256 + 512 + 4096));
  const auto small = keep_inputs(groups, 100e3);
  CHECK(small.kept == std::vector<bool>{true, true, false});
  CHECK(small.bytes == all.bytes);  // one large file at a time, beside the small ones
  CHECK(keep_inputs(groups, 0).bytes == kHeader + 3.0 * 4 * 2 * 4 * 4096);
  const double again = predicted_job_seconds(JobKind::inputs, *plan.cases()[2], plan.sampling);
  CHECK(predicted_run_seconds(plan, small) - predicted_run_seconds(plan, all) == Approx(4 * again));
}

TEST_CASE("one small problem per dataset and variant is drawn") {
  auto plan = fault_plan({"steady", "slow"}, {512, 1024});
  plan.cases()[3]->config.variant = find_fault_variant("aborts");
  auto cases = weights_cases(plan, [](const Case& point) { return point.config.label() != "slow"; });
  REQUIRE(cases.size() == 2);
  CHECK(cases[0].config.label() == "steady");
  CHECK(cases[1].config.label() == "aborts");
  CHECK(cases[1].problem() == cases[0].problem());
  CHECK(cases[0].problem().n_q == kWeightsTokens);
  CHECK(cases[0].problem().n_k == kWeightsTokens);
}

TEST_CASE("a variant that cannot take the small problem is listed with the reason") {
  auto plan = fault_plan({"steady"}, {512});
  Variant picky = *plan.cases()[0]->config.variant;
  picky.unsupported = [](const Problem&, const Params&, Reasons& reasons) { reasons.push_back("too small for me"); };
  plan.cases()[0]->config.variant = &picky;
  const auto cases = weights_cases(plan, [](const Case&) { return true; });
  REQUIRE(cases.size() == 1);
  CHECK(cases[0].status == CaseStatus::unsupported);
  CHECK(cases[0].reasons == Reasons{"too small for me"});
}

TEST_CASE("a timed round is predicted to take its warm-up and its samples") {
  auto plan = fault_plan({"steady"});
  auto& point = *plan.cases()[0];
  const auto sampling = sampling_for(Profile::quick);
  point.prediction.seconds = 2;
  const double lengthy = predicted_job_seconds(JobKind::time, point, sampling);
  CHECK(lengthy >= 2 * (2 + sampling.samples));
  CHECK(lengthy < 2 * (2 + sampling.samples) + 1);
  point.prediction.seconds = 1e-6;
  CHECK(predicted_job_seconds(JobKind::time, point, sampling) >= 0.2 + sampling.samples * 0.01);
}
