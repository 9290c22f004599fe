// A few rows times a matrix, again and again: the step of a recurrence. BLAS would pack the matrix in every call, which costs more
// than the product; here it is packed once.
#pragma once

#include <cstdint>
#include <vector>

#include "variants/api/problem.h"

namespace attnbench::kernels {

constexpr std::int64_t kPanelColumns = 64;

/// A matrix [rows, columns] as panels of 64 columns: element (k, c) stands at panel c / 64, row k, column c % 64. Columns that are
/// missing in the last panel are 0.
struct PackedMatrix {
  std::int64_t rows = 0, columns = 0;
  std::vector<float> panels{};

  std::int64_t panel_count() const { return (columns + kPanelColumns - 1) / kPanelColumns; }
  const float* panel(std::int64_t p) const { return panels.data() + p * rows * kPanelColumns; }
  float at(std::int64_t k, std::int64_t c) const { return panel(c / kPanelColumns)[k * kPanelColumns + c % kPanelColumns]; }
};

/// From [rows, columns], dense.
PackedMatrix pack_matrix(const std::vector<float>& matrix, std::int64_t rows, std::int64_t columns);

/// c[r][.] += a[r] B over the columns of the panels asked for; `rows` rows r, `a_stride` and `c_stride` elements apart. c has whole
/// panels: columns rounded up to a multiple of 64. A row of c does not depend on how many rows there are.
void add_thin_product(const float* a, std::int64_t a_stride, std::int64_t rows, const PackedMatrix& b, KeyRange panels, float* c,
                      std::int64_t c_stride);

}  // namespace attnbench::kernels
