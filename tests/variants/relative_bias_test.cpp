// relative_bias: which distances share a number, read off the weights of equal scores.
#include "tests/variants/exact_test_support.h"

namespace attnbench::testing {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

// log of the weights of one row, up to a constant: the biases of j - p_i for j = 0, 1, ...
std::vector<double> biases(const std::string& problem, std::int64_t row, const Settings& settings = {}) {
  Call call("relative_bias", problem, settings);
  auto a = zero_queries(call.problem);
  const auto w = weights_of(call, a);
  std::vector<double> found;
  for (std::int64_t j = 0; j < call.problem.n_k; ++j) found.push_back(std::log(double{w.view().row(0, 0, row)[j]}));
  return found;
}

// Distances at which the bias changes, going from the row at `from` in steps of `step`.
std::vector<std::int64_t> changes(const std::vector<double>& bias, std::int64_t from, std::int64_t step) {
  std::vector<std::int64_t> found;
  for (auto j = from + step; j >= 0 && j < static_cast<std::int64_t>(bias.size()); j += step)
    if (std::abs(bias[static_cast<std::size_t>(j)] - bias[static_cast<std::size_t>(j - step)]) > 1e-5)
      found.push_back(std::abs(j - from));
  return found;
}

// 16 buckets a side, 8 of one distance, then from 8 to 128 in eight equal steps of the logarithm: 8 x 16^(t/8), rounded up. The
// powers of two among them (16, 32, 64) are where float32 logarithms go wrong.
const std::vector<std::int64_t> kBothSides{1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91};

TEST_CASE("relative_bias: T5's buckets on both sides of the row") {
  const auto bias = biases("n401 d4:401", 200);
  CHECK(changes(bias, 200, -1) == kBothSides);
  CHECK(changes(bias, 200, +1) == kBothSides);
  CHECK(std::abs(bias[199] - bias[201]) > 1e-5);  // before and behind are different buckets
}

TEST_CASE("relative_bias: T5's causal buckets are all for the past") {
  const std::vector<std::int64_t> expected{1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                                           19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113};
  CHECK(changes(biases("n300 d4:300 causal", 299), 299, -1) == expected);
}

TEST_CASE("relative_bias: other numbers of buckets and distances") {
  CHECK(changes(biases("n41 d4:41", 20, {{"buckets", "8"}, {"max_distance", "16"}}), 20, 1) == std::vector<std::int64_t>{1, 2, 6});
  CHECK(changes(biases("n41 d4:41", 20, {{"buckets", "4"}, {"max_distance", "1"}}), 20, 1) == std::vector<std::int64_t>{1});
}

TEST_CASE("relative_bias: a table has a number per distance, the same beyond its end") {
  const auto bias = biases("n60 d4:60", 30, {{"kind", "table"}, {"max_distance", "9"}});
  const std::vector<std::int64_t> all{1, 2, 3, 4, 5, 6, 7, 8, 9};
  CHECK(changes(bias, 30, 1) == all);
  CHECK(changes(bias, 30, -1) == all);
}

TEST_CASE("relative_bias: rows differ by their position alone, bottom-right where n_q and n_k differ") {
  const auto early = biases("n20:60 d4:60", 0), late = biases("n20:60 d4:60", 19);
  for (std::size_t j = 0; j + 19 < 60; ++j) CHECK(early[j] - early[0] == Approx(late[j + 19] - late[19]).margin(1e-5));
  CHECK(changes(early, 40, -1) == std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32});
}

TEST_CASE("relative_bias has its own numbers for every query head") {
  Call call("relative_bias", "h4:2 n9 d4:9");
  auto a = zero_queries(call.problem);
  const auto w = weights_of(call, a);
  for (std::int64_t h = 1; h < 4; ++h) CHECK(w.view().row(0, h, 0)[3] != w.view().row(0, 0, 0)[3]);
}

TEST_CASE("relative_bias is right in tiles, decoding and split, under every mask") {
  for (const char* kind : {"t5", "table"})
    for (const char* text : {"b2 h6:2 n113 d24 causal", "h4:1 n1:3000 d64 causal-bottom-right",
                             "b2 h3 n60:97 d80 klen=97,0 mask=bool", "n130:40 d8", "n50 d8 mask=additive softcap=3",
                             "n2:9000 d16 window=5000:0", "h2 n40:5000 d8 scale=1", "h2 n130:40 d8 causal-top-left"}) {
      CAPTURE(kind, text);
      CHECK(error_of(Call("relative_bias", text, {{"kind", kind}})) < kTolerance);
    }
}

}  // namespace
}  // namespace attnbench::testing
