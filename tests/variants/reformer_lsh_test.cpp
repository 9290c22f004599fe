// If these fail, reformer_lsh hashes, merges its rounds or falls back otherwise than it says.
#include "tests/catch.h"
#include "tests/variants/selection_test_support.h"

using namespace attnbench;
using namespace attnbench::testing;

namespace {

// Share of unit keys at a cosine of `c` to the query that meet it in one round, over seeds; 16 buckets.
double collision_rate(double c) {
  constexpr int kSeeds = 40;
  double met = 0;
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (int seed = 0; seed < kSeeds; ++seed) {
    Call call("reformer_lsh", "n1:128 d32:128", {{"rounds", "1"}, {"bucket_size", "8"}, {"seed", std::to_string(seed)}});
    auto a = random_arrays(call.problem);
    for (std::int64_t j = 0; j < 128; ++j) {
      // a unit vector u orthogonal to q: key = |q| (c q / |q| + sqrt(1 - c^2) u)
      float *q = a.q.data(), *k = a.k.view().row(0, 0, j);
      double qq = 0, qk = 0, kk = 0;
      for (int e = 0; e < 32; ++e) k[e] = normal(random), qq += double{q[e]} * q[e], qk += double{q[e]} * k[e];
      for (int e = 0; e < 32; ++e) k[e] -= static_cast<float>(qk / qq) * q[e], kk += double{k[e]} * k[e];
      for (int e = 0; e < 32; ++e)
        k[e] = static_cast<float>(c * q[e] / std::sqrt(qq) + std::sqrt(1 - c * c) * k[e] / std::sqrt(kk));
      for (std::int64_t e = 0; e < 128; ++e) a.v.view().row(0, 0, j)[e] = e == j;
    }
    const auto out = call.run(a);
    met += static_cast<double>(std::count_if(out.data(), out.data() + 128, [](float x) { return x != 0; })) / (128.0 * kSeeds);
  }
  return met;
}

}  // namespace

TEST_CASE("reformer_lsh with one bucket is exact attention") {
  for (const char* merge : {"union", "sum"})
    for (const char* problem :
         {"h2 n90 d33", "b2 h4:2 n90 d16 causal", "n40:90 d8 causal-bottom-right", "b2 n90 d8 klen=90,50 softcap=3"}) {
      CAPTURE(merge, problem);
      check_equals_exact(Call("reformer_lsh", problem, {{"merge", merge}}));
    }
}

// A public mistake (huggingface/transformers#16972): below a length it is another method without a word.
TEST_CASE("reformer_lsh hashes short sequences too") {
  Call call("reformer_lsh", "n32 d16", {{"bucket_size", "8"}, {"rounds", "1"}}), exact("naive", "n32 d16");
  const auto a = random_arrays(call.problem);
  const auto inputs = a.inputs(call.problem);
  CHECK(relative_rms(call.run(a), call.reference(inputs)) < kTolerance);
  CHECK(relative_rms(call.run(a), exact.reference(inputs)) > 0.3);
}

TEST_CASE("reformer_lsh is right for few and many rounds and buckets, and for two hashes") {
  for (const char* merge : {"union", "sum"})
    for (const char* rounds : {"1", "3", "8"})
      for (const char* problem : {"h2 n300 d16 causal", "b2 h4:2 n170 d33:7", "n3:700 d64 causal-bottom-right", "n290:150 d8",
                                  "b2 h1 n300 d8 causal klen=300,130 scale=-0.4"}) {
        CAPTURE(merge, rounds, problem);
        CHECK(error_of(Call("reformer_lsh", problem, {{"merge", merge}, {"rounds", rounds}, {"bucket_size", "16"}})) < kTolerance);
      }
  CHECK(error_of(Call("reformer_lsh", "n2200 d16 causal", {{"bucket_size", "8"}})) < kTolerance);  // 276 buckets
}

TEST_CASE("vectors at a cosine of 0.9, 0.5 and 0 meet in 60, 23 and 6 % of the rounds, with 16 buckets") {
  CHECK(collision_rate(0.9) == Approx(0.60).margin(0.03));
  CHECK(collision_rate(0.5) == Approx(0.23).margin(0.03));
  CHECK(collision_rate(0.0) == Approx(0.0625).margin(0.015));
}

// A public mistake: appendix A divides a pair's weight by the number of its rounds; much code does not.
TEST_CASE("a pair that meets in several rounds counts once, unless merge = sum") {
  const auto run_with = [](const char* merge) {
    Call call("reformer_lsh", "n4:32 d8", {{"merge", merge}, {"bucket_size", "8"}, {"rounds", "8"}});
    const auto a = random_arrays(call.problem);
    CHECK(relative_rms(call.run(a), call.reference(a.inputs(call.problem))) < kTolerance);
    return call.run(a);
  };
  const auto once = run_with("union"), sum = run_with("sum");
  CHECK_FALSE(same_bits(once, sum));
}

TEST_CASE("a hash too close for float32 is decided in float64: equal projections take the first bucket") {
  Call call("reformer_lsh", "n40:64 d8", {{"bucket_size", "8"}, {"rounds", "2"}});
  auto a = random_arrays(call.problem);
  std::fill_n(a.q.view().row(0, 0, 5), 8, 0.0f);  // all projections of 0 are equal
  for (std::int64_t j = 0; j < 20; ++j) std::fill_n(a.k.view().row(0, 0, j), 8, 0.0f);
  CHECK(relative_rms(call.run(a), call.reference(a.inputs(call.problem))) < kTolerance);
}
