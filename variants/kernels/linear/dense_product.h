// Products and means of dense float32 matrices that fit the caches, on the register tile. For products inside a task, where a BLAS
// call costs as much as a small matrix, and whatever the BLAS at hand knows of this machine.
#pragma once

#include <cstdint>

#include "variants/kernels/linear/linear_attention.h"

namespace attnbench::kernels {

/// c[m][n] = a[m][k] b[k][n], or += that. Rows of b may be read, and rows of c are written, up to padded(n).
struct DenseProduct {
  std::int64_t m, n, k;
  Rows<const float> a, b;
  Rows<float> c;
  bool add = false;
};
void multiply(const DenseProduct& product);

/// to[c] = mean over `count` > 0 rows of x[c], c < dim.
void mean_of_rows(Rows<const float> x, std::int64_t count, std::int64_t dim, float* to);

}  // namespace attnbench::kernels
