// The causal recurrence with phi = elu + 1 (recurrence-inl.h): features of a run of positions under one shift, then their rows.
#include "variants/kernels/linear/linear_recurrence.h"

#include <algorithm>

#include "variants/kernels/simd/denormals.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/linear/linear_recurrence.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/linear/recurrence-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace {

void load_row(const Scan& scan, const float* row, float shift, std::int64_t line, std::int64_t t) {
  for (std::int64_t c0 = 0; c0 < scan.state.d_qk; c0 += kFeatures)
    feature_row(row + c0, std::min(kFeatures, scan.state.d_qk - c0), shift, scan.feature(c0, line, t));
}

void load_keys(const Scan& scan) {
  for (std::int64_t t = 0; t < scan.at.count; ++t) load_row(scan, scan.at.k.data + t * scan.at.k.stride, scan.state.shift(), 0, t);
}

// Queries cancel whatever they are multiplied by: each row has a shift of its own.
void load_queries(const Scan& scan, std::int64_t h) {
  for (std::int64_t t = 0; t < scan.at.count; ++t) {
    const float* row = scan.at.q.data + h * scan.at.q.head_stride + t * scan.at.q.stride;
    load_row(scan, row, row_shift(row, scan.state.d_qk), 1 + h, t);
  }
}

// Positions under one shift of the keys, which the state has.
void scan_run(const Scan& scan) {
  if (scan.has_keys()) load_keys(scan);
  grow_z(scan);
  for (std::int64_t h = 0; h < scan.at.heads; ++h) {
    load_queries(scan, h);
    invert_totals(scan, h);
  }
  all_rows(scan);
}

// How many positions from the first on can go under one shift, which the state is given. The shift depends on keys up to a position
// only, so that the future leaves no trace in the past. Once it is 0, which the first ordinary key makes it, nothing is looked at.
std::int64_t run_length(const LinearState& state, const Positions& at) {
  if (!at.k.data || state.lift() == 1) return at.count;
  make_fit(state, row_shift(at.k.data, state.d_qk));
  std::int64_t count = 1;
  while (count < at.count && (state.lift() == 1 || fits(state, row_shift(at.k.data + count * at.k.stride, state.d_qk)))) ++count;
  return count;
}

}  // namespace

void scan_all(const LinearState& state, const Positions& positions, float* scratch) {
  const FlushDenormals flush;
  for (std::int64_t begin = 0, count; begin < positions.count; begin += count) {
    const auto rest = part_of(positions, begin, positions.count - begin);
    count = run_length(state, rest);
    const auto run = part_of(rest, 0, count);
    scan_run({state, run, scratch});
  }
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(scan_all);

}  // namespace

std::int64_t scan_scratch_floats(std::int64_t d_qk, std::int64_t heads) {
  const auto blocks = (d_qk + kFeatures - 1) / kFeatures;
  return kMaxPositions * (blocks * kFeatures * (heads + 2) + heads);
}

void recurrent_scan(const LinearState& state, const Positions& positions, float* scratch) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(scan_all)(state, positions, scratch);
}

}  // namespace attnbench::kernels
#endif
