// Along the channels two rows make one complex sequence, taken apart by symmetry: F the transform of x + i y, then X_k is
// (F_k + conj F_{D-k}) / 2 and Y_k the rest over i. Along the sequence the rows lie as the vectors of a transform need them.
#include "variants/kernels/fourier/row_transforms.h"

#include <algorithm>

#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/fourier/row_transforms.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/fourier/fft-inl.h"
#include "variants/kernels/simd/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

// data [D][2][kLanes]: channel c of the rows, the first kLanes of them real parts. Missing rows are 0.
void load_rows(const TensorView<const float>& x, std::int64_t b, KeyRange rows, float* data) {
  const float* heads[kComplexLanes];
  float ones[kComplexLanes];
  std::fill_n(ones, kComplexLanes, 1.0f);
  std::fill_n(data, x.heads() * x.dim() * kComplexLanes, 0.0f);
  for (std::int64_t h = 0; h < x.heads(); ++h) {
    for (std::int64_t l = 0; l < rows.size(); ++l) heads[l] = x.row(b, h, rows.begin + l);
    rows_to_lanes(heads, ones, rows.size(), x.dim(), data + h * x.dim() * kComplexLanes, kComplexLanes);
  }
}

// parts [kept][2][kLanes]: real or imaginary parts of all rows, to their rows.
void store_rows(const float* parts, std::int64_t kept, std::int64_t rows, float* to, std::int64_t stride) {
  float* heads[kComplexLanes];
  float ones[kComplexLanes];
  std::fill_n(ones, kComplexLanes, 1.0f);
  for (std::int64_t l = 0; l < rows; ++l) heads[l] = to + l * stride;
  lanes_to_rows(parts, kComplexLanes, ones, rows, kept, heads);
}

void channels(const TensorView<const float>& x, std::int64_t b, KeyRange rows, const FftPlan& plan, const ComplexRows& to,
              float* scratch) {
  const FloatTag d;
  const auto kept = kept_channels(plan.length);
  float *re = scratch + plan.size * kComplexLanes, *im = re + kept * kComplexLanes;
  load_rows(x, b, rows, scratch);
  transform_any(scratch, plan);
  const auto half = hn::Set(d, 0.5f);
  for (std::int64_t k = 0; k < kept; ++k) {
    const auto f = load_complex(scratch + position_of(plan, k) * kComplexLanes);
    const auto g = load_complex(scratch + position_of(plan, (plan.length - k) % plan.length) * kComplexLanes);
    const auto sum = add(f, g), rest = sub(f, g);
    store_complex({hn::Mul(half, sum.re), hn::Mul(half, sum.im)}, re + k * kComplexLanes);
    store_complex({hn::Mul(half, rest.im), hn::Neg(hn::Mul(half, rest.re))}, im + k * kComplexLanes);
  }
  store_rows(re, kept, rows.size(), to.re, to.stride);
  store_rows(im, kept, rows.size(), to.im, to.stride);
}

void sequence(const ComplexRows& rows, std::int64_t first, const FftPlan& plan, float* data) {
  const FloatTag d;
  for (std::int64_t j = 0; j < plan.length; ++j) {
    const auto at = j * rows.stride + first;
    store_complex({hn::LoadU(d, rows.re + at), hn::LoadU(d, rows.im + at)}, data + j * kComplexLanes);
  }
  transform_any(data, plan);
  for (std::int64_t i = 0; i < plan.length; ++i)
    hn::StoreU(load_complex(data + position_of(plan, i) * kComplexLanes).re, d, rows.re + i * rows.stride + first);
}

std::int64_t lanes() { return kLanes; }

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(channels);
HWY_EXPORT(sequence);
HWY_EXPORT(lanes);

}  // namespace

std::int64_t most_sequences() {
  init_dispatch();
  return HWY_DYNAMIC_DISPATCH(lanes)();
}

std::int64_t most_rows() { return 2 * most_sequences(); }

void transform_channels(const TensorView<const float>& x, std::int64_t b, KeyRange rows, const FftPlan& plan, const ComplexRows& to,
                        float* scratch) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(channels)(x, b, rows, plan, to, scratch);
}

void transform_sequence(const ComplexRows& rows, std::int64_t first, const FftPlan& plan, float* scratch) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(sequence)(rows, first, plan, scratch);
}

std::int64_t transform_floats(const FftPlan& plan) { return (plan.size + 2 * kept_channels(plan.length)) * 2 * kMostLanes; }

}  // namespace attnbench::kernels
#endif
