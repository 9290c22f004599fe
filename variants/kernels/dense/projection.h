// Products of whole token rows with a matrix, by BLAS. A token's row is concat(heads): the D = heads d channels that a tensor
// [b, heads, n, d] holds head by head, read in place where they lie side by side and through a panel where they do not.
#pragma once

#include <cstdint>

#include "variants/api/parallel.h"
#include "variants/api/problem.h"
#include "variants/api/tensor.h"

namespace attnbench::kernels {

/// D
template <class T>
std::int64_t width_of(const TensorView<T>& x) {
  return x.heads() * x.dim();
}

/// Whether a row is concat(heads) as it lies in memory.
template <class T>
bool is_concatenated(const TensorView<T>& x) {
  return x.heads() == 1 || x.stride[1] == x.dim();
}

/// A head-split view of an array [b, n, heads d] that lies densely in memory.
TensorRef split_heads(float* data, std::int64_t b, std::int64_t heads, std::int64_t n, std::int64_t d);

/// Rows [rows.begin, rows.end) of a tensor.
template <class T>
TensorView<T> rows_of(TensorView<T> x, KeyRange rows) {
  x.data += rows.begin * x.stride[2];
  x.shape[2] = rows.size();
  return x;
}

/// panel [rows, D] = concat(heads) of these rows of batch entry b, and back.
void gather_rows(const TensorView<const float>& x, std::int64_t b, KeyRange rows, float* panel);
void scatter_rows(const float* panel, const TensorView<float>& y, std::int64_t b, KeyRange rows);

/// A matrix [in, out] as BLAS reads it; stored [out, in] where `transposed`.
struct Weights {
  const float* data;
  std::int64_t in, out;
  bool transposed = false;
};

/// y [rows, out] = x [rows, in] W, plus what y holds already, if `add`; strides in floats. On the calling thread.
void multiply(const float* x, std::int64_t x_stride, std::int64_t rows, const Weights& w, float* y, std::int64_t y_stride,
              bool add = false);

/// concat(y) = concat(x) W for W [D of x, D of y], dense; plus what y holds already, if `add`. x and y have the same batch and
/// rows. Shared out over blocks of rows, every product on one thread.
/// panels: projection_floats() of scratch.
void project(const Parallel& parallel, const TensorView<const float>& x, const float* w, const TensorView<float>& y, float* panels,
             bool add = false);

/// Scratch of project() on so many threads, for widths of x and y.
std::int64_t projection_floats(int threads, std::int64_t in, std::int64_t out);

}  // namespace attnbench::kernels
