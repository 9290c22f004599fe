// Recurrences with a matrix state, for the code of one Highway target: what the positions of a group are to each other, worked out
// once for all columns of S. The whole is described in gated_recurrence.cpp.
#if defined(ATTNBENCH_GATED_GROUPS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNBENCH_GATED_GROUPS_INL
#undef ATTNBENCH_GATED_GROUPS_INL
#else
#define ATTNBENCH_GATED_GROUPS_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "variants/kernels/linear/gated_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace {

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
enum class Erase { none, own, before };   // what a key finds is read by itself in the decayed state, or by a line before the decay

// x[j] is key j, decayed from its own position to position t; on the way
//   score[t][j]    q_t . x_j          query line t   q_t decayed from the group's start
//   overlap[t][j]  k_t . x_j, j < t   erase line t   k_t decayed from the group's start
// and at the end update line j is x_j, total the decay of the whole group. A row that reads before is spared its own decay, and its
// own key counts by the bonus.
template <Read kRead, bool kFirst, Erase kErase>
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
    float* erase = update + (T + 1 + t) * kBlockDims;
    if constexpr (kErase == Erase::before && kFirst) {
      const auto finds = hn::LoadU(d, erase);
#pragma GCC unroll 4
      for (int j = 0; j < t; ++j) overlap.part[t][j] = hn::MulAdd(finds, x[j], overlap.part[t][j]);
      hn::StoreU(hn::Mul(finds, prefix), d, erase);
    }
    prefix = hn::Mul(prefix, a);
#pragma GCC unroll 4
    for (int j = 0; j < t; ++j) x[j] = hn::Mul(x[j], a);
    if constexpr (kErase == Erase::own && kFirst) {
#pragma GCC unroll 4
      for (int j = 0; j < t; ++j) overlap.part[t][j] = hn::MulAdd(x[t], x[j], overlap.part[t][j]);
      hn::StoreU(hn::Mul(x[t], prefix), d, erase);
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

template <Read kRead, bool kFirst, Erase kErase>
void meet(const Lines& lines, std::int64_t g, std::int64_t h, float* overlaps) {
  Triangle score, overlap;
  for_blocks(lines.call.d_qk(), [&](std::int64_t c0, std::int64_t size) HWY_ATTR {
    for (std::int64_t c = c0; c < c0 + size; c += kLanes)
      meet_vector<kRead, kFirst, kErase>(lines.key(c, g), lines.decay(c, g), lines.update(c, g),
                                         kRead == Read::none ? nullptr : lines.query(c, g, h), lines.bonus(c), score, overlap);
  });
  if constexpr (kErase != Erase::none && kFirst) overlap.sum(overlaps);
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
    const auto step = g * T + t;
    const float b = step < call.steps() ? call.factors.weight[call.position(step)] : 0.0f;
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

template <Read kRead, Erase kErase>
void prepare_group(const Lines& lines, std::int64_t g) {
  float overlaps[T * T];
  if (lines.call.at.heads == 0) meet<Read::none, true, kErase>(lines, g, 0, overlaps);
  else meet<kRead, true, kErase>(lines, g, 0, overlaps);
  for (std::int64_t h = 1; h < lines.call.at.heads; ++h) meet<kRead, false, kErase>(lines, g, h, overlaps);
  if constexpr (kErase != Erase::none) {
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
  if (rule.two_steps) prepare_group<Read::after, Erase::before>(lines, g);
  else if (rule.erase) prepare_group<Read::after, Erase::own>(lines, g);
  else if (rule.read_first) prepare_group<Read::before, Erase::none>(lines, g);
  else prepare_group<Read::after, Erase::none>(lines, g);
  if (rule.decay == Decay::scalar) settle_decay(lines, g);
}

void prepare(const Lines& lines) {
  const auto& call = lines.call;
  for (std::int64_t h = 0; h < call.at.heads; ++h) load_queries(lines, h);
  if (call.in_pairs()) load_pairs(lines);
  else if (call.has_keys()) load_keys(lines);
  for (std::int64_t g = 0; g * T < call.steps(); ++g) {
    if (call.has_keys()) prepare_keys(lines, g);
    if (call.rule.normalise) normalise_group(lines, g);
  }
}

}  // namespace
}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
