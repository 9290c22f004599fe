// forgetting: sums of gates between key and row, and how exact they stay.
#include "tests/variants/exact_test_support.h"

namespace attnbench::testing {
namespace {

NamedTensors with_gates(NamedTensors arrays, const Problem& p, float log_f) {
  Tensor gates({p.batch, p.heads_q, p.n_k, 1});
  std::fill_n(gates.data(), element_count(gates.shape()), log_f);
  arrays.extras.set("log_decay", std::move(gates));
  return arrays;
}

NamedTensors with_random_gates(const Problem& p, float mean) {
  auto a = with_gates(random_arrays(p), p, 0);
  Tensor gates({p.batch, p.heads_q, p.n_k, 1});
  std::mt19937 random(9);
  fill_normal(gates, random);
  for (std::int64_t t = 0; t < element_count(gates.shape()); ++t) gates.data()[t] = -std::log1p(std::exp(-mean - gates.data()[t]));
  a.extras.set("log_decay", std::move(gates));
  return a;
}

double error_with(const char* text, float mean) {
  Call call("forgetting", text);
  const auto a = with_random_gates(call.problem, mean);
  const auto inputs = a.inputs(call.problem);
  return relative_rms(call.run(inputs), call.reference(inputs));
}

TEST_CASE("forgetting: equal scores and gates of one half") {
  Call call("forgetting", "n4 d2:4 causal");
  auto a = with_gates(zero_queries(call.problem), call.problem, std::log(0.5f));
  check_row(weights_of(call, a).view().row(0, 0, 3), {1 / 15.0, 2 / 15.0, 4 / 15.0, 8 / 15.0});
}

// The row's own gate does not count, the key's neighbour's does: l runs from j + 1 to i.
TEST_CASE("forgetting: a single gate stands between the keys before it and the rows from it on") {
  Call call("forgetting", "n5 d2:5 causal");
  auto a = with_gates(zero_queries(call.problem), call.problem, 0);
  Tensor gates({1, 1, 5, 1});
  gates.data()[2] = std::log(0.25f);
  a.extras.set("log_decay", std::move(gates));
  const auto w = weights_of(call, a);
  check_row(w.view().row(0, 0, 1), {0.5, 0.5, 0});
  check_row(w.view().row(0, 0, 2), {1 / 6.0, 1 / 6.0, 4 / 6.0});
  check_row(w.view().row(0, 0, 4), {1 / 14.0, 1 / 14.0, 4 / 14.0, 4 / 14.0, 4 / 14.0});
}

TEST_CASE("forgetting with open gates is blockwise") {
  for (const char* text : {"b2 h4:2 n97 d33 causal", "h2 n3:3000 d16 causal-bottom-right", "n60 d8 causal window=9:0"}) {
    CAPTURE(text);
    Call call("forgetting", text);
    CHECK(distance(call.run(with_gates(random_arrays(call.problem), call.problem, 0)),
                   Call("blockwise", text).run(random_arrays(call.problem))) < kTolerance);
  }
}

TEST_CASE("forgetting with one and the same gate everywhere is alibi with the slope -log f") {
  for (const char* text : {"n97 d33 causal", "n40:300 d8 causal-bottom-right", "n1:3000 d16 causal-bottom-right"}) {
    CAPTURE(text);
    Call call("forgetting", text), alibi("alibi", text, {{"max_bias", "4"}});  // the slope of a single head is 1/16
    const auto a = random_arrays(call.problem);
    CHECK(distance(call.run(with_gates(random_arrays(call.problem), call.problem, -0.0625f)), alibi.run(a)) < kTolerance);
  }
}

TEST_CASE("forgetting: gates are not multiplied by the scale") {
  Call call("forgetting", "n50 d8 causal scale=0.01");
  auto a = with_gates(zero_queries(call.problem), call.problem, -1);
  const auto w = call.run(a);
  CHECK(distance(w, Call("forgetting", "n50 d8 causal").run(a)) == 0);
}

TEST_CASE("forgetting is right in tiles, decoding and split, under every mask") {
  for (const float mean : {0.0f, 4.0f})
    for (const char* text : {"b2 h6:2 n113 d24 causal", "h4:1 n1:3000 d64 causal-bottom-right", "n130:40 d8 causal-top-left",
                             "n40:130 d8 causal-top-left", "b2 h3 n60:97 d80 causal-bottom-right klen=97,3",
                             "n50 d8 causal softcap=3", "n2:9000 d16 causal-bottom-right window=5000:0",
                             "b2 n90 d8 causal klen=5,90", "h2 n40:5000 d8 causal-bottom-right scale=-1"}) {
      CAPTURE(mean, text);
      CHECK(error_with(text, mean) < kTolerance);
    }
}

// G is -8000 at the end; kept in float32 it would be known to 5e-4 there.
TEST_CASE("forgetting stays exact where the running sum is far larger than its differences") {
  CHECK(error_with("n1:10000 d8 causal-bottom-right", 0) < kTolerance);
  CHECK(error_with("n40:10000 d8 causal-bottom-right", 0) < kTolerance);
}

TEST_CASE("forgetting: a closed gate hides all keys before it, and the gates behind it work on") {
  for (const char* text : {"n9 d8 causal", "n100 d8 causal"}) {
    CAPTURE(text);
    Call call("forgetting", text);
    auto a = with_random_gates(call.problem, 2);
    Tensor gates(a.extras["log_decay"].shape());
    std::copy_n(a.extras["log_decay"].data(), call.problem.n_k, gates.data());
    gates.data()[5] = -std::numeric_limits<float>::infinity();
    a.extras.set("log_decay", std::move(gates));
    const auto inputs = a.inputs(call.problem);
    const auto out = call.run(inputs);
    CHECK(relative_rms(out, call.reference(inputs)) < kTolerance);
    for (std::int64_t j = 0; j < 5; ++j) std::fill_n(a.k.view().row(0, 0, j), 8, 3.0f);
    const auto moved = call.run(a);
    CHECK(std::memcmp(moved.view().row(0, 0, 5), out.view().row(0, 0, 5), 8 * sizeof(float)) == 0);
  }
}

TEST_CASE("forgetting: NaN in a gate that a row's window does not reach stays away from it") {
  Call call("forgetting", "n100 d8 causal window=9:0");
  auto a = with_random_gates(call.problem, 4);
  const auto clean = call.run(a);
  Tensor gates(a.extras["log_decay"].shape());
  std::copy_n(a.extras["log_decay"].data(), 100, gates.data());
  gates.data()[50] = std::nanf("");
  a.extras.set("log_decay", std::move(gates));
  const auto out = call.run(a);
  for (std::int64_t i = 0; i < 100; ++i)
    if (i >= 50 && i < 60) CHECK(std::isnan(out.view().row(0, 0, i)[0]));
    else CHECK(double{out.view().row(0, 0, i)[0]} == Approx(double{clean.view().row(0, 0, i)[0]}).margin(1e-5));
}

TEST_CASE("forgetting needs a causal mask and refuses dense ones") {
  CHECK(unsupported_reasons(*find_variant("forgetting"), parse_problem("n4 d4"), Params()).size() == 1);
  CHECK(unsupported_reasons(*find_variant("forgetting"), parse_problem("n4 d4 causal mask=bool"), Params()).size() == 1);
}

}  // namespace
}  // namespace attnbench::testing
