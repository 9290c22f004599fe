// If these fail, plans skip what fits, start what does not, or promise a time that means nothing.
#include "harness/planning/cost_model.h"

#include "harness/planning/case.h"
#include "harness/planning/cold_cache.h"
#include "harness/support/available_memory.h"
#include "harness/support/units.h"
#include "tests/catch.h"
#include "variants/api/registry.h"

using namespace attnbench;

namespace {

Prediction predicted(const char* variant, const char* problem, int threads = 1) {
  const auto* v = find_variant(variant);
  REQUIRE(v != nullptr);
  return predict({v, Params(v->params)}, parse_problem(problem), threads);
}

// A small case whose calls are predicted to take that long.
Case case_of_call_seconds(double seconds) {
  const auto* naive = find_variant("naive");
  Case one;
  one.workload = make_workload("gaussian", parse_problem("b1 h1 n8 d8 f32"));
  one.config = {naive, Params(naive->params)};
  one.prediction.seconds = seconds;
  return one;
}

}  // namespace

TEST_CASE("predicted time follows the declared cost: n-squared variants quadruple, linear ones double") {
  const double naive = predicted("naive", "b1 h8 n8192 d64 f32").seconds / predicted("naive", "b1 h8 n4096 d64 f32").seconds;
  const double linear = predicted("linear", "b1 h8 n65536 d64 f32").seconds / predicted("linear", "b1 h8 n32768 d64 f32").seconds;
  CHECK(naive == Approx(4).epsilon(0.01));
  CHECK(linear == Approx(2).epsilon(0.01));
}

TEST_CASE("a second thread helps, but never more than twofold") {
  const double ratio = predicted("naive", "b1 h8 n2048 d64 f32", 1).seconds / predicted("naive", "b1 h8 n2048 d64 f32", 2).seconds;
  CHECK(ratio > 1.5);
  CHECK(ratio <= 2);
}

TEST_CASE("every built-in variant says what rates it sustains") {
  for (const auto* variant : builtin_variants()) {
    CAPTURE(variant->name);
    CHECK(variant->rates.multiply_adds > 0);
    CHECK(variant->rates.exps > 0);
  }
}

TEST_CASE("a variant is predicted by the rates it states, as plain loops without any") {
  Variant v = *find_variant("naive");
  v.cost = [](const Problem&, const Params&) { return Cost{.multiply_adds = 8e9, .exps = 3e8}; };
  const auto seconds = [&](Rates rates) {
    v.rates = rates;
    return predict({&v, Params(v.params)}, parse_problem("b1 h8 n64 d64 f32"), 1).seconds;
  };
  CHECK(seconds({4e9, 1e8}) == Approx(2 + 3).epsilon(0.001));
  CHECK(seconds({4e9, 3e8}) == Approx(2 + 1).epsilon(0.001));
  CHECK(seconds({}) == Approx(seconds({2e9, 1e8})));
}

TEST_CASE("predicted memory holds the inputs, the outputs and the declared workspace") {
  const auto problem = parse_problem("b1 h8 n4096 d64 f32");
  const auto& naive = *find_variant("naive");
  const double workspace = static_cast<double>(declared_workspace(naive, problem, Params(naive.params), 1));
  CHECK(workspace >= 4.0 * 8 * 4096 * 4096);
  CHECK(predicted("naive", "b1 h8 n4096 d64 f32").peak_bytes >= workspace + compulsory_bytes(problem));
  CHECK(predicted("naive", "b1 h8 n4096 d64 f32").peak_bytes < workspace + compulsory_bytes(problem) + 200e6);
}

TEST_CASE("a library behind a variant counts with its memory and with its start in every process") {
  const auto problem = parse_problem("b1 h8 n256 d64 f32");
  Variant library = *find_variant("naive");
  library.cost = [](const Problem& p, const Params&) {
    return Cost{.multiply_adds = visible_pairs(p), .external_bytes = 300e6, .start_seconds = 1.5};
  };
  auto plain = library;
  plain.cost = [](const Problem& p, const Params&) { return Cost{.multiply_adds = visible_pairs(p)}; };
  const auto with = predict({&library, {}}, problem, 1), without = predict({&plain, {}}, problem, 1);
  CHECK(with.seconds == without.seconds);
  CHECK(with.peak_bytes == without.peak_bytes + 300e6);
  Case one;
  one.workload = make_workload("gaussian", problem);
  one.prediction = with;
  const auto slow = estimate_case_time(one, {});
  one.prediction = without;
  const auto quick = estimate_case_time(one, {});
  CHECK(slow.inputs == quick.inputs);
  CHECK(slow.verify == Approx(quick.verify + 1.5));
  CHECK(slow.round == Approx(quick.round + 1.5));
  CHECK(slow.memory == Approx(quick.memory + 1.5));
}

TEST_CASE("sets of inputs for a cold cache count as memory") {
  const auto* linear = find_variant("linear");
  const VariantConfig config{linear, Params(linear->params)};
  const auto problem = parse_problem("b1 h8 n1024 d64 f32");
  const double hot = predict(config, problem, 1, CacheMode::hot).peak_bytes;
  const double cold = predict(config, problem, 1, CacheMode::cold).peak_bytes;
  CHECK(cold - hot > 1.5 * cache_bytes() - 2 * compulsory_bytes(problem));
  CHECK(cold - hot <= extra_set_bytes(problem, CacheMode::cold));
  CHECK(predict(config, problem, 1, CacheMode::cold).seconds == predict(config, problem, 1, CacheMode::hot).seconds);
}

TEST_CASE("enough sets to fill the cache twice, two at least, and one when hot") {
  const auto problem = parse_problem("b1 h1 n1024 d64 f32");  // 1 MiB of q, k, v and output
  REQUIRE(compulsory_bytes(problem) == 1024 * 1024);
  CHECK(input_sets(problem, CacheMode::hot, 32e6) == 1);
  CHECK(input_sets(problem, CacheMode::cold, 32.0 * 1024 * 1024) == 64);
  CHECK(input_sets(problem, CacheMode::cold, 1) == 2);
  CHECK(cache_bytes() > 1e5);
}

TEST_CASE("a case costs its rounds, and nothing when it is not run") {
  auto one = case_of_call_seconds(0.1);
  Sampling sampling;
  sampling.rounds = 2;
  sampling.samples = 3;
  const double two = predicted_case_seconds(one, sampling);
  CHECK(two > 2 * 3 * 0.1);
  sampling.rounds = 4;
  CHECK(predicted_case_seconds(one, sampling) > 1.5 * two);
  one.status = CaseStatus::skipped;
  CHECK(predicted_case_seconds(one, sampling) == 0);
}

TEST_CASE("the cap limits the measured time of a case") {
  const auto one = case_of_call_seconds(5);
  Sampling sampling;
  sampling.rounds = 100;
  sampling.cap_seconds = 60;
  CHECK(predicted_case_seconds(one, sampling) < 60 + 4 * 5 + 5);  // verified and weighed besides
}

TEST_CASE("some memory is available, and no more than the machine has room for") {
  CHECK(available_memory_bytes() > 1e6);
  CHECK(available_memory_bytes() < 1e15);
}

TEST_CASE("numbers for people have three digits and a unit") {
  CHECK(seconds_text(0.0000123) == "12.3 µs");
  CHECK(seconds_text(0.00456) == "4.56 ms");
  CHECK(seconds_text(9.999) == "10.0 s");
  CHECK(seconds_text(185) == "3 min 05 s");
  CHECK(seconds_text(7800) == "2 h 10 min");
  CHECK(bytes_text(640) == "640 B");
  CHECK(bytes_text(1536) == "1.50 KiB");
  CHECK(bytes_text(2.25 * 1024 * 1024 * 1024) == "2.25 GiB");
  CHECK(count_text(1.07e9) == "1.07 G");
  CHECK(count_text(0) == "0");
}
