// If these fail, a run guesses at the machine although it could have asked, or spends longer asking than running.
#include "harness/run/probes.h"

#include <map>
#include <set>

#include "harness/planning/case.h"
#include "harness/planning/plan.h"
#include "harness/planning/plan_builder.h"
#include "harness/run/schedule.h"
#include "harness/support/json.h"
#include "tests/catch.h"

using namespace attnbench;

namespace {

Plan sweep(const char* lengths, Profile profile = Profile::standard) {
  PlanSpec spec;
  spec.profile = profile;
  spec.memory_budget = 1e12;
  spec.sweeps.emplace_back();
  auto& sweep = spec.sweeps.back();
  sweep.variants = {"naive", "blockwise", "linear"};
  sweep.datasets = {"gaussian"};
  sweep.problems = {"b2 h4 n64 d64 f32 causal mask=bool klen=32,64"};
  sweep.axes = {lengths, "threads=1,2", "causal=none", "mask=none", "klen=none"};
  return build_plan(spec);
}

}  // namespace

TEST_CASE("two small lengths of every variant and thread count are probed") {
  const auto probes = probe_plan(sweep("n=256:16384:x2"), {});
  std::map<std::string, std::set<std::int64_t>> lengths;
  for (const auto* probe : probes.cases()) {
    lengths[probe->config.label() + "|" + std::to_string(probe->threads())].insert(probe->problem().n_q);
    CHECK(probe->problem().batch == 1);
    CHECK(probe->problem().heads_q == 4);
    CHECK(probe->problem().n_q <= 1024);
    CHECK(probe->dataset() == "gaussian");
    CHECK((probe->prior.seconds <= 0.005 || probe->problem().n_q == 32));
  }
  CHECK(lengths.size() == 6);
  for (const auto& [variant, of] : lengths) {
    REQUIRE(of.size() == 2);
    CHECK(*of.rbegin() == 4 * *of.begin());
  }
  for (const auto& group : groups_of(probes)) CHECK(group.size() >= 1);
}

TEST_CASE("what is known is not probed, and a short run is not worth it") {
  auto plan = sweep("n=256:16384:x2");
  FittedModel model;
  for (const auto* point : plan.cases())
    if (point->config.label() != "linear") model.learn(*point, point->prior.seconds);
  const auto probes = probe_plan(plan, model);
  REQUIRE_FALSE(probes.cases().empty());
  for (const auto* probe : probes.cases()) CHECK(probe->config.label() == "linear");
  CHECK(probe_plan(sweep("n=64,128", Profile::quick), {}).cases().empty());
}

TEST_CASE("what an earlier run measured is probed again: the machine may have been busy then") {
  const auto plan = sweep("n=256:16384:x2");
  FittedModel model;
  for (const auto* point : plan.cases()) model.learn(*point, point->prior.seconds);
  CHECK(probe_plan(plan, model).cases().empty());
  CHECK_FALSE(probe_plan(plan, FittedModel::from_json(model.to_json())).cases().empty());
}

TEST_CASE("cases that only the prior has ruled out are reason enough to probe") {
  auto plan = sweep("n=4096:16384:x2");
  for (auto* point : plan.cases()) point->status = CaseStatus::skipped;
  CHECK_FALSE(probe_plan(plan, {}).cases().empty());
}
