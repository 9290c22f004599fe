// If these fail, top_k selects other keys than the largest, breaks ties by chance, or is not exact where it keeps all.
#include "tests/catch.h"
#include "tests/variants/selection_test_support.h"
#include "variants/api/selection.h"

using namespace attnbench;
using namespace attnbench::testing;

TEST_CASE("top_k with room for all keys is exact attention") {
  for (const char* problem : {"h2 n97 d33", "b2 h4:2 n113 d16 causal", "n40:150 d8 causal-bottom-right mask=bool",
                              "n150:40 d12:20 mask=additive:h", "b2 n90 d8 window=20:5 klen=90,50", "n30 d8 scale=-0.3"}) {
    CAPTURE(problem);
    check_equals_exact(Call("top_k", problem, {{"keep", "150"}}));
  }
}

TEST_CASE("top_k is right for one key, a few and many, under every mask") {
  for (const char* keep : {"1", "2", "7", "64", "129", "500"})
    for (const char* problem : {"h2 n300 d16", "b2 h4:2 n170 d33:7 causal", "n3:700 d64 causal-bottom-right",
                                "n90 d8 mask=additive:h", "b2 h2 n150 d8 mask=bool", "n200 d8 scale=-0.5 klen=77"}) {
      CAPTURE(keep, problem);
      check_decided(Call("top_k", problem, {{"keep", keep}}));
    }
}

TEST_CASE("top_k keeps exactly k keys, and of equal scores the smaller index") {
  Call call("top_k", "n5:400 d4:400", {{"keep", "10"}});
  auto a = random_arrays(call.problem);
  for (std::int64_t j = 0; j < 400; ++j) {
    std::fill_n(a.k.view().row(0, 0, j), 4, j % 3 == 1 ? 1.0f : 0.5f);  // keys 1, 4, 7, ... tie at the top for a positive query
    for (std::int64_t c = 0; c < 400; ++c) a.v.view().row(0, 0, j)[c] = c == j;
  }
  std::fill_n(a.q.data(), 20, 1.0f);
  const auto out = call.run(a);
  for (std::int64_t j = 0; j < 400; ++j) {
    CAPTURE(j);
    CHECK(out.data()[j] == Approx(j % 3 == 1 && j < 30 ? 0.1 : 0.0).margin(1e-7));
  }
  CHECK(relative_rms(out, call.reference(a.inputs(call.problem))) < kTolerance);  // ties are decided
}

TEST_CASE("top_k with a scale of 0 keeps the first keys, with a negative one the smallest products") {
  Call none("top_k", "n3:50 d4:50 scale=0", {{"keep", "5"}});
  auto a = random_arrays(none.problem);
  for (std::int64_t j = 0; j < 50; ++j)
    for (std::int64_t c = 0; c < 50; ++c) a.v.view().row(0, 0, j)[c] = c == j;
  const auto out = none.run(a);
  for (std::int64_t j = 0; j < 50; ++j) CHECK(out.data()[j] == Approx(j < 5 ? 0.2 : 0.0).margin(1e-7));
  CHECK(error_of(Call("top_k", "n3:50 d4 scale=-1", {{"keep", "1"}})) < kTolerance);
}

// A public mistake (OpenImagingLab/FlashVSR#42): the k largest of the whole matrix, so that some rows keep none.
TEST_CASE("top_k selects row by row, not over the matrix") {
  Call call("top_k", "n20 d8", {{"keep", "3"}});
  auto a = random_arrays(call.problem);
  for (std::int64_t c = 0; c < 8; ++c) a.q.view().row(0, 0, 7)[c] *= 100;  // this row holds the largest scores of the matrix
  const auto out = call.run(a);
  CHECK(relative_rms(out, call.reference(a.inputs(call.problem))) < kTolerance);
  for (std::int64_t i = 0; i < 20; ++i)
    CHECK(std::any_of(out.view().row(0, 0, i), out.view().row(0, 0, i) + 8, [](float x) { return x != 0; }));
}

// Recomputed independently for iid N(0, 1), n 512, d 32: renormalised over few of many flat weights, top-k is farther from exact
// attention than the mean of all values is (0.746).
TEST_CASE("top_k of flat rows: error 4.18, 1.83, 0.59 for 8, 32, 128 of 512 keys") {
  const std::pair<const char*, double> expected[] = {{"8", 4.18}, {"32", 1.83}, {"128", 0.59}};
  for (const auto& [keep, error] : expected) {
    Call call("top_k", "n512 d32", {{"keep", keep}}), exact("blockwise", "n512 d32");
    const auto a = random_arrays(call.problem);
    CHECK(relative_rms(call.run(a), exact.reference(a.inputs(exact.problem))) == Approx(error).epsilon(0.06));
  }
}

TEST_CASE("largest() marks what float32 cannot decide, and exact ties are decided") {
  const double s[] = {3, 1, 2, 2, 0};
  CHECK(largest(s, 2).places == std::vector<std::int64_t>{0, 2});
  CHECK_FALSE(largest(s, 2).undecided);  // equal scores: the first
  const double near[] = {3, 1, 2, 2 + 1e-6, 0};
  CHECK(largest(near, 2).undecided);
  CHECK_FALSE(largest(near, 3).undecided);
  const double above[] = {2 + 1e-6, 2, 2};
  CHECK(largest(above, 2).undecided);  // 2 is taken once: float32 may see three equal ones
  CHECK_FALSE(largest(above, 3).undecided);
  const double hidden[] = {1, -std::numeric_limits<double>::infinity()};
  CHECK(largest(hidden, 2).places == std::vector<std::int64_t>{0});
}
