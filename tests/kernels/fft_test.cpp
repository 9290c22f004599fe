// If these fail, the tables of a Fourier transform are those of another one.
#include <cmath>
#include <complex>
#include <numbers>

#include "tests/catch.h"
#include "variants/kernels/fourier/fft_plan.h"

using namespace attnbench::kernels;

TEST_CASE("powers of two and bits in reverse order") {
  CHECK(power_of_two_from(1) == 1);
  CHECK(power_of_two_from(33) == 64);
  CHECK(power_of_two_from(64) == 64);
  const std::int64_t order[] = {0, 4, 2, 6, 1, 5, 3, 7};
  for (std::int64_t k = 0; k < 8; ++k) CHECK(bit_reversed(k, 8) == order[k]);
  CHECK(bit_reversed(0, 1) == 0);
}

TEST_CASE("two real sequences are transformed as one and taken apart") {
  const std::vector<double> first{1, -2, 0.5, 3, 0, 1}, second{0.25, 4, -1};
  for (const std::int64_t size : {8, 16}) {
    const auto spectra = scaled_spectra(first, second, size);
    for (std::int64_t t = 0; t < size; ++t) {
      const auto k = static_cast<double>(bit_reversed(t, size));
      for (const auto& [x, spectrum] : {std::pair{first, spectra.first}, {second, spectra.second}}) {
        std::complex<double> sum;
        for (std::size_t j = 0; j < x.size(); ++j)
          sum += x[j] * std::polar(1.0, -2 * std::numbers::pi * k * static_cast<double>(j) / static_cast<double>(size));
        CHECK(spectrum[static_cast<std::size_t>(2 * t)] == Approx(sum.real() / static_cast<double>(size)).margin(1e-6));
        CHECK(spectrum[static_cast<std::size_t>(2 * t + 1)] == Approx(sum.imag() / static_cast<double>(size)).margin(1e-6));
      }
    }
  }
}

TEST_CASE("a plan transforms powers of two by themselves and other lengths by a chirp of at least twice the length") {
  for (const std::int64_t n : {1, 2, 4, 64}) {
    CHECK_FALSE(make_fft_plan(n).by_chirp());
    CHECK(make_fft_plan(n).size == n);
  }
  for (const std::int64_t n : {3, 5, 33, 100}) {
    const auto plan = make_fft_plan(n);
    CHECK(plan.by_chirp());
    CHECK(plan.size >= 2 * n - 1);
    CHECK(plan.size < 4 * n);
    for (std::int64_t j = 0; j < n; ++j) {  // e^{-pi i j^2 / n}
      const double angle = -std::numbers::pi * static_cast<double>(j * j % (2 * n)) / static_cast<double>(n);
      CHECK(plan.chirp[static_cast<std::size_t>(2 * j)] == Approx(std::cos(angle)).margin(1e-6));
      CHECK(plan.chirp[static_cast<std::size_t>(2 * j + 1)] == Approx(std::sin(angle)).margin(1e-6));
    }
  }
  CHECK(multiply_adds_of_power(8) == 60);
}
