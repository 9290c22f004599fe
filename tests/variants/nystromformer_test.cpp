// nystromformer: its iteration on a matrix worked out elsewhere, heads that stay apart, landmarks of valid keys only.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

using Matrix = std::vector<std::vector<double>>;

Matrix product(const Matrix& x, const Matrix& y) {
  Matrix result(x.size(), std::vector<double>(y[0].size(), 0.0));
  for (std::size_t r = 0; r < x.size(); ++r)
    for (std::size_t t = 0; t < y.size(); ++t)
      for (std::size_t c = 0; c < y[t].size(); ++c) result[r][c] += x[r][t] * y[t][c];
  return result;
}

// Inputs of two tokens whose weights are `a` under scale 1, with values of the identity. As every token is a landmark,
// F = A = B and the output is A Z A.
NamedTensors two_tokens(const Matrix& a) {
  auto arrays = random_arrays(parse_problem("n2 d2"));
  const float q[] = {1, 0, 0, 1}, v[] = {1, 0, 0, 1};
  std::copy_n(q, 4, arrays.q.data());
  std::copy_n(v, 4, arrays.v.data());
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 2; ++j) arrays.k.data()[j * 2 + i] = static_cast<float>(std::log(a[i][j]));
  return arrays;
}

TEST_CASE("nystromformer: the inverse of [[.7, .3], [.4, .6]] after one step and after six") {
  const Matrix a{{0.7, 0.3}, {0.4, 0.6}};
  const Matrix one{{0.909142, 0.163855}, {0.026074, 0.882009}}, six{{2, -1}, {-4.0 / 3, 7.0 / 3}};
  for (const auto& [iterations, z] : {std::pair{"1", one}, {"6", six}}) {
    const auto out = Call("nystromformer", "n2 d2 scale=1", {{"iterations", iterations}}).run(two_tokens(a));
    const auto expected = product(a, product(z, a));
    for (std::size_t i = 0; i < 4; ++i) CHECK(out.data()[i] == Approx(expected[i / 2][i % 2]).margin(2e-6));
  }
  // No step at all: Z = A^T / (|A|_1 |A|_inf), |A|_1 = 1.1.
  const auto out = Call("nystromformer", "n2 d2 scale=1", {{"iterations", "0"}}).run(two_tokens(a));
  const auto expected = product(a, product({{0.7 / 1.1, 0.4 / 1.1}, {0.3 / 1.1, 0.6 / 1.1}}, a));
  for (std::size_t i = 0; i < 4; ++i) CHECK(out.data()[i] == Approx(expected[i / 2][i % 2]));
}

// The released code divides by the largest column sum of all heads: here that of the other head, 1.8, instead of 1.1.
TEST_CASE("nystromformer starts each head from its own column sum, not from the largest of all heads") {
  const Matrix a{{0.7, 0.3}, {0.4, 0.6}}, other{{0.9, 0.1}, {0.9, 0.1}};
  const auto mine = two_tokens(a), others = two_tokens(other);
  Call alone("nystromformer", "n2 d2 scale=1", {{"iterations", "1"}});
  Call both("nystromformer", "h2 n2 d2 scale=1", {{"iterations", "1"}});
  auto pair = random_arrays(both.problem);
  for (auto [to, x, y] : {std::tuple{&pair.q, &mine.q, &others.q}, {&pair.k, &mine.k, &others.k}, {&pair.v, &mine.v, &others.v}}) {
    std::copy_n(x->data(), 4, to->data());
    std::copy_n(y->data(), 4, to->data() + 4);
  }
  const auto single = alone.run(mine), together = both.run(pair);
  CHECK(std::memcmp(single.data(), together.data(), 4 * sizeof(float)) == 0);
  const auto step = [&](double column_sum) {  // A Z A after one step from A^T / column_sum
    const Matrix z{{a[0][0] / column_sum, a[1][0] / column_sum}, {a[0][1] / column_sum, a[1][1] / column_sum}};
    const auto less = [](double diagonal, Matrix x) {
      for (std::size_t r = 0; r < 2; ++r)
        for (std::size_t c = 0; c < 2; ++c) x[r][c] = (r == c ? diagonal : 0) - x[r][c];
      return x;
    };
    const auto az = product(a, z);
    const auto next = product(z, less(13, product(az, less(15, product(az, less(7, az))))));
    return product(a, product(next, a))[0][0] / 4;
  };
  CHECK(together.data()[0] == Approx(step(1.1)));
  CHECK(std::abs(step(1.1) - step(1.8)) > 0.01);
}

// Figures of an independent float64 computation on N(0, 1).
TEST_CASE("nystromformer's iterations are part of its definition") {
  const auto error = [](const char* iterations) {
    Call call("nystromformer", "n512 d32", {{"iterations", iterations}});
    const auto a = random_arrays(call.problem);
    const auto inputs = a.inputs(call.problem);
    return relative_rms(call.run(inputs), Call("naive", "n512 d32").reference(inputs));
  };
  CHECK(error("2") == Approx(0.743).epsilon(0.05));
  CHECK(error("6") == Approx(0.627).epsilon(0.05));
  CHECK(error("0") > error("2"));
}

TEST_CASE("nystromformer with a key length is nystromformer of so many keys: padding is in no landmark") {
  for (const char* landmarks : {"1", "5", "16", "64"}) {
    Call padded("nystromformer", "n12:40 d8 klen=23", {{"landmarks", landmarks}});
    Call cut("nystromformer", "n12:23 d8", {{"landmarks", landmarks}});
    auto a = random_arrays(padded.problem), b = random_arrays(cut.problem);
    for (auto* x : {&a.k, &a.v}) std::fill_n(x->view().row(0, 0, 23), 17 * 8, std::numeric_limits<float>::quiet_NaN());
    std::copy_n(a.q.data(), 12 * 8, b.q.data());
    std::copy_n(a.k.data(), 23 * 8, b.k.data());
    std::copy_n(a.v.data(), 23 * 8, b.v.data());
    const auto reference = cut.reference(b.inputs(cut.problem));
    CHECK(relative_rms(padded.run(a), reference) < 1e-5);
    CHECK(relative_rms(cut.run(b), reference) < 1e-5);
  }
}

TEST_CASE("nystromformer's row sums come near 1") {
  Call call("nystromformer", "n512 d32:1");
  auto a = random_arrays(call.problem);
  std::fill_n(a.v.data(), 512, 1.0f);
  const auto out = call.run(a);
  double mean = 0;
  for (std::int64_t i = 0; i < 512; ++i) mean += out.data()[i] / 512.0;
  CHECK(mean == Approx(0.999).margin(0.02));
}

TEST_CASE("nystromformer refuses a causal mask: landmarks average the future") {
  const auto& variant = *find_variant("nystromformer");
  for (const char* text : {"n4 d4 causal", "n4 d4 window=1:0", "n4 d4 mask=bool"})
    CHECK(unsupported_reasons(variant, parse_problem(text), Params(variant.params)).size() == 1);
}

}  // namespace
}  // namespace attnbench::testing
