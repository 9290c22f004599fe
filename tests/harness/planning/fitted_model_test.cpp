// If these fail, predictions ignore what the machine has shown, forget it, or carry one variant's measurements over to another.
#include "harness/planning/fitted_model.h"

#include <cmath>

#include "harness/planning/case.h"
#include "harness/planning/cost_model.h"
#include "harness/planning/plan.h"
#include "harness/planning/pricing.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"
#include "variants/api/registry.h"

using namespace attnbench;

namespace {

Case case_of(const char* variant, std::int64_t n, int threads = 1) {
  Case one;
  const auto* found = find_variant(variant);
  REQUIRE(found != nullptr);
  one.workload = make_workload("gaussian", parse_problem("b1 h8 d64 n" + std::to_string(n)), threads);
  one.config = {found, Params(found->params)};
  one.prior = one.prediction = predict(one);
  return one;
}

double correction(const FittedModel& model, const Case& one) { return model.predict(one).seconds / one.prior.seconds; }

}  // namespace

TEST_CASE("without measurements the prior stands") {
  const auto one = case_of("naive", 512);
  const auto prediction = FittedModel().predict(one);
  CHECK(prediction.seconds == one.prior.seconds);
  CHECK(prediction.peak_bytes == one.prior.peak_bytes);
  CHECK(prediction.rates == RateSource::prior);
}

TEST_CASE("a measured case is predicted as it was measured, and its neighbours nearly so") {
  FittedModel model;
  const auto measured = case_of("naive", 512);
  model.learn(measured, 3 * measured.prior.seconds);
  CHECK(correction(model, measured) == Approx(3).epsilon(0.001));
  CHECK(correction(model, case_of("naive", 1024)) == Approx(3).epsilon(0.01));
  CHECK(model.predict(measured).rates == RateSource::fitted);
}

TEST_CASE("a probe of microseconds speaks for a call of seconds as long as there is nothing nearer") {
  FittedModel model;
  model.learn(case_of("blockwise", 64), 0.25 * case_of("blockwise", 64).prior.seconds);
  model.learn(case_of("linear", 65536), 8 * case_of("linear", 65536).prior.seconds);
  CHECK(correction(model, case_of("blockwise", 16384)) == Approx(0.25).epsilon(0.1));
  const auto near = case_of("blockwise", 8192);
  model.learn(near, 0.5 * near.prior.seconds);
  CHECK(correction(model, case_of("blockwise", 16384)) == Approx(0.5).epsilon(0.15));
}

TEST_CASE("what an earlier run kept of a size gives way to what this run measures of smaller ones") {
  FittedModel busy;
  const auto large = case_of("naive", 4096);
  busy.learn(large, 6 * large.prior.seconds);
  auto model = FittedModel::from_json(busy.to_json());
  CHECK(correction(model, large) == Approx(6).epsilon(0.01));
  for (const std::int64_t n : {512, 1024, 2048}) model.learn(case_of("naive", n), case_of("naive", n).prior.seconds);
  CHECK(correction(model, large) < 1.6);
  model.learn(large, 2 * large.prior.seconds);
  CHECK(correction(model, large) > 1.6);
}

TEST_CASE("a variant nobody measured takes after its family, then after the machine") {
  FittedModel model;
  const auto sparse = case_of("sliding_window", 2048), exact = case_of("blockwise", 2048);
  REQUIRE(std::string(sparse.config.variant->family) == case_of("strided", 2048).config.variant->family);
  model.learn(sparse, 4 * sparse.prior.seconds);
  model.learn(exact, 0.5 * exact.prior.seconds);
  const auto relative = case_of("strided", 2048), stranger = case_of("additive", 2048);
  CHECK(correction(model, relative) > 1.5);
  CHECK(correction(model, relative) <= 4);
  CHECK(correction(model, relative) > correction(model, stranger));
  CHECK(correction(model, stranger) > 0.5);
  CHECK(correction(model, stranger) < 4);
  CHECK(model.predict(relative).rates == RateSource::prior);
  CHECK_FALSE(model.knows(relative));
}

TEST_CASE("another number of threads is another matter, but better than nothing") {
  FittedModel model;
  const auto two = case_of("naive", 512, 2);
  model.learn(two, 3 * two.prior.seconds);
  CHECK_FALSE(model.knows(case_of("naive", 512, 1)));
  CHECK(correction(model, case_of("naive", 512, 1)) == Approx(3).epsilon(0.01));
  const auto one = case_of("naive", 512, 1);
  model.learn(one, 2 * one.prior.seconds);
  CHECK(correction(model, one) == Approx(2).epsilon(0.1));
}

TEST_CASE("a later measurement replaces an earlier one; times that are none are ignored") {
  FittedModel model;
  const auto one = case_of("naive", 512);
  model.learn(one, 0);
  model.learn(one, -1);
  CHECK(model.empty());
  model.learn(one, 9 * one.prior.seconds);
  model.learn(one, 2 * one.prior.seconds);
  CHECK(correction(model, one) == Approx(2).epsilon(0.001));
}

TEST_CASE("the process around the tensors is learned from memory passes") {
  FittedModel model;
  const auto small = case_of("naive", 256), large = case_of("naive", 1024);
  const double process = 10e6;
  const auto declared = static_cast<double>(declared_workspace(*small.config.variant, small.problem(), small.config.params, 1));
  model.learn_memory(small, process + compulsory_bytes(small.problem()) + declared);
  CHECK(model.predict(large).peak_bytes == Approx(large.prior.peak_bytes - kProcessBytes + process));
  CHECK(model.predict(case_of("linear", 256)).peak_bytes == case_of("linear", 256).prior.peak_bytes);
}

TEST_CASE("memory of a library that a variant declares is believed, not learned") {
  FittedModel model;
  Variant library = *find_variant("naive");
  library.cost = [](const Problem& p, const Params&) { return Cost{.multiply_adds = visible_pairs(p), .external_bytes = 300e6}; };
  auto one = case_of("naive", 256);
  one.config.variant = &library;
  one.prior = predict(one);
  model.learn_memory(one, 3e9);
  CHECK(model.predict(one).peak_bytes == one.prior.peak_bytes);
}

TEST_CASE("what was learned survives on the disk; anything else there counts as nothing") {
  const TemporaryFolder folder;
  FittedModel model;
  const auto one = case_of("naive", 512);
  model.learn(one, 3 * one.prior.seconds);
  model.learn_memory(one, 1e9);
  const auto path = folder / "cache/model.json";
  save_cost_model(model, path);
  const auto again = load_cost_model(path);
  CHECK(again.predict(one).seconds == Approx(model.predict(one).seconds).epsilon(0.001));  // kept counts less against the prior
  CHECK(again.predict(one).peak_bytes == model.predict(one).peak_bytes);
  CHECK(again.knows(one));
  for (const char* text : {"", "{\"format\":99}", "{\"format\":1,\"calls\":[{}],\"process_bytes\":{}}",
                           "{\"format\":1,\"calls\":[{\"variant\":\"a\",\"threads\":1,\"family\":\"f\",\"prior_s\":0,"
                           "\"measured_s\":1}],\"process_bytes\":{}}"}) {
    write_text(path, text);
    CAPTURE(text);
    CHECK(load_cost_model(path).empty());
  }
  for (const char* text : {"my thesis", "{", "[]", "{\"colour\":1}"}) {  // may be precious to somebody
    write_text(path, text);
    CHECK(has(refusal([&] { load_cost_model(path); }), "is not a cost model"));
  }
  CHECK(load_cost_model("/dev/zero").empty());
  CHECK(load_cost_model("").empty());
  CHECK(load_cost_model(folder / "nowhere").empty());
  save_cost_model(model, "/proc/nowhere/model.json");  // must not throw
}

TEST_CASE("cases over a budget are skipped with the prediction, and taken back when the machine proves faster") {
  Plan plan;
  plan.memory_budget_bytes = 1e12;
  plan.max_call_seconds = 1;
  auto one = case_of("naive", 4096);
  price(one, plan, {});
  REQUIRE(one.prediction.seconds > 1);
  CHECK(one.status == CaseStatus::skipped);
  REQUIRE(one.reasons.size() == 1);
  CHECK(has(one.reasons[0], "predicted to take"));
  CHECK(has(one.reasons[0], "--max-call-seconds"));

  FittedModel model;
  model.learn(one, 0.5);
  reprice(one, plan, model);
  CHECK(one.status == CaseStatus::planned);
  CHECK(one.reasons.empty());
  CHECK(one.prediction.rates == RateSource::fitted);

  model.learn(one, 400);
  plan.max_call_seconds.reset();
  reprice(one, plan, model);
  CHECK(one.status == CaseStatus::skipped);
  CHECK(has(one.reasons.at(0), "timeout_seconds"));

  plan.memory_budget_bytes = 1e8;
  auto wide = case_of("naive", 8192);
  price(wide, plan, {});
  CHECK(wide.status == CaseStatus::skipped);
  CHECK(has(wide.reasons.at(0), "GiB of memory, more than the budget of 95.4 MiB"));
}

TEST_CASE("a variant that times its own calls cannot be measured cold") {
  Plan plan;
  plan.memory_budget_bytes = 1e12;
  plan.sampling.cache = CacheMode::cold;
  auto one = case_of("naive", 64);
  Variant foreign = *one.config.variant;
  foreign.time_calls = [](const RunTask&, std::int64_t) { return 1.0; };
  one.config.variant = &foreign;
  price(one, plan, {});
  CHECK(one.status == CaseStatus::skipped);
  CHECK(has(one.reasons.at(0), "--cache hot"));
}
