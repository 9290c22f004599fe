// If these fail, the stated error bounds of exp2, exp and tanh do not hold, and with them the accuracy of every fast variant.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/catch.h"
#include "tests/kernels/kernels_test_support.h"
#include "variants/kernels/simd/vector_ops.h"

using namespace attnbench;

namespace {

#if defined(ATTNBENCH_SANITIZED) || defined(ATTNBENCH_EMULATED) || !defined(NDEBUG)
constexpr std::uint32_t kThinning = 1009;  // slow builds look at every 1009th float
#else
constexpr std::uint32_t kThinning = 1;
#endif
constexpr std::int64_t kChunk = 1 << 14;

using RowFunction = void (*)(const float*, float*, std::int64_t);
using Truth = double (*)(double);

// Largest relative error over the floats whose bit patterns are first, first + step, ... <= last. NaN counts as infinite.
double worst_error(RowFunction f, Truth truth, std::uint32_t first, std::uint32_t last, std::uint32_t step) {
  std::vector<float> x(kChunk), y(kChunk);
  double worst = 0;
  for (std::uint64_t bits = first; bits <= last;) {
    std::int64_t count = 0;
    for (; count < kChunk && bits <= last; bits += step)
      x[static_cast<std::size_t>(count++)] = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    f(x.data(), y.data(), count);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      const double expected = truth(x[i]);
      const double error = std::abs(y[i] - expected) / std::abs(expected);
      worst = error <= worst ? worst : std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
    }
  }
  return worst;
}

std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }

constexpr float kFactor = 0.18033688f;  // log2(e) / 8
void plain_exp2(const float* x, float* y, std::int64_t count) { kernels::exp2_scaled(x, 1.0f, y, count); }
void scaled_exp2(const float* x, float* y, std::int64_t count) { kernels::exp2_scaled(x, kFactor, y, count); }

// 2^x; below 2^-24 the first two terms of the series are exact to float64 and much cheaper.
double true_exp2(double x) { return std::abs(x) < 0x1p-24 ? 1 + x * 0.69314718055994530942 : std::exp2(x); }
double true_scaled_exp2(double x) { return true_exp2(kFactor * x); }

}  // namespace

TEST_CASE("exp2 keeps its bound on every float of [-125, 0], the range of the softmax") {
  kernels::force_isa("");
  CHECK(worst_error(&plain_exp2, &true_exp2, bits_of(-0.0f), bits_of(-125.0f), kThinning) <= 1.9e-7);
}

TEST_CASE("exp2 takes a factor, on instruction sets with fused multiply-add without rounding the product") {
  on_every_isa([](const std::string& isa) {
    CAPTURE(isa);
    const bool fused = isa == "AVX3" || isa == "AVX2" || isa.starts_with("NEON");
    const double error = worst_error(&scaled_exp2, &true_scaled_exp2, bits_of(-0.0f), bits_of(-125.0f / kFactor), 211);
    CHECK(error <= 1.9e-7 + (fused ? 0 : 4.2e-8 * 125));
  });
}

TEST_CASE("exp2, exp and tanh keep their bounds on every instruction set") {
  constexpr std::uint32_t step = 211 * (kThinning == 1 ? 1 : 101);
  on_every_isa([](const std::string& isa) {
    CAPTURE(isa);
    CHECK(worst_error(&plain_exp2, &true_exp2, bits_of(-0.0f), bits_of(-125.0f), step) <= 1.9e-7);
    const Truth true_exp = [](double x) { return std::exp(x); };
    const double exp_error = std::max(worst_error(&kernels::exp, true_exp, bits_of(-0.0f), bits_of(-87.32f), step),
                                      worst_error(&kernels::exp, true_exp, bits_of(0.0f), bits_of(88.0f), step));
    CHECK(exp_error <= 2.0e-7);
    const Truth true_tanh = [](double x) { return std::tanh(x); };
    const float smallest = std::numeric_limits<float>::min();
    const double tanh_error = std::max(worst_error(&kernels::tanh, true_tanh, bits_of(-smallest), bits_of(-100.0f), step),
                                       worst_error(&kernels::tanh, true_tanh, bits_of(smallest), bits_of(100.0f), step));
    CHECK(tanh_error <= 2.0e-7);
  });
}

TEST_CASE("the ends of the number line") {
  on_every_isa([](const std::string& isa) {
    CAPTURE(isa);
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> x = {-infinity, -1e38f, -200.0f, -126.1f, 0.0f, -0.0f, 200.0f, infinity};
    const std::vector<float> low = {-infinity, -3e38f, -1e38f, -126.1f, -125.6f, 0.0f, -0.0f, std::nanf("")};
    std::vector<float> y(x.size());
    const auto count = static_cast<std::int64_t>(x.size());
    for (const float factor : {1.0f, 4.0f}) {
      kernels::exp2_scaled(low.data(), factor, y.data(), count);
      CHECK(std::count(y.begin(), y.begin() + 5, 0.0f) == 5);
      CHECK(std::count(y.begin() + 5, y.begin() + 7, 1.0f) == 2);
      CHECK(std::isnan(y[7]));
    }
    kernels::exp(x.data(), y.data(), count);
    CHECK(y[0] == 0);
    CHECK(y[2] == 0);
    CHECK(y[4] == 1);
    CHECK(std::isfinite(y[7]));
    kernels::tanh(x.data(), y.data(), count);
    CHECK(y[0] == -1);
    CHECK(y[2] == -1);
    CHECK(y[4] == 0);
    CHECK(std::signbit(y[5]));
    CHECK(y[7] == 1);
  });
}
