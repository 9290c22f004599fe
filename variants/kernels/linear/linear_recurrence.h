// Causal linear attention as the recurrence that it is (Katharopoulos et al. 2020, section 3.3), position by position:
//
//   S += phi(k) v^T,  z += phi(k),  o = phi(q)^T S / phi(q)^T z,   phi(x) = elu(x) + 1
//
// No alignment is asked for, any dimensions and row strides (in elements) are fine, and nothing outside the rows is read or
// written.
#pragma once

#include <cstdint>

#include "variants/kernels/linear/linear_attention.h"

namespace attnbench::kernels {

/// The rows of several heads, `head_stride` elements from head to head.
template <class T>
struct HeadRows {
  T* data;
  std::int64_t stride, head_stride;
};

/// Positions in sequence: at each a key, or a row of every query head that shares the keys, or both.
struct Positions {
  std::int64_t count = 0;      // up to kMaxPositions
  Rows<const float> k{}, v{};  // null: no keys stand here
  std::int64_t heads = 0;      // 0: no rows stand here
  HeadRows<const float> q{};
  HeadRows<float> out{};
};

/// Floats of scratch of recurrent_scan().
std::int64_t scan_scratch_floats(std::int64_t d_qk, std::int64_t heads);

/// Writes each row from the keys in (S, z) and those up to its own position; the keys join (S, z). A row whose weights sum to 0
/// becomes 0. `state` is of linear_state_floats(), S laid out as only this function knows; sums of two states may be taken.
void recurrent_scan(const LinearState& state, const Positions& positions, float* scratch);

}  // namespace attnbench::kernels
