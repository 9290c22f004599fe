// The two products of linear attention without a diagonal (Katharopoulos et al. 2020) on panels that stay in L1:
//
//   add_keys      S += phi(K)^T V,  z += sum_j phi(k_j)
//   attend        o_i = phi(q_i)^T S / phi(q_i)^T z
//
// with phi(x) = elu(x) + 1. No alignment is asked for, any dimensions and row strides (in elements) are fine, and nothing outside
// the rows is read or written.
#pragma once

#include <cstdint>

namespace attnbench::kernels {

constexpr std::int64_t kMaxLinearPanel = 64;  // most keys or rows per panel

/// S [d_qk][d_v, padded to whole vectors], then z [d_qk].
struct LinearState {
  std::int64_t d_qk, d_v;
  float* sums;  // linear_state_floats(d_qk, d_v), zero before the first key
};

/// Rows in memory: `count` of them, `stride` elements apart.
template <class T>
struct Rows {
  T* data;
  std::int64_t stride;
};

/// Rounded up to whole vectors of the widest instruction set, so that sizes do not depend on the one in force.
constexpr std::int64_t padded(std::int64_t count) { return (count + 15) / 16 * 16; }

std::int64_t linear_state_floats(std::int64_t d_qk, std::int64_t d_v);

/// Floats of scratch of add_keys() and attend() for panels of at most `count` keys or rows.
std::int64_t key_scratch_floats(std::int64_t d_qk, std::int64_t d_v, std::int64_t count);
std::int64_t row_scratch_floats(std::int64_t d_qk, std::int64_t count);

/// Adds `count` keys, up to kMaxLinearPanel, to (S, z).
void add_keys(const LinearState& state, Rows<const float> k, Rows<const float> v, std::int64_t count, float* scratch);

/// `count` output rows, up to kMaxLinearPanel. A row whose weights sum to 0 becomes 0.
void attend(const LinearState& state, Rows<const float> q, Rows<float> out, std::int64_t count, float* scratch);

}  // namespace attnbench::kernels
