// If these fail, times of other inputs are put beside each other under one name of a dataset.
#include "harness/run/datasets.h"

#include <array>

#include "datasets/npy.h"
#include "harness/planning/case.h"
#include "harness/planning/plan.h"
#include "harness/run/run_file.h"
#include "harness/support/json.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"
#include "variants/api/registry.h"

using namespace attnbench;

namespace {

Plan plan_of(const std::vector<std::string>& datasets) {
  Plan plan;
  const VariantConfig naive{find_variant("naive"), {}};
  for (const auto& dataset : datasets) plan.groups.push_back({{{.workload = make_workload(dataset, {}), .config = naive}}});
  return plan;
}

// A text long enough to be a dataset.
std::string text_of(const std::string& word) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += word + " and then another ";
  return text;
}

Json run_json(const Json& datasets) {
  return {{"plan", {{"name", "p"}}}, {"shard", nullptr},         {"datasets", datasets},
          {"created", "now"},        {"command", {"attnbench"}}, {"environment", Json::object()},
          {"binary_id", "b"},        {"machine_id", "m"},        {"sessions", {{{"binary_id", "b"}, {"machine_id", "m"}}}}};
}

}  // namespace

TEST_CASE("a fingerprint follows what is in the file, and a plan has one per dataset") {
  const TemporaryFolder folder;
  const auto name = "text:" + (folder / "my.txt");
  const auto plan = plan_of({"gaussian", name, "gaussian", name});
  write_text(folder / "my.txt", text_of("one"));
  const auto first = dataset_fingerprints(plan);
  CHECK(first.size() == 2);
  CHECK(dataset_fingerprints(plan) == first);
  write_text(folder / "my.txt", text_of("two"));
  const auto second = dataset_fingerprints(plan);
  CHECK(second["gaussian"] == first["gaussian"]);
  CHECK(contradicting_dataset(first, second) == name);
  CHECK(dataset_fingerprints(plan_of({"text:/no/such/file", "gaussian"})).size() == 1);
}

TEST_CASE("an array that is an extra input has a fingerprint of its own, for the plans that read it") {
  const TemporaryFolder folder;
  const std::array<std::int64_t, 3> shape{1, 3, 2};
  for (const char* name : {"q.npy", "k.npy", "v.npy", "gate.npy"}) write_npy(folder / name, shape, std::vector<float>(6, 1.0f));
  const auto name = "file:" + (folder / "");
  auto gated = *find_variant("naive");
  gated.extras = [](const Problem& p, const Params&) {
    return std::vector<InputSpec>{{.name = "gate", .shape = {1, 1, p.n_k, 1}}, {.name = "beta", .shape = {1, 1, p.n_k, 1}}};
  };
  auto plan = plan_of({name});
  const auto plain = dataset_fingerprints(plan);
  CHECK(plain.size() == 1);
  plan.groups[0].cases[0].config.variant = &gated;
  const auto first = dataset_fingerprints(plan);
  CHECK(first.size() == 2);  // there is no beta.npy
  CHECK(first[name] == plain[name]);
  write_npy(folder / "gate.npy", shape, std::vector<float>(6, 2.0f));
  CHECK(contradicting_dataset(first, dataset_fingerprints(plan)) == name + ", input gate");
  CHECK_FALSE(contradicting_dataset(plain, dataset_fingerprints(plan)));
}

TEST_CASE("what only one side holds is no contradiction") {
  const Json both = {{"gaussian", "1"}, {"file:x", "2"}};
  CHECK_FALSE(contradicting_dataset(both, both));
  CHECK_FALSE(contradicting_dataset(both, {{"file:x", "2"}, {"text", "3"}}));
  CHECK(contradicting_dataset(both, {{"file:x", "3"}}) == "file:x");
  CHECK(contradicting_dataset({{"file:x", "3"}}, both) == "file:x");
}

TEST_CASE("a run is not carried on with other data under the same name") {
  const auto stored = run_json({{"file:x", "1"}});
  for (const bool allow_mixed : {false, true}) {
    const auto message = refusal([&] { continue_run(stored, run_json({{"file:x", "2"}}), "results/r", allow_mixed); });
    CHECK(has(message, "dataset 'file:x'"));
    CHECK(has(message, "results/r"));
  }
  const auto more = continue_run(stored, run_json({{"file:x", "1"}, {"text", "2"}}), "results/r", false);
  CHECK(more["datasets"] == Json{{"file:x", "1"}, {"text", "2"}});
  CHECK(more["sessions"].size() == 2);
}
