// Recurrences with a matrix state S [d_qk, d_v] whose rows decay and which may erase before they write:
//
//   S_t = D_t S_{t-1} + k_t v_t^T,                       o_t = q_t^T S_t
//   S_t = D_t S_{t-1} + k_t (b_t (v_t - k_t^T D_t S_{t-1}))^T           with the delta rule
//
//   S_t = D_t S_{t-1} - (a_t o r_t) (a_t^T S_{t-1})^T + k'_t v_t^T    in two steps: a_t = k_t / sqrt(|k_t|^2 + 1e-6), r_t a row of
//                                                                    rates, k'_t = k_t o (1 + mix (r_t - 1)), o element by element
//
// D_t = 1, a number or diagonal, with elements in [0, 1]. No alignment is asked for, any dimensions and row strides (in elements)
// are fine, and nothing outside the rows is read or written.
#pragma once

#include <cstdint>

#include "variants/kernels/linear/linear_recurrence.h"

namespace attnbench::kernels {

/// What D_t is: 1, PositionFactors::decay, or diag(e^g) with a row of log-decays g.
enum class Decay { none, scalar, channel };

/// How the key rows are read: k, k / sqrt(|k|^2 + 1e-6), or 1 - e^g in place of k.
enum class KeyForm { plain, unit, one_minus_decay };

/// Which recurrence.
struct Recurrence {
  Decay decay = Decay::none;
  bool erase = false;  // the delta rule
  KeyForm keys = KeyForm::plain;
  bool unit_queries = false;  // q / sqrt(|q|^2 + 1e-6)
  float scale = 1;            // of queries, after that
  bool two_steps = false;     // RWKV-7: see below
  bool read_first = false;    // a row reads S before its own key changes it, and takes that key in by PositionFactors::bonus
  bool normalise = false;     // o_t is divided by max(|q_t^T n_t|, floor), where n_t = D_t n_{t-1} + k_t
};

/// What the positions of a call have beside their rows.
struct PositionFactors {
  double decay[kMaxPositions];   // D_t where it is a number
  float weight[kMaxPositions];   // of the key; b_t with the delta rule
  float skip = 0;                // o_t takes skip v_t in as well
  Rows<const float> rates{};     // [count][d_qk], with two_steps
  float mix = 1;                 // with two_steps
  const float* bonus = nullptr;  // [d_qk]: with read_first, o_t takes (q_t . bonus k_t) v_t in
  float floor[kMaxPositions];    // of the normaliser, above 0; read at positions without keys too
  double carried = 0;            // what the variant keeps from call to call
};

/// S of some columns of v and n, laid out as only recurrent_steps() knows, and what rounding its scalar decays has left out so far.
struct MatrixState {
  std::int64_t d_qk, columns;
  float* sums;  // matrix_state_floats(d_qk, columns); zero before the first key
  double decay_debt = 0;
};

/// Positions of a call at most.
constexpr std::int64_t step_limit(const Recurrence& recurrence) { return recurrence.two_steps ? kMaxPositions / 2 : kMaxPositions; }

std::int64_t matrix_state_floats(std::int64_t d_qk, std::int64_t columns);

/// Floats of scratch of recurrent_steps().
std::int64_t recurrent_scratch_floats(std::int64_t d_qk, std::int64_t heads);

/// Goes through positions, at most step_limit() of them, in sequence: writes each row from the state after the key at its own
/// position. Where no keys stand the state stays as it is. v and out of `positions` begin at the state's first column; `log_decay`
/// [count][d_qk] and `factors` are those of the keys, and are read where the recurrence asks for them.
void recurrent_steps(const Recurrence& recurrence, MatrixState& state, const Positions& positions, Rows<const float> log_decay,
                     const PositionFactors& factors, float* scratch);

}  // namespace attnbench::kernels
