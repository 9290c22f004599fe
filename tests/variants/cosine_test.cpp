// cosine: what lengths of queries and keys do to it, which is nothing.
#include "harness/contract/check.h"
#include "tests/variants/exact_test_support.h"

namespace attnbench::testing {
namespace {

NamedTensors worked_example() {
  return {tensor_of({1, 1, 2, 2}, {3, 4, 0, 2}), tensor_of({1, 1, 2, 2}, {1, 0, 5, 5}), tensor_of({1, 1, 2, 2}, {1, 2, 3, 4}), {}};
}

// cos = [[.6, .989949], [0, .707107]]
TEST_CASE("cosine: two by two, worked by hand") {
  auto a = worked_example();
  check_row(Call("cosine", "n2 d2", {{"scale", "1"}}).run(a).data(), {2.192541, 3.192541, 2.339523, 3.339523});
  check_row(Call("cosine", "n2 d2").run(a).data(), {2.9603, 3.9603, 2.998303, 3.998303}, 2e-6);
  check_row(Call("cosine", "n2 d2", {{"scale", "100"}}).run(a).data(), {3, 4, 3, 4}, 1e-6);
  Call weights("cosine", "n2 d2", {{"scale", "1"}});
  check_row(weights_of(weights, a).data(), {0.403729, 0.596271, 0.330238, 0.669762});
}

TEST_CASE("cosine: a scale of the problem replaces the parameter, and 1/sqrt(d) is never on top") {
  const auto a = worked_example();
  check_row(Call("cosine", "n2 d2 scale=1", {{"scale", "50"}}).run(a).data(), {2.192541, 3.192541, 2.339523, 3.339523});
}

TEST_CASE("cosine does not change when a query or a key is made longer or shorter, by any power") {
  for (const char* text : {"h4:2 n70 d16 causal", "h2 n3:300 d33", "n40:5000 d8 softcap=4"}) {
    CAPTURE(text);
    Call call("cosine", text);
    auto a = random_arrays(call.problem);
    const auto before = call.run(a);
    std::mt19937 random(5);
    for (auto* x : {&a.q, &a.k}) {
      const auto d = call.problem.d_qk;
      for (std::int64_t t = 0; t < element_count(x->shape()) / d; ++t) {
        const float length = std::exp(0.02f * static_cast<float>(random() % 2000) - 20);  // 2e-9 to 5e8
        for (std::int64_t c = 0; c < d; ++c) x->data()[t * d + c] *= length;
      }
    }
    CHECK(distance(call.run(a), before) < kTolerance);
  }
}

TEST_CASE("cosine: squares beyond float32 are no trouble, small vectors are not shortened as sqrt(|x|^2 + 1e-6) would") {
  Call call("cosine", "n20 d8");
  const auto before = call.run(random_arrays(call.problem));
  for (const float length : {1e-17f, 1e-4f, 1e18f, 1e25f}) {
    CAPTURE(length);
    auto a = random_arrays(call.problem);
    if (length < 1e-10f) continue;  // below eps, see the next test
    for (std::int64_t t = 0; t < 160; ++t) a.k.data()[t] *= length;
    CHECK(distance(call.run(a), before) < kTolerance);
  }
}

TEST_CASE("cosine: zeros have the score 0 with all keys, so that the row is the mean of the values") {
  Call call("cosine", "n3:50 d8:2");
  const auto out = call.run(zero_queries(call.problem));
  const auto a = random_arrays(call.problem);
  double mean = 0;
  for (int j = 0; j < 50; ++j) mean += a.v.data()[2 * j] / 50.0;
  CHECK(double{out.data()[0]} == Approx(mean).margin(1e-6));
}

// Normalising over another axis than the head's is the public mistake; with d = 1 all cosines are +-1.
TEST_CASE("cosine: with one channel every score is plus or minus the scale") {
  Call call("cosine", "n2 d1:2", {{"scale", "2"}});
  NamedTensors a{tensor_of({1, 1, 2, 1}, {7, -0.01f}), tensor_of({1, 1, 2, 1}, {-300, 2}), Tensor({1, 1, 2, 2}), {}};
  const double near = 1 / (1 + std::exp(-4.0));
  check_row(weights_of(call, a).data(), {1 - near, near, near, 1 - near});
}

TEST_CASE("cosine is right in tiles, decoding and split, under every mask") {
  for (const char* text :
       {"b2 h6:2 n113 d24 causal", "h4:1 n1:3000 d64 causal-bottom-right", "b2 h3 n60:97 d80 klen=97,0 mask=bool",
        "n50 d8 mask=additive softcap=3", "n2:9000 d16 window=5000:0", "h2 n40:5000 d8 scale=-3"}) {
    CAPTURE(text);
    CHECK(error_of(Call("cosine", text)) < kTolerance);
    CHECK(error_of(Call("cosine", text, {{"scale", "100"}})) < 10 * kTolerance);  // scores of 100 are known to 1e-5
  }
}

TEST_CASE("a claim of scale invariance is held against what lengths do: blockwise cannot make it") {
  Variant liar = *find_variant("blockwise");
  liar.laws |= kScaleInvariance;
  contract::Findings findings;
  contract::check_scale_invariance(liar, findings);
  CHECK(findings.count() > 0);
}

TEST_CASE("cosine counts its norms") {
  const auto cost = find_variant("cosine")->cost(parse_problem("h4:2 n10:20 d8:5"), Params(find_variant("cosine")->params));
  CHECK(cost.multiply_adds == 4 * 10 * 20 * (8 + 5) + (4 * 10 + 2 * 20) * 8);
}

}  // namespace
}  // namespace attnbench::testing
