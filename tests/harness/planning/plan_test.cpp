// If these fail, a run does other cases than its plan says, or a stored plan does not give the same run again.
#include "harness/planning/plan.h"

#include <set>

#include "harness/planning/case.h"
#include "harness/planning/cost_model.h"
#include "harness/planning/plan_builder.h"
#include "harness/plugins/catalogue.h"
#include "tests/catch.h"
#include "variants/api/error.h"

using namespace attnbench;

namespace {

PlanSpec spec_of(const std::string& sweep) { return parse_plan("memory_budget = \"8g\"\nweights = false\n" + sweep, "test"); }

Plan plan_of(const std::string& sweep) { return build_plan(spec_of(sweep)); }

std::vector<std::string> keys(const Plan& plan) {
  std::vector<std::string> result;
  for (const auto* one : plan.cases()) result.push_back(one->key());
  return result;
}

std::string message(const std::string& sweep) {
  try {
    plan_of(sweep);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

constexpr const char* kGaussian = "datasets = [\"gaussian\"]\n";

std::string sweep(const std::string& variants, const std::string& axes) {
  return std::string(kGaussian) + "variants = [\"" + variants + "\"]\naxes = [" + axes + "]\nproblems = [\"b1 h2 n8 d4 f32\"]\n";
}

}  // namespace

TEST_CASE("axes multiply, and cases come in groups of equal input") {
  const auto plan = plan_of(sweep("naive,linear", R"("threads=1", "n=4,8", "d=2,3")"));
  CHECK(keys(plan) == std::vector<std::string>{"gaussian|b1 h2 n4 d2 f32|naive|t1", "gaussian|b1 h2 n4 d2 f32|linear|t1",
                                               "gaussian|b1 h2 n4 d3 f32|naive|t1", "gaussian|b1 h2 n4 d3 f32|linear|t1",
                                               "gaussian|b1 h2 n8 d2 f32|naive|t1", "gaussian|b1 h2 n8 d2 f32|linear|t1",
                                               "gaussian|b1 h2 n8 d3 f32|naive|t1", "gaussian|b1 h2 n8 d3 f32|linear|t1"});
}

TEST_CASE("a group that two sweeps share stays together, and no case is there twice") {
  const auto plan = plan_of(std::string(kGaussian) + R"(axes = ["threads=1"]
[[sweep]]
problems = ["b1 h1 n4 d4 f32", "b1 h1 n8 d4 f32"]
variants = ["naive"]
[[sweep]]
problems = ["b1 h1 n4 d4 f32"]
variants = ["linear", "naive"]
)");
  CHECK(keys(plan) == std::vector<std::string>{"gaussian|b1 h1 n4 d4 f32|naive|t1", "gaussian|b1 h1 n4 d4 f32|linear|t1",
                                               "gaussian|b1 h1 n8 d4 f32|naive|t1"});
}

TEST_CASE("coarse fields never undo fine ones, whatever the order of the axes") {
  for (const char* axes : {R"("nq=1", "n=8", "threads=1")", R"("n=8", "nq=1", "threads=1")"})
    CHECK(plan_of(sweep("naive", axes)).cases().at(0)->problem() == parse_problem("b1 h2 n1:8 d4 f32"));
  CHECK(plan_of(sweep("naive", R"("klen=5", "b=3", "threads=1")")).cases().at(0)->problem().key_lengths ==
        std::vector<std::int64_t>{5, 5, 5});
}

TEST_CASE("a parameter axis goes to the variants that have it, the others appear once") {
  const auto plan = plan_of(sweep("sliding_window,naive", R"("window=2,3", "threads=1")"));
  std::multiset<std::string> labels;
  for (const auto* one : plan.cases()) labels.insert(one->config.label());
  CHECK(labels == std::multiset<std::string>{"naive", "sliding_window(window=2)", "sliding_window(window=3)"});
}

TEST_CASE("a plan lists its datasets, its variants and its most threads, each once") {
  auto spec = sweep("naive,linear", R"("n=4,8", "threads=1,3")");
  const auto plan = plan_of(spec);
  CHECK(plan.datasets() == std::vector<std::string>{plan.cases()[0]->dataset()});
  REQUIRE(plan.configs().size() == 2);
  CHECK(plan.configs()[0].label() == "naive");
  CHECK(plan.configs()[1].label() == "linear");
  CHECK(plan.most_threads() == 3);
  CHECK(Plan().most_threads() == 1);
}

TEST_CASE("a pair on window is the problem's own window") {
  const auto plan = plan_of(sweep("naive", R"("window=2:0,none", "threads=1")"));
  REQUIRE(plan.cases().size() == 2);
  CHECK(plan.cases()[0]->problem().window == Window{2, 0});
  CHECK_FALSE(plan.cases()[1]->problem().window.has_value());
}

TEST_CASE("an impossible combination stays in the plan with its reasons") {
  const auto plan = plan_of(sweep("linear,naive", R"("softcap=30", "threads=1")"));
  REQUIRE(plan.cases().size() == 2);
  CHECK(plan.cases()[0]->status == CaseStatus::unsupported);
  CHECK(plan.cases()[0]->reasons.at(0).find("softcap") != std::string::npos);
  CHECK(plan.cases()[1]->status == CaseStatus::planned);
}

TEST_CASE("a case beyond the memory budget is skipped with the prediction") {
  const auto plan = plan_of(sweep("naive", R"("n=64k", "threads=1")"));
  REQUIRE(plan.cases()[0]->status == CaseStatus::skipped);
  CHECK(plan.cases()[0]->reasons.at(0).find("GiB of memory, more than the budget of 8.00 GiB") != std::string::npos);
}

TEST_CASE("inputs beyond the budget are skipped before a variant is asked") {
  const auto plan = plan_of(sweep("naive", R"("n=10m", "h=8", "threads=1", "d=64")"));
  REQUIRE(plan.cases()[0]->status == CaseStatus::skipped);
  CHECK(plan.cases()[0]->prediction.seconds == 0);
}

TEST_CASE("a case beyond the time of one call is skipped with the prediction") {
  auto spec = spec_of(sweep("naive", R"("n=8,4096", "threads=1")"));
  spec.max_call_seconds = 0.01;
  const auto plan = build_plan(spec);
  CHECK(plan.cases()[0]->status == CaseStatus::planned);
  REQUIRE(plan.cases()[1]->status == CaseStatus::skipped);
  CHECK(plan.cases()[1]->reasons.at(0).find("--max-call-seconds") != std::string::npos);
}

TEST_CASE("the resolved plan gives the same cases again") {
  auto spec = spec_of(R"(profile = "standard"
rounds = 2
max_call_seconds = 0.2
datasets = ["gaussian", "peaked"]
variants = ["naive", "family:sparse", "linear"]
problems = ["b2 h4:2 n16 d8 f32", "b1 h8 n32 d8 f32 causal"]
axes = ["n=16:4k:x16", "window=4,8", "causal=none,bottom-right"]
)");
  const auto plan = build_plan(spec);
  const auto again = build_plan(parse_plan(plan.resolved_toml, "stored"));
  CHECK(plan.cases().size() > 40);
  CHECK(keys(again) == keys(plan));
  for (std::size_t i = 0; i < plan.cases().size(); ++i) {
    CHECK(again.cases()[i]->status == plan.cases()[i]->status);
    CHECK(again.cases()[i]->reasons == plan.cases()[i]->reasons);
  }
  CHECK(again.resolved_toml == plan.resolved_toml);
  CHECK(again.sampling.rounds == 2);
  CHECK(again.sampling.cap_seconds == plan.sampling.cap_seconds);
  CHECK(again.memory_budget_bytes == plan.memory_budget_bytes);
  CHECK(again.seed == plan.seed);
  CHECK(again.weights == plan.weights);
}

TEST_CASE("the resolved plan names its threads, variants and budget") {
  PlanSpec spec = parse_plan(kGaussian, "test");
  const auto plan = build_plan(spec);
  CHECK(plan.cases().size() == known_variants().size());
  CHECK(plan.cases()[0]->threads() == usable_threads());
  CHECK(plan.memory_budget_bytes > 0);
  const auto stored = parse_plan(plan.resolved_toml, "stored");
  CHECK(stored.memory_budget.has_value());
  CHECK(stored.sweeps.at(0).variants.size() == known_variants().size());
}

TEST_CASE("mistakes in a sweep are one line") {
  CHECK(message(sweep("naive", R"("heads=4")")).find("unknown axis 'heads'") == 0);
  CHECK(message(sweep("naive", R"("windw=4")")).find("did you mean 'window'?") != std::string::npos);
  CHECK(message(sweep("naive", R"("window=64")")).find("window=64: expected LEFT:RIGHT") != std::string::npos);
  CHECK(message(sweep("naive", R"("threads=0")")).find("threads=0: expected a count from 1") == 0);
  CHECK(message(sweep("naive", R"("threads=100000")")).find("threads=100000") == 0);
  CHECK(message(sweep("naive", R"("h=32:5")")).find("key/value heads must divide") != std::string::npos);
  CHECK(message(sweep("naive", R"("n=0")")).find("n=0: expected a count from 1 up") != std::string::npos);
  CHECK(message(sweep("naive", R"("n=1:8000:+1", "d=1:8000:+1")")).find("more than 100000 combinations") != std::string::npos);
  CHECK(message("datasets = [\"gausian\"]").find("gaussian") != std::string::npos);
}

TEST_CASE("more threads than a few for each core are skipped with the reason, whatever machine the plan was written for") {
  const auto most = 4 * usable_threads();
  const auto plan = plan_of(sweep("naive", R"("n=8", "threads=1,)" + std::to_string(most) + "," + std::to_string(most + 1) + "\""));
  REQUIRE(plan.cases().size() == 3);
  CHECK(plan.cases()[0]->status == CaseStatus::planned);
  CHECK(plan.cases()[1]->status == CaseStatus::planned);
  CHECK(plan.cases()[2]->status == CaseStatus::skipped);
  CHECK(plan.cases()[2]->reasons.at(0).find(std::to_string(most + 1) + " threads on ") == 0);
}

TEST_CASE("profiles differ in rounds as the protocol says") {
  CHECK(sampling_for(Profile::quick).rounds == 6);
  CHECK(sampling_for(Profile::quick).samples == 1);
  CHECK(sampling_for(Profile::standard).rounds == 10);
  CHECK(sampling_for(Profile::rigorous).rounds == 20);
}
