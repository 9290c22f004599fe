#include "variants/kernels/dense/gates.h"

#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/dense/gates.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/simd/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

// Clamped where e^-x would overflow: sig(-88) is 6e-39.
HWY_INLINE FloatVec logistic(FloatVec x) {
  const FloatTag d;
  const auto e = exp_vector(hn::Min(hn::Neg(x), hn::Set(d, 88.0f)));
  return hn::Div(hn::Set(d, 1.0f), hn::Add(hn::Set(d, 1.0f), e));
}

// One gate of a token, bias added.
struct Gates {
  const float *gates, *bias;
  std::int64_t width;

  HWY_INLINE FloatVec at(std::int64_t block, std::int64_t u) const {
    const FloatTag d;
    return hn::Add(hn::LoadU(d, gates + block * width + u), hn::LoadU(d, bias + block * width + u));
  }
};

void lstm_row(const float* gates, const float* bias, std::int64_t width, float* c, float* h) {
  const FloatTag d;
  const Gates g{gates, bias, width};
  for (std::int64_t u = 0; u < width; u += kLanes) {
    const auto kept = hn::Mul(logistic(g.at(1, u)), hn::LoadU(d, c + u));
    const auto cell = hn::MulAdd(logistic(g.at(0, u)), tanh_vector(g.at(2, u)), kept);
    hn::StoreU(cell, d, c + u);
    hn::StoreU(hn::Mul(logistic(g.at(3, u)), tanh_vector(cell)), d, h + u);
  }
}

// h = (1 - z) n + z h
HWY_INLINE void blend(FloatVec n, FloatVec z, float* h) {
  const FloatTag d;
  hn::StoreU(hn::MulAdd(z, hn::Sub(hn::LoadU(d, h), n), n), d, h);
}

void gru_row(const float* gates, const float* bias, std::int64_t width, float* h) {
  const Gates g{gates, bias, width};
  for (std::int64_t u = 0; u < width; u += kLanes)
    blend(tanh_vector(hn::MulAdd(logistic(g.at(0, u)), g.at(3, u), g.at(2, u))), logistic(g.at(1, u)), h + u);
}

void reset_row(const float* gates, const float* bias, std::int64_t width, const float* h, float* reset) {
  const FloatTag d;
  const Gates g{gates, bias, width};
  for (std::int64_t u = 0; u < width; u += kLanes) hn::StoreU(hn::Mul(logistic(g.at(0, u)), hn::LoadU(d, h + u)), d, reset + u);
}

void gru_reset_before_row(const float* gates, const float* bias, std::int64_t width, float* h) {
  const FloatTag d;
  const Gates g{gates, bias, width};
  for (std::int64_t u = 0; u < width; u += kLanes)
    blend(tanh_vector(hn::Add(g.at(2, u), hn::LoadU(d, bias + 3 * width + u))), logistic(g.at(1, u)), h + u);
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(lstm_row);
HWY_EXPORT(gru_row);
HWY_EXPORT(reset_row);
HWY_EXPORT(gru_reset_before_row);

}  // namespace

std::vector<float> pad_gates(const std::vector<float>& matrix, std::int64_t rows, std::int64_t gates, std::int64_t units) {
  const auto width = padded_units(units);
  std::vector<float> padded(static_cast<std::size_t>(rows * gates * width), 0.0f);
  for (std::int64_t block = 0; block < rows * gates; ++block)
    std::copy_n(matrix.data() + block * units, units, padded.data() + block * width);
  return padded;
}

void lstm_cells(const float* gates, const float* bias, std::int64_t width, float* c, float* h) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(lstm_row)(gates, bias, width, c, h);
}

void gru_cells(const float* gates, const float* bias, std::int64_t width, float* h) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(gru_row)(gates, bias, width, h);
}

void gru_reset(const float* gates, const float* bias, std::int64_t width, const float* h, float* reset) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(reset_row)(gates, bias, width, h, reset);
}

void gru_cells_reset_before(const float* gates, const float* bias, std::int64_t width, float* h) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(gru_reset_before_row)(gates, bias, width, h);
}

}  // namespace attnbench::kernels
#endif
