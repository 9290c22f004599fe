// The float64 truth of recurrences with a matrix state S [d_qk, d_v]: one position after the other, as the papers write them,
//
//   S_t = D_t S_{t-1} + b_t (a_t^T S_{t-1}) + k_t v_t^T,   o_t = q_t^T S_t      D_t diagonal
//
// It shares no code with the kernels, which take several positions at once and never form a_t and b_t.
#pragma once

#include <cstdint>
#include <vector>

#include "variants/api/variant.h"

namespace attnbench {

/// What the key at one position does to S; all of d_qk elements.
struct ExactStep {
  std::vector<double> decay;  // the diagonal of D_t
  std::vector<double> k;
  std::vector<double> a, b;     // read only where the recurrence erases
  double skip = 0;              // the row at this position takes skip v_t in as well
  std::vector<double> bonus{};  // [d_qk] where rows read first
};

struct ExactRecurrence {
  bool erases = false;
  bool reads_first = false;  // o_t = q_t^T (S_{t-1} + diag(bonus) k_t v_t^T)
  /// Fills what key j of (b, kv) does.
  void (*step)(const OracleTask& task, std::int64_t b, std::int64_t kv, std::int64_t j, ExactStep& step);
  /// Fills q_t [d_qk] of row i of query head h.
  void (*query)(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, double* q);
};

/// The rows that task asks for.
void recurrence_oracle(const OracleTask& task, const ExactRecurrence& recurrence);

/// out[d] = factor row[d]
void exact_scaled_row(const float* row, std::int64_t d, double factor, double* out);
/// out[d] = factor row[d] / sqrt(|row|^2 + 1e-6)
void exact_unit_row(const float* row, std::int64_t d, double factor, double* out);
/// An ExactRecurrence::query: the unit row of the query times the problem's scale.
void exact_unit_query(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, double* q);

}  // namespace attnbench
