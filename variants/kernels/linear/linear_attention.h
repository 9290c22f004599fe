// The two products of linear attention without a diagonal (Katharopoulos et al. 2020) on panels that stay in L1:
//
//   add_keys      S += phi(K)^T V,  z += sum_j phi(k_j)
//   attend        o_i = phi(q_i)^T S / phi(q_i)^T z
//
// with phi(x) = elu(x) + 1.
//
// Far below zero phi is e^x and would underflow, although only ratios of its products matter: e^m of a row of queries cancels in
// its output, e^m of all keys as well. A row whose elements all lie below -20 is therefore shifted by its largest, and so are the
// keys of a state as long as all of them do; when a larger one comes the state is scaled down once. Other rows are not touched.
//
// No alignment is asked for, any dimensions and row strides (in elements) are fine, and nothing outside
// the rows is read or written.
#pragma once

#include <cstdint>

#include "variants/kernels/blocking.h"

namespace attnbench::kernels {

/// S [d_qk][d_v, padded to whole vectors], then z [d_qk, padded], then the lift: 0 before the first key, then 1 - the shift of the
/// keys.
struct LinearState {
  std::int64_t d_qk, d_v;
  float* sums;  // linear_state_floats(d_qk, d_v), zero before the first key

  inline std::int64_t sum_floats() const;
  float& lift() const { return sums[sum_floats()]; }
  float shift() const { return 1 - lift(); }  // S and z hold e^-shift phi(k)
};

/// Rows in memory: `count` of them, `stride` elements apart.
template <class T>
struct Rows {
  T* data;
  std::int64_t stride;
};

/// Rounded up to whole vectors of the widest instruction set, so that sizes do not depend on the one in force.
constexpr std::int64_t padded(std::int64_t count) { return (count + 15) / 16 * 16; }

std::int64_t LinearState::sum_floats() const { return d_qk * padded(d_v) + padded(d_qk); }

std::int64_t linear_state_floats(std::int64_t d_qk, std::int64_t d_v);

/// (S, z) of `to` takes in that of `from`; both were made by the same one of the functions that add keys.
void add_state(const LinearState& from, const LinearState& to);

/// Floats of scratch of add_keys() and attend() for panels of at most `count` keys or rows.
std::int64_t key_scratch_floats(std::int64_t d_qk, std::int64_t d_v, std::int64_t count);
std::int64_t row_scratch_floats(std::int64_t d_qk, std::int64_t count);

/// Adds `count` keys, up to kMaxLinearPanel, to (S, z).
void add_keys(const LinearState& state, Rows<const float> k, Rows<const float> v, std::int64_t count, float* scratch);

/// `count` output rows, up to kMaxLinearPanel. A row whose weights sum to 0 becomes 0.
void attend(const LinearState& state, Rows<const float> q, Rows<float> out, std::int64_t count, float* scratch);

}  // namespace attnbench::kernels
