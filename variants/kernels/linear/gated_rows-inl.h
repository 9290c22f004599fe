// Recurrences with a matrix state, for the code of one Highway target: the lines that keys, decays and queries of a call are read
// into, all that later passes need from them kept a constant apart. The whole is described in gated_recurrence.cpp.
#if defined(ATTNBENCH_GATED_ROWS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_GATED_ROWS_INL
#undef ATTNBENCH_GATED_ROWS_INL
#else
#define ATTNBENCH_GATED_ROWS_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "variants/kernels/linear/gated_recurrence.h"
#include "variants/kernels/linear/linear_features-inl.h"
#include "variants/kernels/simd/transpose-inl.h"

#ifndef ATTNBENCH_GATED_RECURRENCE
#define ATTNBENCH_GATED_RECURRENCE
namespace attnbench::kernels {

constexpr std::int64_t kBlockDims = 64;  // of a line that lie together

// Lines of d_qk floats, [d_qk / kBlockDims][line][kBlockDims], so that the lines of a group lie a constant apart and one pointer
// reaches them all; then small squares of weights.
struct RecurrentCall {
  const Recurrence& rule;
  MatrixState& state;
  const Positions& at;
  Rows<const float> log_decay;
  const PositionFactors& factors;
  float* scratch;

  bool has_keys() const { return at.k.data != nullptr; }
  // A position is one step, or two: the first erases, the second writes and is read.
  bool in_pairs() const { return rule.two_steps && has_keys(); }
  std::int64_t steps() const { return in_pairs() ? 2 * at.count : at.count; }
  std::int64_t position(std::int64_t step) const { return in_pairs() ? step / 2 : step; }
  bool has_row(std::int64_t step) const { return step < steps() && (!in_pairs() || step % 2 == 1); }
  std::int64_t d_qk() const { return state.d_qk; }
};

// kMaxPositions each of keys, decays, updates and erasing reads, queries of each head, and a total decay per group of 2 or more.
// The bonus comes last.
constexpr std::int64_t line_count(std::int64_t heads) { return kMaxPositions * (4 + heads) + kMaxPositions / 2 + 1; }

}  // namespace attnbench::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace {

constexpr int T = kBlocking.registers == 32 ? 4 : 2;  // positions of a group
constexpr int kGroups = kMaxPositions / T;

// ---- Where things lie ----------------------------------------------------------------------------------------------------

// Lines of one group: T updates and their total decay; T erasing reads, then T queries of each head.
struct Lines {
  const RecurrentCall& call;
  std::int64_t count, per_group;

  explicit Lines(const RecurrentCall& c) : call(c), count(line_count(c.at.heads)), per_group((2 + c.at.heads) * T + 1) {}

  float* line(std::int64_t c, std::int64_t index) const {
    return call.scratch + (c / kBlockDims * count + index) * kBlockDims + c % kBlockDims;
  }
  float* key(std::int64_t c, std::int64_t g) const { return line(c, g * T); }
  float* decay(std::int64_t c, std::int64_t g) const { return line(c, kMaxPositions + g * T); }
  float* update(std::int64_t c, std::int64_t g) const { return line(c, 2 * kMaxPositions + g * per_group); }
  float* total(std::int64_t c, std::int64_t g) const { return update(c, g) + T * kBlockDims; }
  float* erase(std::int64_t c, std::int64_t g) const { return update(c, g) + (T + 1) * kBlockDims; }
  float* query(std::int64_t c, std::int64_t g, std::int64_t h) const { return erase(c, g) + (h + 1) * T * kBlockDims; }

  float* bonus(std::int64_t c) const { return line(c, count - 1); }

  // Squares [T][T], lower triangles; then what each row is multiplied by, [head][position].
  float* squares() const { return call.scratch + (call.d_qk() + kBlockDims - 1) / kBlockDims * count * kBlockDims; }
  float* solved(std::int64_t g) const { return squares() + g * T * T; }
  float* scores(std::int64_t g, std::int64_t h) const { return squares() + (kGroups * (h + 1) + g) * T * T; }
  float* inverse(std::int64_t h) const { return squares() + ((call.at.heads + 1) * T + h) * kMaxPositions; }
};

template <class F>
HWY_INLINE void for_blocks(std::int64_t d_qk, F f) {
  for (std::int64_t c0 = 0; c0 < d_qk; c0 += kBlockDims) f(c0, std::min(kBlockDims, d_qk - c0));
}

// ---- Sums over d_qk ------------------------------------------------------------------------------------------------------

// sums[i] = sum of the lanes of x[i] for i < 4.
HWY_INLINE void sum_lanes_of_4(FloatVec* x, float* sums) {
  [[maybe_unused]] const FloatTag d;
#if HWY_TARGET == HWY_SCALAR
  for (int i = 0; i < 4; ++i) sums[i] = hn::GetLane(x[i]);
#else
  transpose_in_blocks(x);
  const auto by_block = hn::Add(hn::Add(x[0], x[1]), hn::Add(x[2], x[3]));
  HWY_ALIGN float lanes[kLanes];
  hn::Store(by_block, d, lanes);
  for (int i = 0; i < 4; ++i) {
    sums[i] = lanes[i];
    for (int b = 1; b < kLanes / 4; ++b) sums[i] += lanes[4 * b + i];
  }
#endif
}

// ---- Rows into lines -----------------------------------------------------------------------------------------------------

// 1 / sqrt(|row|^2 + 1e-6) of up to kMaxPositions rows.
void inverse_norms(const float* row, std::int64_t stride, std::int64_t count, std::int64_t d_qk, float* inverse) {
  const FloatTag d;
  for (std::int64_t t = 0; t < count; t += 4) {
    FloatVec sum[4];
    for (int i = 0; i < 4; ++i) {
      sum[i] = hn::Zero(d);
      const float* from = row + std::min(t + i, count - 1) * stride;
      for (std::int64_t c = 0; c < d_qk; c += kLanes) {
        const auto x = load_within(from + c, d_qk - c);
        sum[i] = hn::MulAdd(x, x, sum[i]);
      }
    }
    sum_lanes_of_4(sum, inverse + t);
  }
  for (std::int64_t t = 0; t < count; ++t) inverse[t] = 1 / std::sqrt(inverse[t] + 1e-6f);
}

// line[step] = factor[t] row[t] of the step's position t, 0 beyond d_qk, where a step has no row and, up to whole groups, beyond
// the last.
template <class Target>
HWY_INLINE void load_rows(const Lines& lines, const float* row, std::int64_t stride, const float* factor, Target target) {
  const FloatTag d;
  const auto& call = lines.call;
  for (std::int64_t step = 0; step < (call.steps() + T - 1) / T * T; ++step)
    for_blocks(call.d_qk(), [&](std::int64_t c0, std::int64_t size) HWY_ATTR {
      float* to = target(c0, step);
      if (!call.has_row(step)) {
        std::fill_n(to, kBlockDims, 0.0f);
        return;
      }
      const auto t = call.position(step);
      const float* from = row + t * stride + c0;
      const auto f = hn::Set(d, factor[t]);
      for (std::int64_t c = 0; c < size; c += kLanes) hn::StoreU(hn::Mul(load_within(from + c, size - c), f), d, to + c);
    });
}

// 1 - e^g without cancellation: by its series near 0.
HWY_INLINE FloatVec one_minus_exp(FloatVec g, FloatVec e) {
  const FloatTag d;
  auto p = hn::Set(d, 1.0f / 720);
  for (const float factor : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f}) p = hn::MulAdd(p, g, hn::Set(d, factor));
  return hn::IfThenElse(hn::Gt(g, hn::Set(d, -0.25f)), hn::Neg(hn::Mul(p, g)), hn::Sub(hn::Set(d, 1.0f), e));
}

// e^g of a row, and 1 - e^g as its key where the rule says so. Lanes beyond d_qk decay to 1 and have no key.
void load_channel_decays(const Lines& lines) {
  const FloatTag d;
  const auto& call = lines.call;
  const bool as_keys = call.rule.keys == KeyForm::one_minus_decay;
  for (std::int64_t t = 0; t < call.at.count; ++t)
    for_blocks(call.d_qk(), [&](std::int64_t c0, std::int64_t size) HWY_ATTR {
      const float* from = call.log_decay.data + t * call.log_decay.stride + c0;
      float *to = lines.decay(c0, 0) + t * kBlockDims, *key = lines.key(c0, 0) + t * kBlockDims;
      for (std::int64_t c = 0; c < size; c += kLanes) {
        const auto g = load_within(from + c, size - c), e = exp_vector(g);
        hn::StoreU(e, d, to + c);
        if (as_keys) hn::StoreU(hn::Mul(one_minus_exp(g, e), hn::Set(d, call.factors.weight[t])), d, key + c);
      }
    });
}

void fill_decay(const Lines& lines, std::int64_t t, float value) {
  for_blocks(lines.call.d_qk(),
             [&](std::int64_t c0, std::int64_t) { std::fill_n(lines.decay(c0, 0) + t * kBlockDims, kBlockDims, value); });
}

void load_bonus(const Lines& lines) {
  for_blocks(lines.call.d_qk(), [&](std::int64_t c0, std::int64_t size) {
    std::fill(std::copy_n(lines.call.factors.bonus + c0, size, lines.bonus(c0)), lines.bonus(c0) + kBlockDims, 0.0f);
  });
}

// A position's two steps: what erases reads by a_t and writes by a_t o rate, and S fades; then k'_t is written.
void load_pairs(const Lines& lines) {
  const FloatTag d;
  const auto& call = lines.call;
  const auto k = call.at.k, rates = call.factors.rates;
  float inverse[kMaxPositions];
  inverse_norms(k.data, k.stride, call.at.count, call.d_qk(), inverse);
  const auto one = hn::Set(d, 1.0f), mix = hn::Set(d, call.factors.mix);
  for (std::int64_t t = 0; t < call.at.count; ++t)
    for_blocks(call.d_qk(), [&](std::int64_t c0, std::int64_t size) HWY_ATTR {
      const auto g = 2 * t / T, first = 2 * t % T * kBlockDims;
      float *key = lines.key(c0, g) + first, *erase = lines.erase(c0, g) + first, *decay = lines.decay(c0, g) + first;
      std::fill_n(erase + kBlockDims, kBlockDims, 0.0f);
      std::fill_n(decay + kBlockDims, kBlockDims, 1.0f);
      for (std::int64_t c = 0; c < size; c += kLanes) {
        const auto x = load_within(k.data + t * k.stride + c0 + c, size - c);
        const auto rate = load_within(rates.data + t * rates.stride + c0 + c, size - c);
        const auto unit = hn::Mul(x, hn::Set(d, inverse[t]));
        const auto log_decay = load_within(call.log_decay.data + t * call.log_decay.stride + c0 + c, size - c);
        hn::StoreU(exp_vector(log_decay), d, decay + c);
        hn::StoreU(unit, d, erase + c);
        hn::StoreU(hn::Mul(unit, rate), d, key + c);
        hn::StoreU(hn::Mul(x, hn::MulAdd(mix, hn::Sub(rate, one), one)), d, key + kBlockDims + c);
      }
    });
  for (auto step = call.steps(); step % T != 0; ++step)
    for_blocks(call.d_qk(), [&](std::int64_t c0, std::int64_t) {
      const auto at = step % T * kBlockDims;
      for (float* line : {lines.key(c0, step / T) + at, lines.erase(c0, step / T) + at}) std::fill_n(line, kBlockDims, 0.0f);
      std::fill_n(lines.decay(c0, step / T) + at, kBlockDims, 1.0f);
    });
}

void load_keys(const Lines& lines) {
  const auto& call = lines.call;
  const auto count = call.at.count, whole = (count + T - 1) / T * T;
  float factor[kMaxPositions];
  std::fill_n(factor, kMaxPositions, 1.0f);
  const auto& k = call.at.k;
  if (call.rule.keys == KeyForm::unit) inverse_norms(k.data, k.stride, count, call.d_qk(), factor);
  if (!call.rule.erase)
    for (std::int64_t t = 0; t < count; ++t) factor[t] *= call.factors.weight[t];
  load_rows(lines, k.data, k.stride, factor,
            [&](std::int64_t c, std::int64_t step) { return lines.key(c, 0) + step * kBlockDims; });
  if (call.rule.read_first) load_bonus(lines);
  if (call.rule.decay == Decay::channel) load_channel_decays(lines);
  else
    for (std::int64_t t = 0; t < count; ++t)
      fill_decay(lines, t, call.rule.decay == Decay::none ? 1.0f : static_cast<float>(call.factors.decay[t]));
  for (auto t = count; t < whole; ++t) fill_decay(lines, t, 1.0f);
}

void load_queries(const Lines& lines, std::int64_t h) {
  const auto& [rule, state, at, log_decay, factors, scratch] = lines.call;
  float factor[kMaxPositions];
  std::fill_n(factor, kMaxPositions, 1.0f);
  const float* q = at.q.data + h * at.q.head_stride;
  if (rule.unit_queries) inverse_norms(q, at.q.stride, at.count, state.d_qk, factor);
  for (float& f : factor) f *= rule.scale;
  load_rows(lines, q, at.q.stride, factor,
            [&](std::int64_t c, std::int64_t step) { return lines.query(c, step / T, h) + step % T * kBlockDims; });
}

}  // namespace
}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
