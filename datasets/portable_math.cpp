#include "datasets/portable_math.h"

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace attnbench {
namespace {

static_assert(FLT_EVAL_METHOD == 0, "excess precision would change the data");

// ln 2 and pi/2 as sums of parts whose leading ones have trailing zero bits, so that k * part is exact (Cody & Waite 1980).
constexpr double kLn2High = 0x1.62e42fee00000p-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kHalfPi1 = 0x1.921fb54400000p+0;
constexpr double kHalfPi2 = 0x1.0b4611a600000p-34;
constexpr double kHalfPi3 = 0x1.3198a2e037073p-69;

// Nearest integer to |x| < 2^51, ties to even: adding 1.5 * 2^52 leaves no fraction bits.
double nearest(double x) {
  constexpr double kShift = 0x1.8p52;
  return (x + kShift) - kShift;
}

double power_of_two(std::int64_t exponent) { return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52); }

// Taylor polynomials on |r| <= pi/4, in Horner form over r^2.
double sine(double r) {
  const double s = r * r;
  double sum = 0;
  for (int n = 19; n >= 3; n -= 2) sum = -s * (1 + sum) / (n * (n - 1));
  return r + r * sum;
}

double cosine(double r) {
  const double s = r * r;
  double sum = 0;
  for (int n = 20; n >= 2; n -= 2) sum = -s * (1 + sum) / (n * (n - 1));
  return 1 + sum;
}

}  // namespace

// x = m 2^e with m in [sqrt(1/2), sqrt(2)); log m = 2 artanh(t), t = (m - 1)/(m + 1), |t| < 0.172.
double portable_log(double x) {
  auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<std::int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  if (m > std::numbers::sqrt2) {
    m /= 2;
    ++exponent;
  }
  const double t = (m - 1) / (m + 1);
  const double s = t * t;
  double sum = 0;
  for (int n = 23; n >= 3; n -= 2) sum = s * (1.0 / n + sum);
  const auto e = static_cast<double>(exponent);
  return e * kLn2High + (2 * t + (2 * t * sum + e * kLn2Low));
}

// x = k ln 2 + r with |r| <= ln(2)/2; the Taylor series of e^r to r^13 leaves less than 2^-56.
double portable_exp(double x) {
  const double k = nearest(x / std::numbers::ln2);
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double sum = 0;
  for (int n = 14; n >= 1; --n) sum = (1 + sum) * r / n;
  return (1 + sum) * power_of_two(static_cast<std::int64_t>(k));
}

double portable_pow(double base, double exponent) { return portable_exp(exponent * portable_log(base)); }

SinCos portable_sincos(double angle) {
  const double k = nearest(angle / (std::numbers::pi / 2));
  const double r = ((angle - k * kHalfPi1) - k * kHalfPi2) - k * kHalfPi3;
  const double s = sine(r), c = cosine(r);
  switch (static_cast<std::int64_t>(k) & 3) {
    case 0: return {s, c};
    case 1: return {c, -s};
    case 2: return {-s, -c};
    default: return {-c, s};
  }
}

}  // namespace attnbench
