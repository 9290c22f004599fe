// The recurrences on groups of T positions: within a group what the positions are to each other is worked out once, in squares of
// T x T weights, and S passes through the registers once per group.
//
// Let P_t be the product of the decays from the group's first position up to t, and x_tj key j decayed from its own position to t.
// In the group that finds S
//
//   o_t = (P_t q_t)^T S + sum_{j <= t} (q_t . x_tj) u_j,     S <- P_T S + sum_j x_Tj u_j^T,     u = v
//
// and with the delta rule u = M V - (M K') S, where row t of K' is P_t k_t and M = (I + diag(b) L)^-1 diag(b), L_tj = k_t . x_tj
// below the diagonal (Yang et al. 2024, Parallelizing Linear Transformers with the Delta Rule, section 3.2, at a chunk of T).
// Decays only ever multiply, none is divided out: e^g may be 0.
//
// Vectors run along d_v. A block of columns of S, 2 vectors x d_qk (AVX-512, d 64: 8 KB), goes through all positions of a call
// before the next; per row of S a step reads T queries, with the delta rule T rows of M K' as well, and takes T keys in: 2 T or 3 T
// multiply-adds and one product by the decay for one load and one store of S. The update of the delta rule, which has to wait for
// u, rides on the next group's pass.
//
// Register budget in vectors, T 4 of 32 registers, 2 vectors of columns: 8 sums (16 with the delta rule, or of two heads) + 8 of u
// + 2 of S + 1 broadcast = 19 or 27. T 2 of 16 registers: 4 (8) + 4 + 2 + 1 = 11 or 15.
#include "variants/kernels/linear/gated_recurrence.h"

#include <algorithm>
#include <cmath>

#include "variants/kernels/simd/denormals.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/linear/gated_recurrence.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

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

// line[t] = factor[t] row[t], 0 beyond d_qk and, up to whole groups, beyond the last row.
template <class Target>
HWY_INLINE void load_rows(const Lines& lines, const float* row, std::int64_t stride, const float* factor, Target target) {
  const FloatTag d;
  const auto d_qk = lines.call.d_qk(), count = lines.call.at.count;
  for (std::int64_t t = 0; t < (count + T - 1) / T * T; ++t)
    for_blocks(d_qk, [&](std::int64_t c0, std::int64_t size) HWY_ATTR {
      float* to = target(c0, t);
      if (t >= count) {
        std::fill_n(to, kBlockDims, 0.0f);
        return;
      }
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

void load_keys(const Lines& lines) {
  const auto& call = lines.call;
  const auto count = call.at.count, whole = (count + T - 1) / T * T;
  float factor[kMaxPositions];
  std::fill_n(factor, kMaxPositions, 1.0f);
  const auto& k = call.at.k;
  if (call.rule.keys == KeyForm::unit) inverse_norms(k.data, k.stride, count, call.d_qk(), factor);
  if (!call.rule.erase)
    for (std::int64_t t = 0; t < count; ++t) factor[t] *= call.factors.weight[t];
  load_rows(lines, k.data, k.stride, factor, [&](std::int64_t c, std::int64_t t) { return lines.key(c, 0) + t * kBlockDims; });
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
            [&](std::int64_t c, std::int64_t t) { return lines.query(c, t / T, h) + t % T * kBlockDims; });
}

// ---- What the positions of a group are to each other ---------------------------------------------------------------------

// The lower triangle of a square, diagonal first row by row, from vectors whose lanes have to be summed.
struct Triangle {
  FloatVec part[T][T];
  HWY_ATTR Triangle() {
    for (auto& row : part)
      for (auto& x : row) x = hn::Zero(FloatTag());
  }
  void sum(float* square) {
    for (int t = 0; t < T; ++t)
      if constexpr (T % 4 == 0) sum_lanes_of_4(part[t], square + t * T);
      else
        for (int j = 0; j <= t; ++j) square[t * T + j] = hn::GetLane(hn::SumOfLanes(FloatTag(), part[t][j]));
  }
};

// What the walk through a group is to do at the vector of channels that it is at.
enum class Read { none, after, before };  // a row reads the state after its own key has changed it, or before

// x[j] is key j, decayed from its own position to position t; on the way
//   score[t][j]    q_t . x_j          query line t   q_t decayed from the group's start
//   overlap[t][j]  k_t . x_j, j < t   erase line t   k_t decayed from the group's start
// and at the end update line j is x_j, total the decay of the whole group. A row that reads before is spared its own decay, and its
// own key counts by the bonus.
template <Read kRead, bool kFirst, bool kErase>
HWY_INLINE void meet_vector(float* key, const float* decay, float* update, float* query, const float* bonus, Triangle& score,
                            Triangle& overlap) {
  const FloatTag d;
  FloatVec x[T], prefix = hn::Set(d, 1.0f);
#pragma GCC unroll 4
  for (int t = 0; t < T; ++t) {
    const auto a = hn::LoadU(d, decay + t * kBlockDims);
    x[t] = hn::LoadU(d, key + t * kBlockDims);
    if constexpr (kRead == Read::before) {
      const auto q = hn::LoadU(d, query + t * kBlockDims);
#pragma GCC unroll 4
      for (int j = 0; j < t; ++j) score.part[t][j] = hn::MulAdd(q, x[j], score.part[t][j]);
      score.part[t][t] = hn::MulAdd(q, hn::Mul(x[t], hn::LoadU(d, bonus)), score.part[t][t]);
      hn::StoreU(hn::Mul(q, prefix), d, query + t * kBlockDims);
    }
    prefix = hn::Mul(prefix, a);
#pragma GCC unroll 4
    for (int j = 0; j < t; ++j) x[j] = hn::Mul(x[j], a);
    if constexpr (kErase && kFirst) {
#pragma GCC unroll 4
      for (int j = 0; j < t; ++j) overlap.part[t][j] = hn::MulAdd(x[t], x[j], overlap.part[t][j]);
      hn::StoreU(hn::Mul(x[t], prefix), d, update + (T + 1 + t) * kBlockDims);
    }
    if constexpr (kRead == Read::after) {
      const auto q = hn::LoadU(d, query + t * kBlockDims);
#pragma GCC unroll 4
      for (int j = 0; j <= t; ++j) score.part[t][j] = hn::MulAdd(q, x[j], score.part[t][j]);
      hn::StoreU(hn::Mul(q, prefix), d, query + t * kBlockDims);
    }
  }
  if constexpr (!kFirst) return;
#pragma GCC unroll 4
  for (int j = 0; j < T; ++j) hn::StoreU(x[j], d, update + j * kBlockDims);
  hn::StoreU(prefix, d, update + T * kBlockDims);
}

template <Read kRead, bool kFirst, bool kErase>
void meet(const Lines& lines, std::int64_t g, std::int64_t h, float* overlaps) {
  Triangle score, overlap;
  for_blocks(lines.call.d_qk(), [&](std::int64_t c0, std::int64_t size) HWY_ATTR {
    for (std::int64_t c = c0; c < c0 + size; c += kLanes)
      meet_vector<kRead, kFirst, kErase>(lines.key(c, g), lines.decay(c, g), lines.update(c, g),
                                         kRead == Read::none ? nullptr : lines.query(c, g, h), lines.bonus(c), score, overlap);
  });
  if constexpr (kErase && kFirst) overlap.sum(overlaps);
  if constexpr (kRead == Read::none) return;
  float* scores = lines.scores(g, h);
  score.sum(scores);
  for (int t = 0; t < T; ++t) scores[t * T + t] += lines.call.factors.skip;
}

// solved = (I + diag(b) overlap)^-1 diag(b): what each value of the group adds to what is written at each position.
void solve(const Lines& lines, std::int64_t g, const float* overlap) {
  const auto& call = lines.call;
  float* solved = lines.solved(g);
  for (int t = 0; t < T; ++t) {
    const float b = g * T + t < call.at.count ? call.factors.weight[g * T + t] : 0.0f;
    for (int j = 0; j < t; ++j) {
      float sum = 0;
      for (int i = j; i < t; ++i) sum += overlap[t * T + i] * solved[i * T + j];
      solved[t * T + j] = -b * sum;
    }
    solved[t * T + t] = b;
  }
}

// Erase line t becomes the sum over j <= t of solved[t][j] times erase line j.
void mix_erase_lines(const Lines& lines, std::int64_t g) {
  const FloatTag d;
  const float* solved = lines.solved(g);
  for_blocks(lines.call.d_qk(), [&](std::int64_t c0, std::int64_t size) HWY_ATTR {
    for (std::int64_t c = c0; c < c0 + size; c += kLanes) {
      float* line = lines.erase(c, g);
      FloatVec x[T];
#pragma GCC unroll 4
      for (int j = 0; j < T; ++j) x[j] = hn::LoadU(d, line + j * kBlockDims);
#pragma GCC unroll 4
      for (int t = T - 1; t >= 0; --t) {
        auto sum = hn::Mul(hn::Set(d, solved[t * T + t]), x[t]);
#pragma GCC unroll 4
        for (int j = 0; j < t; ++j) sum = hn::MulAdd(hn::Set(d, solved[t * T + j]), x[j], sum);
        hn::StoreU(sum, d, line + t * kBlockDims);
      }
    }
  });
}

template <Read kRead, bool kErase>
void prepare_group(const Lines& lines, std::int64_t g) {
  float overlaps[T * T];
  if (lines.call.at.heads == 0) meet<Read::none, true, kErase>(lines, g, 0, overlaps);
  else meet<kRead, true, kErase>(lines, g, 0, overlaps);
  for (std::int64_t h = 1; h < lines.call.at.heads; ++h) meet<kRead, false, kErase>(lines, g, h, overlaps);
  if constexpr (kErase) {
    solve(lines, g, overlaps);
    mix_erase_lines(lines, g);
  }
}

// A scalar decay of the group in one rounding of its exact value; what that leaves out is made up for by the next one.
void settle_decay(const Lines& lines, std::int64_t g) {
  const auto& call = lines.call;
  double exact = 1;
  for (auto t = g * T; t < std::min((g + 1) * T, call.at.count); ++t) exact *= call.factors.decay[t];
  const double wanted = exact * (1 + call.state.decay_debt);
  const float taken = static_cast<float>(std::min(wanted, 1.0));
  call.state.decay_debt = taken > 1e-30f ? wanted / static_cast<double>(taken) - 1 : 0;
  for_blocks(call.d_qk(), [&](std::int64_t c0, std::int64_t) { std::fill_n(lines.total(c0, g), kBlockDims, taken); });
}

// ---- The normaliser n --------------------------------------------------------------------------------------------------------

// inverse[h][t] = 1 / max(|q_t^T n_t|, floor) for the group's rows: what n was before the group, and the group's own keys.
void invert_sums(const Lines& lines, std::int64_t g, std::int64_t h, const float* n) {
  const FloatTag d;
  const auto& call = lines.call;
  FloatVec sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  for_blocks(call.d_qk(), [&](std::int64_t c0, std::int64_t size) HWY_ATTR {
    for (std::int64_t c = c0; c < c0 + size; c += kLanes)
      for (int t = 0; t < T; ++t)
        sum[t] = hn::MulAdd(hn::LoadU(d, lines.query(c, g, h) + t * kBlockDims), hn::LoadU(d, n + c), sum[t]);
  });
  float totals[4];
  sum_lanes_of_4(sum, totals);
  for (std::int64_t t = 0; t < T && g * T + t < call.at.count; ++t) {
    const float* scores = lines.scores(g, h) + t * T;
    for (std::int64_t j = 0; j <= t && call.has_keys(); ++j) totals[t] += scores[j];
    lines.inverse(h)[g * T + t] = 1 / std::max(std::abs(totals[t]), call.factors.floor[g * T + t]);
  }
}

// n takes the group's keys in.
void grow(const Lines& lines, std::int64_t g, float* n) {
  const FloatTag d;
  for_blocks(lines.call.d_qk(), [&](std::int64_t c0, std::int64_t size) HWY_ATTR {
    for (std::int64_t c = c0; c < c0 + size; c += kLanes) {
      auto sum = hn::Mul(hn::LoadU(d, n + c), hn::LoadU(d, lines.total(c, g)));
      for (int t = 0; t < T; ++t) sum = hn::Add(sum, hn::LoadU(d, lines.update(c, g) + t * kBlockDims));
      hn::StoreU(sum, d, n + c);
    }
  });
}

void normalise_group(const Lines& lines, std::int64_t g) {
  const auto& state = lines.call.state;
  float* n = state.sums + state.d_qk * padded(state.columns);
  for (std::int64_t h = 0; h < lines.call.at.heads; ++h) invert_sums(lines, g, h, n);
  if (lines.call.has_keys()) grow(lines, g, n);
}

// ---- All that does not depend on the column --------------------------------------------------------------------------------

void prepare_keys(const Lines& lines, std::int64_t g) {
  const auto& rule = lines.call.rule;
  if (rule.erase) prepare_group<Read::after, true>(lines, g);
  else if (rule.read_first) prepare_group<Read::before, false>(lines, g);
  else prepare_group<Read::after, false>(lines, g);
  if (rule.decay == Decay::scalar) settle_decay(lines, g);
}

void prepare(const Lines& lines) {
  const auto& call = lines.call;
  for (std::int64_t h = 0; h < call.at.heads; ++h) load_queries(lines, h);
  if (call.has_keys()) load_keys(lines);
  for (std::int64_t g = 0; g * T < call.at.count; ++g) {
    if (call.has_keys()) prepare_keys(lines, g);
    if (call.rule.normalise) normalise_group(lines, g);
  }
}

// ---- Columns of S --------------------------------------------------------------------------------------------------------

template <int V>
struct Column {
  HWY_ATTR Column() {}  // written out: GCC gives an implicit one no target, and then cannot inline NEON's vectors into it
  FloatVec part[V];
};

enum class Update { none, before, after };

template <int V>
HWY_INLINE void clear(Column<V>* column, int count) {
#pragma GCC unroll 8
  for (int t = 0; t < count; ++t)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) column[t].part[v] = hn::Zero(FloatTag());
}

template <int V>
HWY_INLINE void join(const float* update, const Column<V> (&value)[T], Column<V>& s) {
  const FloatTag d;
  const auto decay = hn::Set(d, update[T * kBlockDims]);
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) s.part[v] = hn::Mul(s.part[v], decay);
#pragma GCC unroll 4
  for (int t = 0; t < T; ++t) {
    const auto key = hn::Set(d, update[t * kBlockDims]);
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) s.part[v] = hn::MulAdd(key, value[t].part[v], s.part[v]);
  }
}

// One pass down V vectors of columns: each row of S meets R reading lines, and takes the group's update in.
template <int R, Update kUpdate, int V>
HWY_INLINE void sweep(const Lines& lines, const float* read0, const float* update0, float* s, const Column<V> (&value)[T],
                      Column<V> (&sum)[R > 0 ? R : 1]) {
  const FloatTag d;
  const auto d_qk = lines.call.d_qk(), block = d_qk * kLanes, next_block = lines.count * kBlockDims;
  clear<V>(sum, R);
  for (std::int64_t c0 = 0; c0 < d_qk; c0 += kBlockDims, read0 += next_block, update0 += next_block) {
    const float *read = read0, *update = update0;
    const auto* const end = s + std::min(kBlockDims, d_qk - c0) * kLanes;
    for (; s < end; ++read, ++update, s += kLanes) {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
      asm volatile("" ::: "memory");  // keeps GCC 12 from vectorising this loop itself, as in linear_attention.cpp
#endif
      Column<V> row;
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) row.part[v] = hn::LoadU(d, s + v * block);
      if constexpr (kUpdate == Update::before) join<V>(update, value, row);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const auto x = hn::Set(d, read[r * kBlockDims]);
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) sum[r].part[v] = hn::MulAdd(x, row.part[v], sum[r].part[v]);
      }
      if constexpr (kUpdate == Update::after) join<V>(update, value, row);
      if constexpr (kUpdate != Update::none)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) hn::StoreU(row.part[v], d, s + v * block);
    }
  }
}

// y[t] + sum over j <= t of square[t][j] x[j]
template <int V>
HWY_INLINE Column<V> with_group(const float* square, const Column<V> (&x)[T], int t, Column<V> y) {
#pragma GCC unroll 4
  for (int j = 0; j <= t; ++j) {
    const auto weight = hn::Set(FloatTag(), square[t * T + j]);
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) y.part[v] = hn::MulAdd(weight, x[j].part[v], y.part[v]);
  }
  return y;
}

// One group of positions at one block of columns.
template <int V>
struct Group {
  const Lines& lines;
  std::int64_t g, column;

  const RecurrentCall& call() const { return lines.call; }
  float* s() const { return call().state.sums + column * call().d_qk(); }
  std::int64_t rows() const { return std::min<std::int64_t>(T, call().at.count - g * T); }

  HWY_INLINE void load_values(Column<V> (&value)[T]) const {
    const auto& rows_of = call().at.v;
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < V; ++v) {
        const auto c = column + v * kLanes;
        value[t].part[v] = t < rows() ? load_within(rows_of.data + (g * T + t) * rows_of.stride + c, call().state.columns - c)
                                      : hn::Zero(FloatTag());
      }
  }
  HWY_INLINE void store_row(std::int64_t h, int t, const Column<V>& x) const {
    const auto& out = call().at.out;
    if (t >= rows()) return;
    const auto factor = hn::Set(FloatTag(), call().rule.normalise ? lines.inverse(h)[g * T + t] : 1.0f);
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      const auto c = column + v * kLanes;
      store_within(hn::Mul(x.part[v], factor), out.data + h * out.head_stride + (g * T + t) * out.stride + c,
                   call().state.columns - c);
    }
  }
  // Rows of head h: what S gives, and what `written` at the group's own positions does.
  HWY_INLINE void finish(std::int64_t h, const Column<V>* sum, const Column<V> (&written)[T]) const {
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) store_row(h, t, call().has_keys() ? with_group<V>(lines.scores(g, h), written, t, sum[t]) : sum[t]);
  }
  // Heads from h on, while S stays as it is but for the update of the last of them.
  template <Update kLast>
  HWY_INLINE void read_heads(std::int64_t h, const Column<V> (&written)[T]) const {
    const auto heads = call().at.heads;
    const float* update = lines.update(0, g);
    for (; h + 2 <= heads; h += 2) {
      Column<V> sum[2 * T];
      if (h + 2 == heads) sweep<2 * T, kLast, V>(lines, lines.query(0, g, h), update, s(), written, sum);
      else sweep<2 * T, Update::none, V>(lines, lines.query(0, g, h), update, s(), written, sum);
      finish(h, sum, written);
      finish(h + 1, sum + T, written);
    }
    if (h == heads) return;
    Column<V> sum[T];
    sweep<T, kLast, V>(lines, lines.query(0, g, h), update, s(), written, sum);
    finish(h, sum, written);
  }
  HWY_INLINE void update_only(const Column<V> (&written)[T]) const {
    Column<V> none[1];
    sweep<0, Update::after, V>(lines, s(), lines.update(0, g), s(), written, none);
  }
};

template <int V>
void plain_column(const Lines& lines, std::int64_t column) {
  const auto& call = lines.call;
  for (std::int64_t g = 0; g * T < call.at.count; ++g) {
    const Group<V> group{lines, g, column};
    Column<V> value[T];
    clear<V>(value, T);
    if (!call.has_keys()) {
      group.template read_heads<Update::none>(0, value);
      continue;
    }
    group.load_values(value);
    if (call.at.heads == 0) group.update_only(value);
    else group.template read_heads<Update::after>(0, value);
  }
}

// What is written at a position depends on what S holds there: the update waits for the next group's pass.
template <int V, bool kRows>
void erasing_column(const Lines& lines, std::int64_t column) {
  constexpr int kReads = kRows ? 2 * T : T;
  Column<V> written[T];
  clear<V>(written, T);
  std::int64_t g = 0;
  for (; g * T < lines.call.at.count; ++g) {
    const Group<V> group{lines, g, column};
    Column<V> sum[kReads];
    const float* read = lines.erase(0, g);
    if (g > 0) sweep<kReads, Update::before, V>(lines, read, lines.update(0, g - 1), group.s(), written, sum);
    else sweep<kReads, Update::none, V>(lines, read, read, group.s(), written, sum);
    Column<V> value[T];
    group.load_values(value);
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[t].part[v] = hn::Neg(sum[t].part[v]);
      written[t] = with_group<V>(lines.solved(g), value, t, sum[t]);
    }
    if constexpr (kRows) {
      group.finish(0, sum + T, written);
      group.template read_heads<Update::none>(1, written);
    }
  }
  Group<V>{lines, g - 1, column}.update_only(written);
}

template <int V>
void column_block(const Lines& lines, std::int64_t column) {
  if (!lines.call.rule.erase || !lines.call.has_keys()) plain_column<V>(lines, column);
  else if (lines.call.at.heads > 0) erasing_column<V, true>(lines, column);
  else erasing_column<V, false>(lines, column);
}

}  // namespace

void all_steps(const RecurrentCall& call) {
  const FlushDenormals flush;
  const Lines lines(call);
  prepare(lines);
  std::int64_t column = 0;
  for (; column + kLanes < call.state.columns; column += 2 * kLanes) column_block<2>(lines, column);
  if (column < call.state.columns) column_block<1>(lines, column);
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(all_steps);

}  // namespace

std::int64_t matrix_state_floats(std::int64_t d_qk, std::int64_t columns) { return d_qk * padded(columns) + padded(d_qk); }

std::int64_t recurrent_scratch_floats(std::int64_t d_qk, std::int64_t heads) {
  return (d_qk + kBlockDims - 1) / kBlockDims * kBlockDims * line_count(heads) + (4 * (1 + heads) + heads) * kMaxPositions;
}

void recurrent_steps(const Recurrence& recurrence, MatrixState& state, const Positions& positions, Rows<const float> log_decay,
                     const PositionFactors& factors, float* scratch) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(all_steps)({recurrence, state, positions, log_decay, factors, scratch});
}

}  // namespace attnbench::kernels
#endif
