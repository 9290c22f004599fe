#include "variants/kernels/fourier/fft_plan.h"

#include <bit>
#include <cmath>
#include <complex>
#include <numbers>

namespace attnbench::kernels {
namespace {

using Complex = std::complex<double>;

Complex turn(double share) { return std::polar(1.0, -2 * std::numbers::pi * share); }

int levels(std::int64_t size) { return std::countr_zero(static_cast<std::uint64_t>(size)); }

// In place, natural to bit-reversed order; `roots` holds e^{-2 pi i j / size} for j < size / 2.
void transform(std::vector<Complex>& x, const std::vector<Complex>& roots) {
  const auto size = x.size();
  for (std::size_t block = size; block > 1; block /= 2)
    for (std::size_t start = 0; start < size; start += block)
      for (std::size_t j = 0; j < block / 2; ++j) {
        const auto a = x[start + j], b = x[start + j + block / 2];
        x[start + j] = a + b;
        x[start + j + block / 2] = (a - b) * roots[j * (size / block)];
      }
}

std::vector<Complex> transformed(std::vector<Complex> x) {
  std::vector<Complex> roots(x.size() / 2);
  for (std::size_t j = 0; j < roots.size(); ++j) roots[j] = turn(static_cast<double>(j) / static_cast<double>(x.size()));
  transform(x, roots);
  return x;
}

void append(ComplexFloats& list, Complex z) {
  list.push_back(static_cast<float>(z.real()));
  list.push_back(static_cast<float>(z.imag()));
}

ComplexFloats twiddles(std::int64_t size) {
  ComplexFloats list;
  for (auto block = size; block >= 4; block /= 4)
    for (std::int64_t j = 0; j < block / 4; ++j)
      for (int power = 1; power <= 3; ++power) append(list, turn(static_cast<double>(power * j) / static_cast<double>(block)));
  return list;
}

// j^2 / 2n of a turn, exact: j^2 is taken modulo 2n first.
Complex chirp_at(std::int64_t j, std::int64_t n) {
  const auto square = static_cast<std::uint64_t>(j) * static_cast<std::uint64_t>(j) % static_cast<std::uint64_t>(2 * n);
  return turn(static_cast<double>(square) / static_cast<double>(2 * n));
}

}  // namespace

std::int64_t power_of_two_from(std::int64_t n) { return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(n))); }

std::int64_t bit_reversed(std::int64_t k, std::int64_t size) {
  std::int64_t reversed = 0;
  for (auto bit = size / 2; bit > 0; bit /= 2, k /= 2) reversed += k % 2 * bit;
  return reversed;
}

FftPlan make_fft_plan(std::int64_t n) {
  FftPlan plan{.length = n, .size = power_of_two_from(n)};
  if (plan.size != n) {
    plan.size = power_of_two_from(2 * n - 1);
    std::vector<Complex> around(static_cast<std::size_t>(plan.size));
    for (std::int64_t j = 0; j < n; ++j) {
      const auto c = chirp_at(j, n);
      append(plan.chirp, c);
      around[static_cast<std::size_t>(j)] = around[static_cast<std::size_t>((plan.size - j) % plan.size)] = std::conj(c);
    }
    for (const auto& z : transformed(std::move(around))) append(plan.spectrum, z / static_cast<double>(plan.size));
  }
  plan.twiddles = twiddles(plan.size);
  return plan;
}

// One transform for both: x + i y, taken apart by the symmetry of real sequences.
TwoSpectra scaled_spectra(const std::vector<double>& first, const std::vector<double>& second, std::int64_t size) {
  std::vector<Complex> both(static_cast<std::size_t>(size));
  for (std::size_t j = 0; j < first.size(); ++j) both[j] += first[j];
  for (std::size_t j = 0; j < second.size(); ++j) both[j] += Complex(0, second[j]);
  both = transformed(std::move(both));
  TwoSpectra spectra;
  const double factor = 0.5 / static_cast<double>(size);
  for (std::int64_t t = 0; t < size; ++t) {  // where frequency k stands
    const auto mirror = bit_reversed((size - bit_reversed(t, size)) % size, size);
    const auto z = both[static_cast<std::size_t>(t)], opposite = std::conj(both[static_cast<std::size_t>(mirror)]);
    append(spectra.first, factor * (z + opposite));
    append(spectra.second, Complex(0, -factor) * (z - opposite));
  }
  return spectra;
}

double multiply_adds_of_power(std::int64_t size) { return 2.5 * static_cast<double>(size) * levels(size); }

double multiply_adds_of(const FftPlan& plan) {
  if (!plan.by_chirp()) return multiply_adds_of_power(plan.size);
  return 2 * multiply_adds_of_power(plan.size) + 4 * static_cast<double>(plan.length) + 2 * static_cast<double>(plan.size);
}

}  // namespace attnbench::kernels
