// The three products of linear attention (Katharopoulos et al. 2020) on panels of keys and query rows that stay in L1:
//
//   add_keys      S += phi(K)^T V,  z += sum_j phi(k_j)
//   attend        o_i = (phi(q_i)^T S + sum of phi(q_i)^T phi(k_j) v_j over the panel's keys that row i sees) / its weights' sum
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

/// Up to kMaxLinearPanel keys, ready for both products; made by load_keys().
struct KeyPanel {
  std::int64_t count = 0;
  const float* features = nullptr;  // [d_qk][count, padded]: phi(K)^T, 0 in the padding
  const float* values = nullptr;    // rows that may be read to the end of their last vector
  std::int64_t value_stride = 0;
};

/// Rows in memory: `count` of them, `stride` elements apart.
template <class T>
struct Rows {
  T* data;
  std::int64_t stride;
};

std::int64_t linear_state_floats(std::int64_t d_qk, std::int64_t d_v);

/// Floats of scratch of load_keys() and attend() for panels of at most `count` keys or rows.
std::int64_t key_scratch_floats(std::int64_t d_qk, std::int64_t d_v, std::int64_t count);
std::int64_t row_scratch_floats(std::int64_t d_qk, std::int64_t count);

/// The panel of `count` keys; it lives in `scratch`, and in `v` where that needs no padding.
KeyPanel load_keys(const LinearState& state, Rows<const float> k, Rows<const float> v, std::int64_t count, float* scratch);

void add_keys(const LinearState& state, const KeyPanel& keys);

/// `count` output rows. Row r sees all of (S, z) and the first `first_seen` + r keys of the panel, none below 0. What a row does
/// not see may be NaN; a row whose weights sum to 0 becomes 0.
void attend(const LinearState& state, const KeyPanel& keys, std::int64_t first_seen, Rows<const float> q, Rows<float> out,
            std::int64_t count, float* scratch);

}  // namespace attnbench::kernels
