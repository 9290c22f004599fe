// random_weights: the same on every machine, of the right spread, and different per seed and stream.
#include "variants/kernels/random_weights.h"

#include <algorithm>
#include <cmath>

#include "tests/catch.h"

namespace attnbench::kernels {
namespace {

TEST_CASE("random_weights has mean 0 and variance 1 / fan_in") {
  const auto weights = random_weights(1 << 20, 48, 1, 0);
  double sum = 0, squares = 0, top = 0;
  for (const float w : weights) {
    sum += w;
    squares += double{w} * w;
    top = std::max(top, std::abs(double{w}));
  }
  const double count = static_cast<double>(weights.size());
  CHECK(std::abs(sum / count) < 5 * std::sqrt(1.0 / 48 / count));
  CHECK(squares / count == Approx(1.0 / 48).epsilon(0.005));
  CHECK(top <= std::sqrt(3.0 / 48));
}

TEST_CASE("random_weights repeats itself and depends on seed and stream") {
  const auto weights = random_weights(100, 4, 5, 1);
  CHECK(weights == random_weights(100, 4, 5, 1));
  CHECK(weights != random_weights(100, 4, 6, 1));
  CHECK(weights != random_weights(100, 4, 5, 2));
}

TEST_CASE("random_weights is pinned to the bit: stored results name the seed only") {
  const auto weights = random_weights(3, 3, 42, 0);
  CHECK(weights[0] == -0x1.cef408p-3f);
  CHECK(weights[1] == 0x1.b41774p-2f);
  CHECK(weights[2] == 0x1.769c46p-1f);
}

TEST_CASE("random_normals has the moments of the normal distribution, and repeats itself") {
  const auto numbers = random_normals(1 << 18, 3, 0);
  double moments[5] = {};
  for (const double x : numbers)
    for (int power = 1; power <= 4; ++power) moments[power] += std::pow(x, power) / static_cast<double>(numbers.size());
  CHECK(std::abs(moments[1]) < 0.01);
  CHECK(moments[2] == Approx(1).epsilon(0.015));
  CHECK(std::abs(moments[3]) < 0.03);
  CHECK(moments[4] == Approx(3).epsilon(0.04));
  CHECK(numbers[0] == random_normals(1, 3, 0)[0]);
  CHECK(numbers[0] != random_normals(1, 3, 1)[0]);
}

}  // namespace
}  // namespace attnbench::kernels
