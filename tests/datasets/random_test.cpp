// If these fail, data differ between machines, or are not what their distribution says.
#include "datasets/random.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "datasets/portable_math.h"
#include "tests/catch.h"

using namespace attnbench;

TEST_CASE("Philox4x32-10 gives the published known answers") {
  // Random123 distribution, tests/kat_vectors.
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Philox4{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Philox4{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Philox4{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("portable functions agree with the C library within 4 units in the last place") {
  constexpr double kBound = 4 * 0x1p-53;
  for (int i = -5000; i <= 5000; ++i) {
    const double x = i * 0.1377;
    CHECK(portable_exp(x) == Approx(std::exp(x)).epsilon(kBound).margin(0));
    const double positive = std::exp(x);
    CHECK(std::abs(portable_log(positive) - std::log(positive)) <= kBound * std::max(1.0, std::abs(x)));
    const double angle = i * 13.377;
    CHECK(std::abs(portable_sincos(angle).sin - std::sin(angle)) <= kBound);
    CHECK(std::abs(portable_sincos(angle).cos - std::cos(angle)) <= kBound);
  }
  CHECK(portable_log(1.0) == 0);
  CHECK(portable_exp(0.0) == 1);
  CHECK(portable_pow(2, -8) == Approx(1.0 / 256).epsilon(1e-15));
}

TEST_CASE("portable functions give these bits everywhere") {
  // Typed in from the first machine; another machine or compiler that differs makes other data.
  CHECK(portable_exp(1.0) == 0x1.5bf0a8b14576ap+1);
  CHECK(portable_log(10.0) == 0x1.26bb1bbb55516p+1);
  CHECK(portable_sincos(1e5).sin == 0x1.24daa9c527e96p-5);
  CHECK(normal_quantile(0.001) == -0x1.8b8cbb7204470p+1);
}

TEST_CASE("normal quantiles match the published values") {
  // Wichura 1988, section 4, and standard tables.
  CHECK(normal_quantile(0.25) == Approx(-0.6744897501960817).epsilon(1e-15));
  CHECK(normal_quantile(0.001) == Approx(-3.090232306167813).epsilon(1e-15));
  CHECK(normal_quantile(1e-20) == Approx(-9.262340089798408).epsilon(1e-15));
  CHECK(normal_quantile(0.975) == Approx(1.959963984540054).epsilon(1e-15));
  CHECK(normal_quantile(0.5) == 0);
}

TEST_CASE("normals have the moments of N(0, 1) and differ from place to place") {
  const RandomStream stream(7, "test");
  std::vector<float> x(100003);
  stream.normals({1, 2, 3}, x.data(), static_cast<std::int64_t>(x.size()));
  double sum = 0, squares = 0, fourth = 0;
  for (const double value : x) {
    sum += value;
    squares += value * value;
    fourth += value * value * value * value;
  }
  const auto n = static_cast<double>(x.size());
  CHECK(std::abs(sum / n) < 4 / std::sqrt(n));
  CHECK(std::abs(squares / n - 1) < 4 * std::sqrt(2 / n));
  CHECK(std::abs(fourth / n - 3) < 4 * std::sqrt(96 / n));

  const auto first = [](const RandomStream& from, const Place& at) {
    float value;
    from.normals(at, &value, 1);
    return value;
  };
  const float here = first(stream, {1, 2, 3});
  CHECK(here == x[0]);
  for (const Place& other : {Place{0, 2, 3}, Place{1, 0, 3}, Place{1, 2, 0}, Place{2, 1, 3}}) CHECK(first(stream, other) != here);
  CHECK(first(RandomStream(8, "test"), {1, 2, 3}) != here);
  CHECK(first(RandomStream(7, "tests"), {1, 2, 3}) != here);
  CHECK(first(RandomStream(7 + (std::uint64_t{1} << 32), "test"), {1, 2, 3}) != here);
}

TEST_CASE("uniforms stay inside (0, 1) and fill it") {
  const RandomStream stream(1, "uniform");
  double sum = 0;
  for (std::int64_t c = 0; c < 20000; ++c) {
    const double u = stream.uniform({}, c);
    REQUIRE((u > 0 && u < 1));
    sum += u;
  }
  CHECK(std::abs(sum / 20000 - 0.5) < 4 * std::sqrt(1.0 / 12 / 20000));
}
