// Tables of discrete Fourier transforms of any length, X_k = sum_j x_j e^{-2 pi i jk / n}, made once in float64.
//
// A power of two is transformed by itself. Any other length n is a convolution with a chirp (Bluestein 1970): jk = (j^2 + k^2 -
// (k - j)^2) / 2, so X_k = c_k sum_j (x_j c_j) conj(c_{k-j}) with c_j = e^{-pi i j^2 / n}, by transforms of the next power of two
// from 2 n - 1 on.
#pragma once

#include <cstdint>
#include <vector>

namespace attnbench::kernels {

/// Real and imaginary parts in turn.
using ComplexFloats = std::vector<float>;

struct FftPlan {
  std::int64_t length = 1;   // n
  std::int64_t size = 1;     // of the transforms by powers of two
  ComplexFloats twiddles{};  // w^j, w^2j, w^3j for j < L / 4, w = e^{-2 pi i / L}, for L = size, size / 4, ...
  ComplexFloats chirp{};     // c_j, j < n; none where n is a power of two
  ComplexFloats spectrum{};  // of conj(c), in bit-reversed order, over `size`

  bool by_chirp() const { return !chirp.empty(); }
  std::size_t bytes() const { return sizeof(float) * (twiddles.size() + chirp.size() + spectrum.size()); }
};

FftPlan make_fft_plan(std::int64_t length);

/// The next power of two at or above n.
std::int64_t power_of_two_from(std::int64_t n);

/// k with its lowest log2(size) bits in reverse order.
std::int64_t bit_reversed(std::int64_t k, std::int64_t size);

/// Transforms of two real sequences of `size` elements (a power of two, shorter ones end in zeros), each over `size`, in
/// bit-reversed order.
struct TwoSpectra {
  ComplexFloats first, second;
};
TwoSpectra scaled_spectra(const std::vector<double>& first, const std::vector<double>& second, std::int64_t size);

/// Multiply-adds of a transform of this plan: 2.5 size log2 size for each by a power of two (5 operations per element and level,
/// half of them additions), 2 for each complex product.
double multiply_adds_of(const FftPlan& plan);
double multiply_adds_of_power(std::int64_t size);

}  // namespace attnbench::kernels
