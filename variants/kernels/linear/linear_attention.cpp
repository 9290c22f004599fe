// Linear attention on panels, compiled once per instruction set: features lie as their rows do, and meet the products of
// panel_products-inl.h.
#include "variants/kernels/linear/linear_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "variants/kernels/simd/denormals.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/linear/linear_attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/linear/linear_features-inl.h"
#include "variants/kernels/linear/panel_products-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace {

// phi [count][dim, padded] of `count` rows of queries, each under its own shift.
void load_queries(Rows<const float> x, std::int64_t count, std::int64_t dim, float* phi) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float* row = x.data + i * x.stride;
    feature_row(row, dim, row_shift(row, dim), phi + i * padded(dim));
  }
}

// The same of keys, under the state's shift, which they may raise.
void load_keys(const LinearState& state, Rows<const float> x, std::int64_t count, float* phi) {
  float shift = -std::numeric_limits<float>::max();
  for (std::int64_t i = 0; i < count && shift < 0; ++i) shift = std::max(shift, row_shift(x.data + i * x.stride, state.d_qk));
  make_fit(state, shift);
  for (std::int64_t i = 0; i < count; ++i)
    feature_row(x.data + i * x.stride, state.d_qk, state.shift(), phi + i * padded(state.d_qk));
}

}  // namespace

void add_panel(const LinearState& state, Rows<const float> k, Rows<const float> v, std::int64_t count, float* scratch) {
  const FlushDenormals flush;
  const auto width = padded(state.d_qk);
  load_keys(state, k, count, scratch);
  const auto values = padded_rows(v, count, state.d_v, scratch + count * width);
  const KeyPanel keys{count, scratch, width, values.data, values.stride};
  const auto stride = padded(state.d_v);
  all_tiles(StateProduct{keys, state.sums, stride}, state.d_qk, state.d_v);
  add_feature_sums(keys, state.d_qk, state.sums + state.d_qk * stride);
}

void attend_panel(const LinearState& state, Rows<const float> q, Rows<float> out, std::int64_t count, float* scratch) {
  const FlushDenormals flush;
  const auto width = padded(state.d_qk);
  float* inverse = scratch + count * width;
  load_queries(q, count, state.d_qk, scratch);
  invert_totals(scratch, state.sums + state.d_qk * padded(state.d_v), state.d_qk, count, width, inverse);
  all_tiles(OutputProduct{state, scratch, inverse, width, out}, count, state.d_v);
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(add_panel);
HWY_EXPORT(attend_panel);

}  // namespace

std::int64_t linear_state_floats(std::int64_t d_qk, std::int64_t d_v) {
  return LinearState{d_qk, d_v, nullptr}.sum_floats() + padded(1);
}

void add_state(const LinearState& from, const LinearState& to) {
  if (from.lift() == 0) return;
  if (to.lift() == 0) return void(std::copy_n(from.sums, from.sum_floats() + 1, to.sums));
  const float shift = std::max(from.shift(), to.shift());
  const float of_from = std::exp(from.shift() - shift), of_to = std::exp(to.shift() - shift);
  for (std::int64_t i = 0; i < to.sum_floats(); ++i) to.sums[i] = of_to * to.sums[i] + of_from * from.sums[i];
  to.lift() = 1 - shift;
}

std::int64_t key_scratch_floats(std::int64_t d_qk, std::int64_t d_v, std::int64_t count) {
  return count * (padded(d_qk) + padded(d_v));
}

std::int64_t row_scratch_floats(std::int64_t d_qk, std::int64_t count) { return count * (padded(d_qk) + 1); }

void add_keys(const LinearState& state, Rows<const float> k, Rows<const float> v, std::int64_t count, float* scratch) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(add_panel)(state, k, v, count, scratch);
}

void attend(const LinearState& state, Rows<const float> q, Rows<float> out, std::int64_t count, float* scratch) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(attend_panel)(state, q, out, count, scratch);
}

}  // namespace attnbench::kernels
#endif
