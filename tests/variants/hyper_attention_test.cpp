// If these fail, hyper_attention sorts, samples or weighs otherwise than it says.
#include "tests/catch.h"
#include "tests/variants/selection_test_support.h"

using namespace attnbench;
using namespace attnbench::testing;

namespace {

// Prefix xor: where a hash stands in the Gray order.
int gray_place(int hash) {
  int place = 0;
  for (; hash > 0; hash >>= 1) place ^= hash;
  return place;
}

}  // namespace

TEST_CASE("hyper_attention with one block is exact attention, whatever it samples") {
  for (const char* problem : {"h2 n90 d33", "b2 h4:2 n90 d16", "n40:150 d8", "n150:40 d8:5", "b2 n90 d8 klen=90,50 softcap=3"}) {
    CAPTURE(problem);
    check_equals_exact(Call("hyper_attention", problem));
  }
}

TEST_CASE("hyper_attention is right for small and large blocks, few and many samples, both orders") {
  for (const char* block : {"8", "50", "128"})
    for (const char* samples : {"1", "20", "700"})
      for (const char* problem :
           {"h2 n300 d16", "b2 h4:2 n170 d33:7", "n3:700 d64", "n290:150 d8", "b2 h1 n300 d8 klen=300,130 scale=-0.4"})
        for (const char* order : {"gray", "published"}) {
          CAPTURE(block, samples, problem, order);
          CHECK(error_of(Call("hyper_attention", problem, {{"block", block}, {"samples", samples}, {"order", order}})) <
                kTolerance);
        }
}

// A public mistake: the Gray table indexed the wrong way round; of 127 steps 96 change one bit, 24 two, 6 three, 1 four.
TEST_CASE("neighbours in the Gray order differ in one bit: 0 1 3 2 6 7 5 4; the published order in up to four of seven") {
  const auto sorted_by = [](auto place) {
    std::vector<int> ids(128);
    std::iota(ids.begin(), ids.end(), 0);
    std::sort(ids.begin(), ids.end(), [&](int x, int y) { return place(x) < place(y); });
    return ids;
  };
  const auto changes = [](const std::vector<int>& ids) {
    std::vector<int> histogram(8);
    for (std::size_t t = 1; t < ids.size(); ++t)
      ++histogram[static_cast<std::size_t>(__builtin_popcount(static_cast<unsigned>(ids[t] ^ ids[t - 1])))];
    return histogram;
  };
  const auto gray = sorted_by(gray_place), published = sorted_by([](int x) { return x ^ (x >> 1); });
  CHECK(std::vector<int>(gray.begin(), gray.begin() + 8) == std::vector<int>{0, 1, 3, 2, 6, 7, 5, 4});
  CHECK(std::vector<int>(published.begin(), published.begin() + 8) == std::vector<int>{0, 1, 3, 2, 7, 6, 4, 5});
  CHECK(changes(gray) == std::vector<int>{0, 127, 0, 0, 0, 0, 0, 0});
  CHECK(changes(published) == std::vector<int>{0, 96, 24, 6, 1, 0, 0, 0});
}

// Public mistakes: zero keys of a padded block join the softmax; samples of the own block count twice.
TEST_CASE("equal scores weigh 1 in the own block and n / m per draw outside it, and nothing else") {
  Call call("hyper_attention", "n20:30 d4:30", {{"block", "10"}, {"samples", "40"}});
  auto a = random_arrays(call.problem);
  std::fill_n(a.q.data(), 20 * 4, 0.0f);  // every hash is 0: queries keep their order
  for (std::int64_t j = 0; j < 30; ++j) {
    std::fill_n(a.k.view().row(0, 0, j), 4, 0.0f);
    for (std::int64_t c = 0; c < 30; ++c) a.v.view().row(0, 0, j)[c] = c == j;
  }
  const auto out = call.run(a);
  for (std::int64_t i = 0; i < 20; ++i) {
    const auto own = i < 6 ? 0 : i < 13 ? 1 : 2;  // 20 rows in 3 blocks: 6, 7, 7
    const float* row = out.view().row(0, 0, i);
    const double one = row[own * 10];
    CAPTURE(i);
    for (std::int64_t j = 0; j < 30; ++j) {
      const double times = row[j] / one / (30.0 / 40.0);
      if (j / 10 == own) CHECK(row[j] == Approx(one));
      else CHECK(times == Approx(std::round(times)).margin(1e-4));
    }
    CHECK(std::accumulate(row, row + 30, 0.0) == Approx(1));
  }
}

TEST_CASE("hyper_attention samples without bias: over many seeds numerator and denominator agree with exact attention") {
  // Equal scores: the expected weight of a key outside the block is that of one inside.
  double inside = 0, outside = 0;
  for (int seed = 0; seed < 200; ++seed) {
    Call call("hyper_attention", "n1:64 d2:64", {{"block", "32"}, {"samples", "16"}, {"seed", std::to_string(seed)}});
    auto a = random_arrays(call.problem);
    std::fill_n(a.q.data(), 2, 0.0f);
    std::fill_n(a.k.data(), 128, 0.0f);
    for (std::int64_t j = 0; j < 64; ++j)
      for (std::int64_t c = 0; c < 64; ++c) a.v.view().row(0, 0, j)[c] = c == j;
    const auto out = call.run(a);  // one row in two blocks: the second holds it
    const double one = double{out.data()[63]};
    inside += 32;
    for (std::int64_t j = 0; j < 32; ++j) outside += double{out.data()[j]} / one;
  }
  CHECK(outside / inside == Approx(1).margin(0.05));
}
