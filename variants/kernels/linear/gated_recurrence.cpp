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
//
// Against chunks of GEMM tiles. A prototype of the chunk form with one decay per position, written for contiguous rows of d = d_v =
// 64 (AVX-512, one thread, n 1024, minima of 3000 runs), took 0.138, 0.159, 0.194 and 0.235 ms per head at C = 16, 32, 64, 128;
// this kernel, for any dimensions and strides, 0.165 ms. From C = 32 on the squares cost more than the tiles save. C = 16 alone is
// ahead, by its scores as GEMM and rows that are not copied first: what is worked out here per group takes 29 % of a call. It has
// no counterpart for decays per channel, whose squares are no product of two matrices.
#include "variants/kernels/linear/gated_recurrence.h"

#include <algorithm>

#include "variants/kernels/simd/denormals.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/linear/gated_recurrence.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/linear/gated_groups-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace {

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

  HWY_INLINE void load_values(Column<V> (&value)[T]) const {
    const auto& from = call().at.v;
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < V; ++v) {
        const auto c = column + v * kLanes, step = g * T + t;
        value[t].part[v] = call().has_row(step)
                               ? load_within(from.data + call().position(step) * from.stride + c, call().state.columns - c)
                               : hn::Zero(FloatTag());
      }
  }
  HWY_INLINE void store_row(std::int64_t h, int t, const Column<V>& x) const {
    const auto& out = call().at.out;
    const auto step = g * T + t;
    if (!call().has_row(step)) return;
    const auto factor = hn::Set(FloatTag(), call().rule.normalise ? lines.inverse(h)[step] : 1.0f);
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      const auto c = column + v * kLanes;
      store_within(hn::Mul(x.part[v], factor), out.data + h * out.head_stride + call().position(step) * out.stride + c,
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
  for (std::int64_t g = 0; g * T < call.steps(); ++g) {
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
  for (; g * T < lines.call.steps(); ++g) {
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
  if ((!lines.call.rule.erase && !lines.call.rule.two_steps) || !lines.call.has_keys()) plain_column<V>(lines, column);
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
