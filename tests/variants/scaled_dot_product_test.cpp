// scaled_dot_product: blocks of rows, cut key ranges, and masked keys inside a matrix product.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

bool row_is_finite(const TensorView<float>& out, std::int64_t b, std::int64_t h, std::int64_t i) {
  for (std::int64_t c = 0; c < out.dim(); ++c)
    if (!std::isfinite(out.row(b, h, i)[c])) return false;
  return true;
}

TEST_CASE("scaled_dot_product is right on both sides of its block and chunk edges") {
  for (const int n_q : {63, 64, 65, 127, 128, 129})
    for (const int n_k : {511, 512, 513, 1025})
      for (const char* rest :
           {" d16", " d16 causal-bottom-right", " d16 causal-top-left", " d16 window=70:3", " d16 mask=bool", " h4:2 d5"}) {
        const auto text = "n" + std::to_string(n_q) + ":" + std::to_string(n_k) + rest;
        INFO(text);
        CHECK(error_of(Call("scaled_dot_product", text)) < kTolerance);
      }
}

TEST_CASE("scaled_dot_product: a NaN or Inf in a key that only some rows of a block see reaches exactly those rows") {
  Call call("scaled_dot_product", "n150 d8 causal");
  auto a = random_arrays(call.problem);
  const auto clean = call.run(a);
  a.v.view().row(0, 0, 70)[3] = kNan;
  a.k.view().row(0, 0, 140)[0] = kInf;
  const auto out = call.run(a);
  for (std::int64_t i = 0; i < 150; ++i) {
    INFO("row " << i);
    if (i < 70) CHECK(std::memcmp(out.view().row(0, 0, i), clean.view().row(0, 0, i), 8 * sizeof(float)) == 0);
    else CHECK_FALSE(row_is_finite(out.view(), 0, 0, i));
  }
  CHECK(out.view().row(0, 0, 70)[2] == Approx(clean.view().row(0, 0, 70)[2]).margin(1e-6));  // other columns stay right
}

TEST_CASE("scaled_dot_product: keys masked by a dense mask may hold NaN") {
  for (const char* text : {"h2 n100:600 d8 mask=bool", "h2 n100:600 d8 mask=additive"}) {
    INFO(text);
    Call call("scaled_dot_product", text);
    auto a = random_arrays(call.problem);
    for (std::int64_t i = 0; i < 100; ++i) {  // mask keys 5 and 590 for every row
      for (const auto j : {5, 590}) {
        if (call.problem.mask.kind == MaskKind::boolean) a.mask.view<std::uint8_t>().row(0, 0, i)[j] = 0;
        else a.mask.view().row(0, 0, i)[j] = -kInf;
      }
    }
    const auto clean = call.run(a);
    for (const auto j : {5, 590}) {
      std::fill_n(a.v.view().row(0, 0, j), 8, kNan);
      std::fill_n(a.k.view().row(0, 0, j), 8, kNan);
      std::fill_n(a.v.view().row(0, 1, j), 8, kInf);
    }
    CHECK(same_bits(call.run(a), clean));
  }
}

TEST_CASE("scaled_dot_product reads [b, n, h, d] layouts in place") {
  Call call("scaled_dot_product", "b2 h4:2 n70 d8 causal");
  const auto a = random_arrays(call.problem);
  const auto expected = call.run(a);
  const auto interleave = [](const Tensor& t) {  // the same values as [b, n, h, d]
    const auto s = t.shape();
    Tensor copy({s[0], s[2], s[1], s[3]});
    for (std::int64_t b = 0; b < s[0]; ++b)
      for (std::int64_t h = 0; h < s[1]; ++h)
        for (std::int64_t i = 0; i < s[2]; ++i) std::copy_n(t.view().row(b, h, i), s[3], copy.view().row(b, i, h));
    return copy;
  };
  const auto as_heads = [](const Tensor& t) {
    const auto s = t.shape();
    return TensorRef{t.ref().data, DType::f32, {s[0], s[2], s[1], s[3]}, {s[1] * s[2] * s[3], s[3], s[2] * s[3], 1}};
  };
  const auto q = interleave(a.q), k = interleave(a.k), v = interleave(a.v);
  CHECK(same_bits(call.run(Inputs{as_heads(q), as_heads(k), as_heads(v), {}}), expected));
}

TEST_CASE("scaled_dot_product keeps a block of scores per thread, never n x n") {
  const auto bytes = [](const char* text, int threads) {
    return declared_workspace(*find_variant("scaled_dot_product"), parse_problem(text), Params(), threads);
  };
  CHECK(bytes("n8192 d64", 1) == 2 * bytes("n4096 d64", 1) - 512 * 64 * sizeof(float));  // only the value panel is fixed
  CHECK(bytes("b4 h8 n4096 d64", 2) == 2 * bytes("n4096 d64", 1));
}

TEST_CASE("scaled_dot_product computes about half of a causal problem, and says so") {
  const auto cost = [](const char* text) { return find_variant("scaled_dot_product")->cost(parse_problem(text), Params()); };
  const auto full = cost("h4 n2048 d64"), causal = cost("h4 n2048 d64 causal");
  CHECK(full.multiply_adds == 4.0 * 2048 * 2048 * 128);
  CHECK(causal.multiply_adds == full.multiply_adds * (32 * 33 / 2) / (32 * 32));  // 32 blocks of 64 rows
  CHECK(causal.pairs == 4.0 * 2048 * 2049 / 2);
}

}  // namespace
}  // namespace attnbench::testing
