// If these fail, moba attends to other blocks than its own and those with the best mean keys, or counts `keep` in another way.
#include "tests/catch.h"
#include "tests/variants/selection_test_support.h"
#include "variants/api/selection.h"

using namespace attnbench;
using namespace attnbench::testing;

namespace {

// Float64 attention of every row over the keys for which sees(i, j) holds; one head.
template <class Sees>
std::vector<double> dense_over(const Call& call, const Inputs& inputs, Sees sees) {
  const auto& p = call.problem;
  std::vector<double> out(static_cast<std::size_t>(p.n_q * p.d_v)), scores(static_cast<std::size_t>(p.n_k));
  for (std::int64_t i = 0; i < p.n_q; ++i) {
    std::vector<std::int64_t> keys;
    for (std::int64_t j = 0; j < p.n_k; ++j)
      if (sees(i, j)) keys.push_back(j);
    attend_keys(p, inputs, 0, 0, i, keys, scores.data(), out.data() + i * p.d_v);
  }
  return out;
}

}  // namespace

TEST_CASE("moba that keeps every block is exact causal attention") {
  for (const char* problem :
       {"h2 n200 d33 causal", "b2 h4:2 n113 d16 causal", "n40:150 d8 causal-bottom-right", "n150:40 d8:5 causal-top-left",
        "b2 n90 d8 causal klen=90,50", "n70 d8 causal scale=-0.3 softcap=2"}) {
    CAPTURE(problem);
    check_equals_exact(Call("moba", problem, {{"block", "8"}, {"keep", "64"}}));
  }
}

// A public mistake (MoonshotAI/MoBA#26, fla-org/flash-linear-attention#845): one block falls back to full causal attention.
TEST_CASE("moba with keep = 1 is attention within blocks, not full causal attention") {
  Call call("moba", "n100 d16 causal", {{"block", "16"}, {"keep", "1"}});
  const auto a = random_arrays(call.problem);
  const auto inputs = a.inputs(call.problem);
  const auto out = call.run(a);
  CHECK(relative_rms(out, dense_over(call, inputs, [](auto i, auto j) { return j <= i && i / 16 == j / 16; })) < kTolerance);
  CHECK(relative_rms(out, dense_over(call, inputs, [](auto i, auto j) { return j <= i; })) > 0.1);
}

TEST_CASE("moba is right for few and many blocks, short and long ones") {
  for (const char* block : {"8", "10", "64"})
    for (const char* keep : {"2", "3", "9"})
      for (const char* problem :
           {"h2 n300 d16 causal", "b2 h4:2 n170 d33:7 causal", "n3:700 d64 causal-bottom-right", "n150:90 d8 causal-top-left",
            "n90:50 d8 causal-bottom-right", "b2 h1 n150 d8 causal klen=150,77"}) {
        CAPTURE(block, keep, problem);
        check_decided(Call("moba", problem, {{"block", block}, {"keep", keep}}));
      }
}

TEST_CASE("moba looks at the means of earlier blocks, unscaled, and of equal ones takes the first") {
  // Keys of block c are all e_c times its size: the gate of a query of ones is that size. Blocks 1 and 3 tie.
  Call call("moba", "n48 d8:48 causal", {{"block", "8"}, {"keep", "3"}});
  auto a = random_arrays(call.problem);
  const float size[] = {1, 3, 2, 3, 3, 9};
  for (std::int64_t j = 0; j < 48; ++j) {
    for (std::int64_t c = 0; c < 8; ++c) a.k.view().row(0, 0, j)[c] = c == j / 8 ? size[j / 8] : 0;
    for (std::int64_t c = 0; c < 48; ++c) a.v.view().row(0, 0, j)[c] = c == j;
  }
  std::fill_n(a.q.data(), 48 * 8, 1.0f);
  const auto out = call.run(a);
  const auto seen = [&](std::int64_t i, std::int64_t c) { return out.view().row(0, 0, i)[c * 8] > 0; };
  for (std::int64_t i = 40; i < 48; ++i) {  // own block 5; its gate, 9, would be the largest but is not asked for
    CAPTURE(i);
    for (std::int64_t c = 0; c < 6; ++c) CHECK(seen(i, c) == (c == 5 || c == 1 || c == 3));
  }
  for (std::int64_t i = 24; i < 32; ++i)  // own block 3: blocks 1 and 2
    for (std::int64_t c = 0; c < 6; ++c) CHECK(seen(i, c) == (c == 3 || c == 1 || c == 2));
  CHECK(relative_rms(out, call.reference(a.inputs(call.problem))) < kTolerance);
}

// A public mistake (MoonshotAI/MoBA#27): the own block competes with its mean, which holds the future.
TEST_CASE("moba does not let the own block's mean take the place of another block") {
  Call call("moba", "n96 d8 causal", {{"block", "16"}, {"keep", "2"}});
  const auto a = random_arrays(call.problem);
  const auto inputs = a.inputs(call.problem);
  const auto wrong = dense_over(call, inputs, [&](auto i, auto j) {
    std::vector<double> gates;  // of all blocks up to the own one, that included
    for (std::int64_t c = 0; c <= i / 16; ++c) {
      double gate = 0;
      for (std::int64_t t = c * 16; t < (c + 1) * 16; ++t)
        gate += exact_dot(inputs.queries().row(0, 0, i), inputs.keys().row(0, 0, t), 8);
      gates.push_back(gate);
    }
    const auto best = largest(gates, 2).places;
    return j <= i && std::find(best.begin(), best.end(), j / 16) != best.end();
  });
  CHECK(relative_rms(call.run(a), wrong) > 0.05);
  CHECK(relative_rms(call.run(a), decided_reference(call, inputs, call.run(a))) < kTolerance);
}

TEST_CASE("moba: a block cut by a key length has the mean of its valid keys") {
  Call call("moba", "b1 n64 d4:64 causal klen=20", {{"block", "16"}, {"keep", "2"}});
  auto a = random_arrays(call.problem);
  for (std::int64_t j = 0; j < 64; ++j) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::fill_n(a.k.view().row(0, 0, j), 4, j < 16 ? 1.0f : j < 20 ? 2.0f : nan);  // block 1: four valid keys of 2
    for (std::int64_t c = 0; c < 64; ++c) a.v.view().row(0, 0, j)[c] = j < 20 ? c == j : nan;
  }
  std::fill_n(a.q.data(), 64 * 4, 1.0f);
  const auto out = call.run(a);
  for (std::int64_t i = 32; i < 64; ++i)  // own blocks without keys; block 1 (mean 2) beats block 0 (1)
    for (std::int64_t j = 0; j < 64; ++j) CHECK(out.view().row(0, 0, i)[j] == Approx(j >= 16 && j < 20 ? 0.25 : 0).margin(1e-7));
}

TEST_CASE("moba counts its pairs") {
  const auto& variant = *find_variant("moba");
  Params params(variant.params);
  params.set("block", "10");
  const auto cost = variant.cost(parse_problem("h2 n40 d4 causal"), params);  // keep 3
  CHECK(cost.pairs == 2 * (4 * 55 + 10 * 10 + 2 * 10 * 20));
  CHECK(cost.multiply_adds == 8 * cost.pairs + 2 * 4 * (10 + 20 + 30) + 2 * 4 * 40);
}
