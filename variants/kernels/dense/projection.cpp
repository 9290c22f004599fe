#include "variants/kernels/dense/projection.h"

#include <cblas.h>

#include <algorithm>

#include "variants/api/integers.h"

namespace attnbench::kernels {
namespace {

constexpr std::int64_t kRows = 256;  // rows per product: W is packed once per 256 rows, a few per cent of the product

}  // namespace

TensorRef split_heads(float* data, std::int64_t b, std::int64_t heads, std::int64_t n, std::int64_t d) {
  return {data, DType::f32, {b, heads, n, d}, {n * heads * d, d, heads * d, 1}};
}

void gather_rows(const TensorView<const float>& x, std::int64_t b, KeyRange rows, float* panel) {
  for (auto i = rows.begin; i < rows.end; ++i)
    for (std::int64_t h = 0; h < x.heads(); ++h, panel += x.dim()) std::copy_n(x.row(b, h, i), x.dim(), panel);
}

void scatter_rows(const float* panel, const TensorView<float>& y, std::int64_t b, KeyRange rows) {
  for (auto i = rows.begin; i < rows.end; ++i)
    for (std::int64_t h = 0; h < y.heads(); ++h, panel += y.dim()) std::copy_n(panel, y.dim(), y.row(b, h, i));
}

// A single row reads W once; as a product of matrices it would be packed first, which takes several times as long. BLAS insists on
// strides of at least a row, also where there is only one.
void multiply(const float* x, std::int64_t x_stride, std::int64_t rows, const Weights& w, float* y, std::int64_t y_stride,
              bool add) {
  const auto in = static_cast<int>(w.in), out = static_cast<int>(w.out);
  const int stored_rows = w.transposed ? out : in, stored_columns = w.transposed ? in : out;
  const float keep = add ? 1.0f : 0.0f;
  if (rows == 1) {
    cblas_sgemv(CblasRowMajor, w.transposed ? CblasNoTrans : CblasTrans, stored_rows, stored_columns, 1.0f, w.data, stored_columns,
                x, 1, keep, y, 1);
    return;
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, w.transposed ? CblasTrans : CblasNoTrans, static_cast<int>(rows), out, in, 1.0f, x,
              static_cast<int>(std::max(x_stride, w.in)), w.data, stored_columns, keep, y,
              static_cast<int>(std::max(y_stride, w.out)));
}

void project(const Parallel& parallel, const TensorView<const float>& x, const float* w, const TensorView<float>& y, float* panels,
             bool add) {
  const auto in = width_of(x), out = width_of(y), blocks = ceil_div(x.rows(), kRows);
  const bool in_place = is_concatenated(x), out_place = is_concatenated(y);
  parallel.for_each(x.batch() * blocks, [&](std::int64_t t, int slot) {
    const auto b = t / blocks;
    const KeyRange rows{t % blocks * kRows, std::min(x.rows(), (t % blocks + 1) * kRows)};
    float* in_panel = panels + slot * kRows * (in + out);
    float* out_panel = in_panel + kRows * in;
    if (!in_place) gather_rows(x, b, rows, in_panel);
    if (!out_place && add) gather_rows({y.data, y.shape, y.stride}, b, rows, out_panel);
    multiply(in_place ? x.row(b, 0, rows.begin) : in_panel, in_place ? x.row_stride() : in, rows.size(), {w, in, out},
             out_place ? y.row(b, 0, rows.begin) : out_panel, out_place ? y.row_stride() : out, add);
    if (!out_place) scatter_rows(out_panel, y, b, rows);
  });
}

std::int64_t projection_floats(int threads, std::int64_t in, std::int64_t out) { return threads * kRows * (in + out); }

}  // namespace attnbench::kernels
