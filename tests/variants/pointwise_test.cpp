// pointwise: weights one by one, what they add up to, and what a mask does to them.
#include "tests/variants/exact_test_support.h"

namespace attnbench::testing {
namespace {

constexpr const char* kActivations[] = {"sigmoid", "relu", "relu2", "silu"};

// One score of 1 per key: q = k = 1, scale 1.
Tensor weights_of_ones(const char* activation, const std::string& rest = "") {
  Call call("pointwise", "n1:4 d1:4 scale=1" + rest, {{"activation", activation}});
  auto a = random_arrays(call.problem);
  std::fill_n(a.q.data(), 1, 1.0f);
  std::fill_n(a.k.data(), 4, 1.0f);
  return weights_of(call, a);
}

TEST_CASE("pointwise: four scores of 1") {
  const double s = 1 / (1 + std::exp(-1.0));
  check_row(weights_of_ones("sigmoid").data(), {1 / (1 + 4 * std::exp(-1.0))});
  check_row(weights_of_ones("relu").data(), {0.25});
  check_row(weights_of_ones("relu2").data(), {0.25});
  check_row(weights_of_ones("silu").data(), {s / 4});
}

TEST_CASE("pointwise: sigmoid with equal scores weighs 1 / (n + 1), so that a row sums to n / (n + 1)") {
  for (const char* text : {"n1:5 d8", "n60 d8", "n2:9000 d8", "n40:5000 d8"}) {
    CAPTURE(text);
    Call call("pointwise", text);
    auto a = zero_queries(call.problem);
    std::fill_n(a.v.data(), element_count(a.v.shape()), 1.0f);
    const auto n = static_cast<double>(call.problem.n_k);
    CHECK(double{call.run(a).data()[0]} == Approx(n / (n + 1)).epsilon(2e-6));
  }
}

// E exp(s) = exp(1/2) for N(0,1) queries and keys.
TEST_CASE("pointwise: sigmoid rows of random inputs sum to about 1.65, not to 1") {
  Call call("pointwise", "n1024 d64:1");
  auto a = random_arrays(call.problem);
  std::fill_n(a.v.data(), 1024, 1.0f);
  const auto out = call.run(a);
  CHECK(std::accumulate(out.data(), out.data() + 1024, 0.0) / 1024 == Approx(1.645).margin(0.03));
}

// A masked score has to become minus infinity before the function: set to 0 it would weigh sigmoid(-log n), not nothing.
TEST_CASE("pointwise: a masked key weighs exactly 0 under every function") {
  for (const char* activation : kActivations)
    for (const char* masks : {" causal", " mask=bool", " mask=additive", " klen=20", " window=3:2"}) {
      CAPTURE(activation, masks);
      Call call("pointwise", std::string("n30 d8:30") + masks, {{"activation", activation}});
      auto a = random_arrays(call.problem);
      if (call.problem.mask.kind == MaskKind::additive)
        for (int t = 0; t < 900; t += 2) a.mask.data()[t] = -std::numeric_limits<float>::infinity();
      const auto w = weights_of(call, a);
      const auto inputs = a.inputs(call.problem);
      for (std::int64_t t = 0; t < 900; ++t)
        if (!sees_key(call.problem, inputs, 0, 0, t / 30, t % 30)) CHECK(w.data()[t] == 0.0f);
    }
}

TEST_CASE("pointwise: n is the number of keys in every row, or the visible ones if asked for") {
  for (const char* activation : kActivations) {
    CAPTURE(activation);
    Call all("pointwise", "n40 d8 causal", {{"activation", activation}});
    Call visible("pointwise", "n40 d8 causal", {{"activation", activation}, {"length", "visible"}});
    auto a = random_arrays(all.problem);
    const auto x = all.run(a), y = visible.run(a);
    CHECK(std::memcmp(x.view().row(0, 0, 39), y.view().row(0, 0, 39), 8 * sizeof(float)) == 0);
    if (activation[0] == 's' && activation[2] == 'g') continue;  // sigmoid is not proportional to 1/n
    for (int c = 0; c < 8; ++c)
      CHECK(double{y.view().row(0, 0, 9)[c]} == Approx(4.0 * double{x.view().row(0, 0, 9)[c]}).margin(1e-6));
  }
  Call visible("pointwise", "n40 d8:40 causal", {{"length", "visible"}});
  auto a = zero_queries(visible.problem);
  CHECK(double{weights_of(visible, a).view().row(0, 0, 9)[3]} == Approx(1 / 11.0).epsilon(1e-6));
}

TEST_CASE("pointwise is right in tiles, decoding and split, under every mask and function") {
  for (const char* activation : kActivations)
    for (const char* bias : {"0", "-3"})
      for (const char* text :
           {"b2 h6:2 n113 d24 causal", "h4:1 n1:3000 d64 causal-bottom-right", "b2 h3 n60:97 d80 klen=97,0 mask=bool",
            "n50 d8 mask=additive softcap=3", "n2:9000 d16 window=5000:0", "h2 n40:5000 d8 scale=-1"}) {
        CAPTURE(activation, bias, text);
        CHECK(error_of(Call("pointwise", text, {{"activation", activation}, {"bias", bias}})) < kTolerance);
      }
}

TEST_CASE("pointwise: scores of a thousand saturate and do not overflow") {
  for (const char* activation : kActivations) {
    CAPTURE(activation);
    Call call("pointwise", "n60 d16 scale=300", {{"activation", activation}});
    const auto a = random_arrays(call.problem);
    const auto inputs = a.inputs(call.problem);
    CHECK(relative_rms(call.run(inputs), call.reference(inputs)) < 1e-4);  // of a score of 1000 float32 knows 1e-4
  }
}

TEST_CASE("pointwise passes NaN in a visible key on") {
  for (const char* activation : kActivations)
    for (const char* text : {"n3:20 d8", "n30 d8"}) {
      CAPTURE(activation, text);
      Call call("pointwise", text, {{"activation", activation}});
      auto a = random_arrays(call.problem);
      a.k.view().row(0, 0, 4)[2] = std::numeric_limits<float>::quiet_NaN();
      CHECK(std::isnan(call.run(a).data()[0]));
    }
}

TEST_CASE("pointwise: the ReLUs need no exponential") {
  const auto& variant = *find_variant("pointwise");
  Params params(variant.params);
  CHECK(variant.cost(parse_problem("n10 d8"), params).exps == 100);
  params.set("activation", "relu2");
  CHECK(variant.cost(parse_problem("n10 d8"), params).exps == 0);
  CHECK(variant.cost(parse_problem("n10 d8 softcap=2"), params).exps == 100);
}

}  // namespace
}  // namespace attnbench::testing
