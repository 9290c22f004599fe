// If these fail, deepseek_sparse ranks keys by another index score than the published one, or attends to other keys than the best.
#include "tests/catch.h"
#include "tests/variants/selection_test_support.h"
#include "variants/api/selection.h"

using namespace attnbench;
using namespace attnbench::testing;

namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

// The 16 best of 256 keys by the indexer's scores of query i, leaving parts of the formula out.
std::vector<std::int64_t> best_of(const Inputs& inputs, std::int64_t i, bool rectified, bool weighted) {
  const auto q = inputs.extra("index_query"), k = inputs.extra("index_key"), w = inputs.extra("index_weight");
  std::vector<double> scores;
  for (std::int64_t j = 0; j <= i; ++j) {
    double sum = 0;
    for (std::int64_t h = 0; h < q.heads(); ++h) {
      const double s = exact_dot(q.row(0, h, i), k.row(0, 0, j), q.dim());
      sum += (weighted ? double{w.row(0, h, i)[0]} : 1.0) * (rectified ? std::max(0.0, s) : s);
    }
    scores.push_back(sum);
  }
  return largest(scores, 16).places;
}

double overlap(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  std::vector<std::int64_t> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return static_cast<double>(both.size()) / static_cast<double>(a.size());
}

// V = I: the output of row i shows which keys it attends to.
void fill_identity(NamedTensors& a) {
  for (std::int64_t h = 0; h < a.v.shape()[1]; ++h)
    for (std::int64_t j = 0; j < a.v.shape()[2]; ++j)
      for (std::int64_t c = 0; c < a.v.shape()[3]; ++c) a.v.view().row(0, h, j)[c] = c == j;
}

std::vector<std::int64_t> keys_of(const Tensor& out, std::int64_t h, std::int64_t i) {
  std::vector<std::int64_t> keys;
  for (std::int64_t c = 0; c < out.shape()[3]; ++c)
    if (out.view().row(0, h, i)[c] != 0) keys.push_back(c);
  return keys;
}

}  // namespace

TEST_CASE("deepseek_sparse that keeps every key is exact causal attention and asks for no indexer") {
  for (const char* problem :
       {"h2 n200 d33 causal", "b2 h4:2 n113 d16 causal", "n40:150 d8 causal-bottom-right", "b2 n90 d8 causal klen=90,50"}) {
    CAPTURE(problem);
    Call call("deepseek_sparse", problem, {{"keep", "200"}});
    CHECK(extras_of(call.variant, call.problem, call.params).empty());
    check_equals_exact(std::move(call));
  }
}

TEST_CASE("deepseek_sparse is right where rows keep few, half and most keys, with shared heads and without") {
  for (const char* keep : {"2", "16", "100", "250"})
    for (const char* problem :
         {"h2 n300 d16 causal", "b2 h4:2 n270 d33:7 causal", "h8:1 n260 d8 causal", "n3:700 d64 causal-bottom-right",
          "n150:290 d8 causal-top-left", "b2 n300 d8 causal klen=300,280 scale=-0.4"}) {
      CAPTURE(keep, problem);
      check_decided(Call("deepseek_sparse", problem, {{"keep", keep}}));
    }
  check_decided(Call("deepseek_sparse", "n300 d8 causal", {{"keep", "20"}, {"index_heads", "9"}, {"index_dim", "70"}}));
}

// A public mistake: the documentation of a reference says that relu and weights do not change the ranking. With one head they do
// not.
TEST_CASE("relu and signed weights change which keys the indexer ranks first") {
  const Settings eight = {{"keep", "16"}, {"index_heads", "8"}, {"index_dim", "16"}};
  Call call("deepseek_sparse", "h2 n256 d8:256 causal", eight);
  double linear = 0, unweighted = 0, neither = 0;
  constexpr int kSeeds = 6;
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    auto a = all_arrays(call, seed);
    const auto inputs = a.inputs(call.problem);
    const auto full = best_of(inputs, 255, true, true);
    linear += overlap(full, best_of(inputs, 255, false, true)) / kSeeds;
    unweighted += overlap(full, best_of(inputs, 255, true, false)) / kSeeds;
    neither += overlap(full, best_of(inputs, 255, false, false)) / kSeeds;
    fill_identity(a);
    const auto out = call.run(a);
    for (std::int64_t h = 0; h < 2; ++h) CHECK(keys_of(out, h, 255) == full);  // ours is the full formula, and heads share it
  }
  CHECK(linear < 0.85);
  CHECK(unweighted < 0.5);
  CHECK(neither < 0.5);
}

TEST_CASE("deepseek_sparse takes the smaller of equally good keys, the zeros of the relu among them") {
  Call call("deepseek_sparse", "n60 d4:60 causal", {{"keep", "5"}, {"index_heads", "1"}, {"index_dim", "4"}});
  auto a = all_arrays(call);
  fill_identity(a);
  std::fill_n(a.extras["index_query"].data(), 240, 1.0f);
  std::fill_n(a.extras["index_weight"].data(), 60, 1.0f);
  std::fill_n(a.extras["index_key"].data(), 240, -1.0f);                 // relu leaves 0 of all
  for (const int j : {20, 30}) a.extras["index_key"].data()[4 * j] = 9;  // but of these
  const auto out = call.run(a);
  CHECK(keys_of(out, 0, 50) == std::vector<std::int64_t>{0, 1, 2, 20, 30});
  CHECK(keys_of(out, 0, 19) == std::vector<std::int64_t>{0, 1, 2, 3, 4});
  CHECK(relative_rms(out, call.reference(a.inputs(call.problem))) < kTolerance);
}

TEST_CASE("deepseek_sparse counts its pairs and the indexer's work") {
  const auto& variant = *find_variant("deepseek_sparse");
  Params params(variant.params);
  for (const auto& [name, value] : Settings{{"keep", "10"}, {"index_heads", "2"}, {"index_dim", "4"}}) params.set(name, value);
  const auto cost = variant.cost(parse_problem("h2 n20 d4 causal"), params);
  CHECK(cost.pairs == 2 * (55 + 10 * 10));
  CHECK(cost.multiply_adds == 8 * cost.pairs + 2 * (4 + 1) * (11 + 12 + 13 + 14 + 15 + 16 + 17 + 18 + 19 + 20));
}
