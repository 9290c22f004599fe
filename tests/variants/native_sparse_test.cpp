// If these fail, native_sparse compresses, selects or gates other blocks than the paper says.
#include "tests/catch.h"
#include "tests/variants/selection_test_support.h"

using namespace attnbench;
using namespace attnbench::testing;

namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

const Settings kSmall = {{"compress", "8"}, {"stride", "4"}, {"select_block", "16"}, {"keep", "4"}, {"window", "10"}};

// One gate 1, the others 0.
void open_gate(NamedTensors& a, int branch) {
  const auto& gates = a.extras["gate"];
  for (std::int64_t t = 0; t < element_count(gates.shape()); ++t) gates.data()[t] = t % 3 == branch;
}

// V = I: the output of row i shows the weights of its keys.
void fill_identity(NamedTensors& a) {
  for (std::int64_t j = 0; j < a.v.shape()[2]; ++j)
    for (std::int64_t c = 0; c < a.v.shape()[3]; ++c) a.v.view().row(0, 0, j)[c] = c == j;
}

}  // namespace

TEST_CASE("native_sparse is right for blocks that overlap and that do not, grouped heads, short and long rows") {
  const Settings no_overlap = {{"compress", "16"}, {"stride", "16"}, {"select_block", "16"}, {"keep", "5"}, {"window", "40"}};
  const Settings wide = {{"compress", "24"}, {"stride", "8"}, {"select_block", "8"}, {"keep", "9"}, {"window", "1"}};
  for (const auto& settings : {Settings{}, kSmall, no_overlap, wide})
    for (const char* problem :
         {"h2 n300 d16 causal", "b2 h4:2 n170 d33:7 causal", "h8:1 n260 d8 causal", "n3:700 d64 causal-bottom-right",
          "n290:150 d8 causal-top-left", "n150:90 d8 causal-bottom-right", "b2 n300 d8 causal klen=300,130 scale=-0.4"}) {
      Call call("native_sparse", problem, settings);
      CAPTURE(problem, call.params.non_default());
      check_decided(std::move(call));
    }
}

TEST_CASE("native_sparse with only the window gate open is sliding window attention; with all blocks selected, exact attention") {
  Call call("native_sparse", "h2 n200 d16 causal", {{"window", "50"}, {"keep", "1000"}});
  auto a = all_arrays(call);
  open_gate(a, 2);
  Call window("naive", "h2 n200 d16 causal window=49:0"), exact("naive", "h2 n200 d16 causal");
  CHECK(relative_rms(call.run(a), window.reference(a.inputs(window.problem))) < kTolerance);
  open_gate(a, 1);
  CHECK(relative_rms(call.run(a), exact.reference(a.inputs(exact.problem))) < kTolerance);
}

// A public mistake (tilde-research/nsa-release#3): rows see compressed blocks that reach into their future.
TEST_CASE("a compressed block is seen once the whole of it is in the past") {
  Call call("native_sparse", "n64 d4:64 causal", kSmall);  // blocks [4 c, 4 c + 8)
  auto a = all_arrays(call);
  fill_identity(a);
  open_gate(a, 0);
  std::fill_n(a.q.data(), 64 * 4, 0.0f);  // equal weights
  const auto out = call.run(a);
  for (std::int64_t i = 0; i < 64; ++i) {
    const auto blocks = i < 7 ? 0 : (i - 7) / 4 + 1;
    for (std::int64_t j = 0; j < 64; ++j) {
      const bool in_first = j / 4 < blocks, in_second = j / 4 - 1 >= 0 && j / 4 - 1 < blocks;  // the two blocks that hold key j
      const double weight = blocks == 0 ? 0 : (in_first + in_second) / (8.0 * static_cast<double>(blocks));
      CAPTURE(i, j);
      CHECK(out.view().row(0, 0, i)[j] == Approx(weight).margin(1e-6));
    }
  }
}

// Equation 9 as printed counts from 1. From 0, block j takes the compressed blocks 4 j - 1 to 4 j + 3 with weights 1, 2, 2, 2, 1;
// read literally (-m - n) it takes those of the block before, with +m + n those of its future side.
TEST_CASE("the importance of a block weighs the compressed blocks by their overlap: 1, 2, 2, 2, 1") {
  // keep 4: one block is chosen besides the forced ones. All weight on compressed block c, so the choice is the block with the
  // largest overlap; of equal ones the smaller.
  const Settings settings = {{"compress", "32"}, {"stride", "16"}, {"select_block", "64"}, {"keep", "4"}, {"window", "1"}};
  Call call("native_sparse", "n768 d1:768 causal scale=1", settings);
  const auto chosen_of = [&](std::int64_t c) {
    auto a = all_arrays(call);
    fill_identity(a);
    open_gate(a, 1);
    for (std::int64_t j = 0; j < 768; ++j) {
      a.q.data()[j] = 1;
      a.k.data()[j] = j >= 16 * c && j < 16 * c + 32 ? 40.0f : 0.0f;
    }
    const auto out = call.run(a);
    const float* row = out.view().row(0, 0, 767);  // current block 11: 0, 10 and 11 are forced
    std::vector<std::int64_t> blocks;
    for (std::int64_t j = 1; j < 10; ++j)
      if (std::any_of(row + 64 * j, row + 64 * (j + 1), [](float x) { return x > 0; })) blocks.push_back(j);
    return blocks;
  };
  using Blocks = std::vector<std::int64_t>;
  for (std::int64_t j : {2, 5})  // compressed blocks 4 j .. 4 j + 2 lie in block j; 4 j - 1 and 4 j + 3 half of it
    for (std::int64_t inside : {0, 1, 2}) CHECK(chosen_of(4 * j + inside) == Blocks{j});
}

TEST_CASE("blocks are counted once, and fewer are selected where there are fewer") {
  Call call("native_sparse", "n64 d4:64 causal", kSmall);
  auto a = all_arrays(call);
  fill_identity(a);
  open_gate(a, 1);
  const auto out = call.run(a);
  for (std::int64_t i = 0; i < 64; ++i) {  // 4 blocks of 16 in all: every row sees its whole past
    double sum = 0;
    for (std::int64_t j = 0; j <= i; ++j) {
      CHECK(out.view().row(0, 0, i)[j] > 0);
      sum += double{out.view().row(0, 0, i)[j]};
    }
    CHECK(sum == Approx(1).margin(1e-5));
  }
}

TEST_CASE("keys per row: 1791 of 4096, 2559 of 16384, 5631 of 65536") {
  const auto& variant = *find_variant("native_sparse");
  const Params params(variant.params);
  const auto keys_of_last_row = [&](const std::string& n) {
    const auto p = parse_problem("n1:" + n + " d1 causal-bottom-right");
    return variant.cost(p, params).exps;
  };
  CHECK(keys_of_last_row("4096") == 1791);
  CHECK(keys_of_last_row("16384") == 2559);
  CHECK(keys_of_last_row("65536") == 5631);
}

TEST_CASE("native_sparse refuses blocks that are no multiple of the stride") {
  const auto& variant = *find_variant("native_sparse");
  Params params(variant.params);
  params.set("compress", "40");
  CHECK(unsupported_reasons(variant, parse_problem("n64 d8 causal"), params).size() == 1);
}
