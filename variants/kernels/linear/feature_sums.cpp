// The sums of any feature map, compiled once per instruction set: features under their shifts, then the products of
// panel_products-inl.h or, causally, the recurrence of recurrence-inl.h.
#include "variants/kernels/linear/feature_sums.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "variants/kernels/simd/denormals.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/linear/feature_sums.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/linear/panel_products-inl.h"
#include "variants/kernels/linear/recurrence-inl.h"

#ifndef ATTNBENCH_FEATURE_STATE
#define ATTNBENCH_FEATURE_STATE
namespace attnbench::kernels {

constexpr float kRoom = 20;  // a key may be e^20 above its shift: far from float32's end, whatever their number

// S, z as in LinearState; then the shift of each feature, and 1 once there are keys.
struct FeatureState {
  FeatureForm form;
  LinearState sums;
  bool by_position;  // S is laid out as the recurrence has it, a block of columns after the other; else row by row

  std::int64_t features() const { return sums.d_qk; }
  float* z() const { return sums.sums + features() * padded(sums.d_v); }
  float* shift() const { return z() + padded(features()); }
  float& filled() const { return shift()[padded(features())]; }
  static std::int64_t floats(std::int64_t features, std::int64_t d_v) {
    return features * padded(d_v) + 2 * padded(features) + padded(1);
  }
};

// Features of the keys at some positions and of the rows of each head, head_stride floats from head to head.
struct PositionFeatures {
  FeaturePanel keys, queries;
  std::int64_t head_stride;
};

}  // namespace attnbench::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace {

// ---- Shifts --------------------------------------------------------------------------------------------------------------

// to = factor to + share from, for row r of S and z_r of both.
void mix_feature(const FeatureState& to, std::int64_t r, float factor, const FeatureState& from, float share) {
  to.z()[r] = factor * to.z()[r] + share * from.z()[r];
  const auto width = padded(to.sums.d_v), run = to.by_position ? kLanes : width;  // floats that lie together
  for (std::int64_t c = 0; c < width; c += run)
    for (std::int64_t l = 0; l < run; ++l) {
      const auto at = c * to.features() + r * run + l;
      to.sums.sums[at] = factor * to.sums.sums[at] + share * from.sums.sums[at];
    }
}

// Raises each shift that top [features] is too far above.
void raise_shifts(const FeatureState& state, const float* top) {
  float* shift = state.shift();
  if (state.filled() == 0) {
    std::copy_n(top, state.features(), shift);
    state.filled() = 1;
    return;
  }
  for (std::int64_t r = 0; r < state.features(); ++r) {
    if (!(top[r] > shift[r] + kRoom)) continue;
    mix_feature(state, r, std::exp(shift[r] - top[r]), state, 0);
    shift[r] = top[r];
  }
}

// Whether a key with these logarithms can join the sums as they are.
bool fits(const FeatureState& state, const float* logs) {
  const FloatTag d;
  const float* shift = state.shift();
  if (state.filled() == 0) return false;
  for (std::int64_t c = 0; c < state.features(); c += kLanes)
    if (!hn::AllFalse(d, hn::Gt(hn::LoadU(d, logs + c), hn::Add(hn::LoadU(d, shift + c), hn::Set(d, kRoom))))) return false;
  return true;
}

bool fits(const FeatureState& state, float log) { return state.filled() != 0 && !(log > state.shift()[0] + kRoom); }

// One logarithm for all features.
void raise_shifts(const FeatureState& state, float log, float* top) {
  if (fits(state, log)) return;
  std::fill_n(top, state.features(), log);
  raise_shifts(state, top);
}

// Raises the shifts for a panel of keys; top [features, padded] is scratch.
void fit_panel(const FeatureState& state, const FeaturePanel& keys, std::int64_t count, float* top) {
  const FloatTag d;
  if (state.form == FeatureForm::values) return raise_shifts(state, *std::max_element(keys.logs, keys.logs + count), top);
  for (std::int64_t c = 0; c < state.features(); c += kLanes) {
    auto most = hn::LoadU(d, keys.phi + c);
    for (std::int64_t t = 1; t < count; ++t) most = hn::Max(most, hn::LoadU(d, keys.phi + t * keys.stride + c));
    hn::StoreU(most, d, top + c);
  }
  if (!fits(state, top)) raise_shifts(state, top);
}

// ---- Features ------------------------------------------------------------------------------------------------------------

// What stands behind the last feature of a row, up to the end of its vectors: nothing, whatever becomes of it.
void end_row(const FeatureState& state, float* row) {
  std::fill(row + state.features(), row + padded(state.features()),
            state.form == FeatureForm::values ? 0.0f : std::numeric_limits<float>::lowest());
}

// Features of a row go to where `to(c)` says for those from c on.
template <class To>
HWY_INLINE void key_features(const FeatureState& state, const float* row, float log, To to) {
  const FloatTag d;
  const float* shift = state.shift();
  if (state.form == FeatureForm::values) {
    const auto factor = hn::Set(d, log == shift[0] ? 1.0f : std::exp(log - shift[0]));
    for (std::int64_t c = 0; c < state.features(); c += kLanes) hn::StoreU(hn::Mul(factor, hn::LoadU(d, row + c)), d, to(c));
  } else {
    for (std::int64_t c = 0; c < state.features(); c += kLanes)
      hn::StoreU(exp_vector(hn::Sub(hn::LoadU(d, row + c), hn::LoadU(d, shift + c))), d, to(c));
  }
}

// softmax(row) / z
template <class To>
HWY_INLINE void softmax_features(const FeatureState& state, const float* row, To to) {
  const FloatTag d;
  const float* z = state.z();
  auto most = hn::LoadU(d, row), total = hn::Zero(d);
  for (std::int64_t c = kLanes; c < state.features(); c += kLanes) most = hn::Max(most, hn::LoadU(d, row + c));
  const auto top = hn::Set(d, max_of_lanes(most));
  for (std::int64_t c = 0; c < state.features(); c += kLanes) {
    const auto weight = exp_vector(hn::Sub(hn::LoadU(d, row + c), top));
    total = hn::Add(total, weight);
    hn::StoreU(weight, d, to(c));
  }
  const auto inverse = hn::Set(d, 1 / hn::GetLane(hn::SumOfLanes(d, total)));
  for (std::int64_t c = 0; c < state.features(); c += kLanes) {
    const auto sum = hn::LoadU(d, z + c);
    const auto mean = hn::IfThenZeroElse(hn::Eq(sum, hn::Zero(d)), hn::Div(inverse, sum));
    hn::StoreU(hn::Mul(hn::LoadU(d, to(c)), mean), d, to(c));
  }
}

template <class To>
HWY_INLINE void query_features(const FeatureState& state, const float* row, To to) {
  const FloatTag d;
  if (state.form == FeatureForm::softmax) return softmax_features(state, row, to);
  if (state.form == FeatureForm::values) {
    for (std::int64_t c = 0; c < state.features(); c += kLanes) hn::StoreU(hn::LoadU(d, row + c), d, to(c));
    return;
  }
  const float* shift = state.shift();
  auto most = hn::Add(hn::LoadU(d, row), hn::LoadU(d, shift));
  for (std::int64_t c = kLanes; c < state.features(); c += kLanes)
    most = hn::Max(most, hn::Add(hn::LoadU(d, row + c), hn::LoadU(d, shift + c)));
  const auto top = hn::Set(d, max_of_lanes(most));
  for (std::int64_t c = 0; c < state.features(); c += kLanes)
    hn::StoreU(exp_vector(hn::Sub(hn::Add(hn::LoadU(d, row + c), hn::LoadU(d, shift + c)), top)), d, to(c));
}

// ---- Positions in sequence -----------------------------------------------------------------------------------------------

// How many positions from the first on can go under the shifts that the first key leaves.
std::int64_t run_length(const FeatureState& state, const Scan& scan, const FeaturePanel& keys, std::int64_t begin, float* top) {
  if (!scan.has_keys()) return scan.at.count;
  const bool values = state.form == FeatureForm::values;
  const float* first = keys.phi + begin * keys.stride;
  if (values) raise_shifts(state, keys.logs[begin], top);
  else if (!fits(state, first)) raise_shifts(state, first);
  std::int64_t count = 1;
  while (count < scan.at.count && (values ? fits(state, keys.logs[begin + count]) : fits(state, first + count * keys.stride)))
    ++count;
  return count;
}

void load_run(const FeatureState& state, const Scan& scan, const PositionFeatures& features, std::int64_t begin) {
  const auto& [keys, queries, head_stride] = features;
  for (std::int64_t t = 0; t < scan.at.count && scan.has_keys(); ++t)
    key_features(state, keys.phi + (begin + t) * keys.stride, keys.logs[begin + t],
                 [&](std::int64_t c) { return scan.feature(c, 0, t); });
  for (std::int64_t h = 0; h < scan.at.heads; ++h)
    for (std::int64_t t = 0; t < scan.at.count; ++t)
      query_features(state, queries.phi + h * head_stride + (begin + t) * queries.stride,
                     [&](std::int64_t c) { return scan.feature(c, 1 + h, t); });
}

}  // namespace

void add_feature_panel(const FeatureState& state, const FeaturePanel& keys, Rows<const float> v, std::int64_t count,
                       float* scratch) {
  const FlushDenormals flush;
  const auto width = padded(state.features()), stride = padded(state.sums.d_v);
  for (std::int64_t t = 0; t < count; ++t) end_row(state, keys.phi + t * keys.stride);
  fit_panel(state, keys, count, scratch);
  for (std::int64_t t = 0; t < count; ++t) {
    float* row = keys.phi + t * keys.stride;
    key_features(state, row, keys.logs[t], [&](std::int64_t c) { return row + c; });
  }
  const auto values = padded_rows(v, count, state.sums.d_v, scratch + width);
  const KeyPanel panel{count, keys.phi, keys.stride, values.data, values.stride};
  all_tiles(StateProduct{panel, state.sums.sums, stride}, state.features(), state.sums.d_v);
  add_feature_sums(panel, state.features(), state.z());
}

void attend_feature_panel(const FeatureState& state, const FeaturePanel& queries, Rows<float> out, std::int64_t count,
                          float* inverse) {
  const FlushDenormals flush;
  for (std::int64_t t = 0; t < count; ++t) {
    float* row = queries.phi + t * queries.stride;
    end_row(state, row);
    query_features(state, row, [&](std::int64_t c) { return row + c; });
  }
  invert_totals(queries.phi, state.z(), state.features(), count, queries.stride, inverse);
  all_tiles(OutputProduct{state.sums, queries.phi, inverse, queries.stride, out}, count, state.sums.d_v);
}

void scan_features(const FeatureState& state, const Positions& positions, const PositionFeatures& features, float* scratch) {
  const FlushDenormals flush;
  const auto& [keys, queries, head_stride] = features;
  for (std::int64_t t = 0; t < positions.count; ++t) {
    if (positions.k.data) end_row(state, keys.phi + t * keys.stride);
    for (std::int64_t h = 0; h < positions.heads; ++h) end_row(state, queries.phi + h * head_stride + t * queries.stride);
  }
  float* top = scratch + scan_scratch_floats(state.features(), positions.heads);
  for (std::int64_t begin = 0, count; begin < positions.count; begin += count) {
    auto rest = part_of(positions, begin, positions.count - begin);
    count = run_length(state, {state.sums, rest, scratch}, keys, begin, top);
    rest.count = count;
    const Scan scan{state.sums, rest, scratch};
    load_run(state, scan, features, begin);
    grow_z(scan);
    for (std::int64_t h = 0; h < rest.heads; ++h) invert_totals(scan, h);
    all_rows(scan);
  }
}

// Both under the larger of their shifts.
void join_features(const FeatureState& from, const FeatureState& to) {
  if (from.filled() == 0) return;
  if (to.filled() == 0)
    return void(std::copy_n(from.sums.sums, FeatureState::floats(from.features(), from.sums.d_v), to.sums.sums));
  for (std::int64_t r = 0; r < from.features(); ++r) {
    const float a = from.shift()[r], b = to.shift()[r], shift = std::max(a, b);
    mix_feature(to, r, std::exp(b - shift), from, std::exp(a - shift));
    to.shift()[r] = shift;
  }
}

// to = x w, or to += x w, for some of the channels.
struct ProjectionProduct {
  const Projection& by;
  Rows<const float> x;
  std::int64_t begin, count;  // channels
  float* to;
  std::int64_t stride;

  template <int R, int V>
  void tile(std::int64_t row, std::int64_t column) const {
    const FloatTag d;
    const auto w_stride = feature_stride(by.columns);
    FloatVec sum[R][V];
    clear(sum);
    multiply_add({x.data + row * x.stride + begin, x.stride, 1}, by.w + begin * w_stride + column, w_stride, count, sum);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        float* at = to + (row + r) * stride + column + v * kLanes;
        hn::StoreU(begin == 0 ? sum[r][v] : hn::Add(hn::LoadU(d, at), sum[r][v]), d, at);
      }
  }
};

// Channels are summed in parts, each from zero: an exponential shows the rounding error of the whole sum, which grows with the size
// that its parts have on the way.
constexpr std::int64_t kChannels = 32;

void project_panel(const Projection& by, Rows<const float> x, std::int64_t count, float* to, std::int64_t stride) {
  const FloatTag d;
  const FlushDenormals flush;
  for (std::int64_t c = 0; c < by.dim; c += kChannels)
    all_tiles(ProjectionProduct{by, x, c, std::min(kChannels, by.dim - c), to, stride}, count, by.columns);
  if (by.norm_factor == 0) return;
  for (std::int64_t t = 0; t < count; ++t) {
    auto squares = hn::Zero(d);
    for (std::int64_t c = 0; c < by.dim; c += kLanes) {
      const auto part = load_within(x.data + t * x.stride + c, by.dim - c);
      squares = hn::MulAdd(part, part, squares);
    }
    const auto norm = hn::Set(d, by.norm_factor * hn::GetLane(hn::SumOfLanes(d, squares)));
    float* row = to + t * stride;
    for (std::int64_t c = 0; c < by.columns; c += kLanes) hn::StoreU(hn::Add(hn::LoadU(d, row + c), norm), d, row + c);
  }
}

void quadratic_panel(const QuadraticFeatures& by, Rows<const float> x, std::int64_t count, float* to, std::int64_t stride) {
  const FloatTag d;
  const FlushDenormals flush;
  const auto features = 1 + by.dim + by.dim * (by.dim + 1) / 2;
  HWY_ALIGN float row[kMostQuadratic + kLanes] = {};  // zeros behind it
  for (std::int64_t t = 0; t < count; ++t) {
    float* phi = to + t * stride;
    std::copy_n(x.data + t * x.stride, by.dim, row);
    phi[0] = 1;
    // factor x[first...] at phi + at; what a whole vector writes too much is written over by what follows.
    std::int64_t at = 1;
    const auto append = [&](std::int64_t first, float factor) {
      for (std::int64_t c = first; c < by.dim; c += kLanes) {
        const auto product = hn::Mul(hn::LoadU(d, row + c), hn::Set(d, factor));
        store_within(product, phi + at + c - first, features - at - (c - first));
      }
      at += by.dim - first;
    };
    append(0, by.linear);
    for (std::int64_t a = 0; a < by.dim; ++a) {
      const auto begin = at;
      append(a, by.cross * row[a]);
      phi[begin] = by.square * row[a] * row[a];
    }
  }
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(add_feature_panel);
HWY_EXPORT(attend_feature_panel);
HWY_EXPORT(scan_features);
HWY_EXPORT(join_features);
HWY_EXPORT(project_panel);
HWY_EXPORT(quadratic_panel);

// Where a panel of `rows` rows lies, and what follows it.
struct PanelScratch {
  FeaturePanel panel;
  float* rest;
};

std::int64_t panel_floats(std::int64_t features, std::int64_t rows) { return rows * feature_stride(features) + padded(rows); }

PanelScratch panel_in(float* scratch, std::int64_t features, std::int64_t rows) {
  const auto stride = feature_stride(features);
  float* logs = scratch + rows * stride;
  std::fill_n(logs, rows, 0.0f);
  return {{scratch, stride, logs}, scratch + panel_floats(features, rows)};
}

}  // namespace

std::int64_t FeatureSums::state_floats() const { return FeatureState::floats(features_, d_v_); }

// What a panel's products take beside it: of keys, a row of logarithms and a copy of the values; of queries, their sums.
std::int64_t FeatureSums::scratch_floats(bool causal) const {
  const auto map = padded(map_.scratch_floats()), row = padded(features_);
  if (causal)
    return (1 + heads_) * panel_floats(features_, kMaxPositions) +
           std::max(map, padded(scan_scratch_floats(features_, heads_)) + row);
  return panel_floats(features_, kMaxLinearPanel) + std::max({map, row + kMaxLinearPanel * padded(d_v_), kMaxLinearPanel});
}

void FeatureSums::add_keys(float* state, PanelRows<const float> k, Rows<const float> v, std::int64_t count, float* scratch) const {
  init_dispatch();
  const auto [panel, rest] = panel_in(scratch, features_, kMaxLinearPanel);
  map_.keys(k, count, panel, rest);
  HWY_DYNAMIC_DISPATCH(add_feature_panel)({map_.form(), {features_, d_v_, state}, false}, panel, v, count, rest);
}

void FeatureSums::attend(float* state, PanelRows<const float> q, Rows<float> out, std::int64_t count, float* scratch) const {
  init_dispatch();
  const auto [panel, rest] = panel_in(scratch, features_, kMaxLinearPanel);
  map_.queries(q, count, panel, rest);
  HWY_DYNAMIC_DISPATCH(attend_feature_panel)({map_.form(), {features_, d_v_, state}, false}, panel, out, count, rest);
}

void FeatureSums::scan(float* state, const Positions& at, std::int64_t first, float* scratch) const {
  init_dispatch();
  const auto head_stride = panel_floats(features_, kMaxPositions);
  const auto keys = panel_in(scratch, features_, kMaxPositions), queries = panel_in(keys.rest, features_, kMaxPositions);
  float* rest = keys.rest + heads_ * head_stride;
  if (at.k.data) map_.keys({at.k, first}, at.count, keys.panel, rest);
  for (std::int64_t h = 0; h < at.heads; ++h)
    map_.queries({{at.q.data + h * at.q.head_stride, at.q.stride}, first}, at.count,
                 panel_in(keys.rest + h * head_stride, features_, kMaxPositions).panel, rest);
  HWY_DYNAMIC_DISPATCH(scan_features)
  ({map_.form(), {features_, d_v_, state}, true}, at, {keys.panel, queries.panel, head_stride}, rest);
}

void FeatureSums::join(float* from, float* to, bool causal) const {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(join_features)
  ({map_.form(), {features_, d_v_, from}, causal}, {map_.form(), {features_, d_v_, to}, causal});
}

void project(const Projection& projection, Rows<const float> x, std::int64_t count, float* to, std::int64_t stride) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(project_panel)(projection, x, count, to, stride);
}

void quadratic_features(const QuadraticFeatures& by, Rows<const float> x, std::int64_t count, float* to, std::int64_t stride) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(quadratic_panel)(by, x, count, to, stride);
}

}  // namespace attnbench::kernels
#endif
