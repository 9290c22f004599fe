#include "variants/kernels/dense/projection.h"

#include <cblas.h>

#include <algorithm>

#include "variants/api/integers.h"

namespace attnbench::kernels {
namespace {

constexpr std::int64_t kRows = 256;  // rows per product: W is packed once per 256 rows, a few per cent of the product

// Elements between two rows of concat(heads); at least the width, which BLAS insists on even for a single row.
template <class T>
int concatenated_stride(const TensorView<T>& x) {
  return static_cast<int>(std::max(x.row_stride(), width_of(x)));
}

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
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(rows.size()), static_cast<int>(out),
                static_cast<int>(in), 1.0f, in_place ? x.row(b, 0, rows.begin) : in_panel,
                in_place ? concatenated_stride(x) : static_cast<int>(in), w, static_cast<int>(out), add ? 1.0f : 0.0f,
                out_place ? y.row(b, 0, rows.begin) : out_panel, out_place ? concatenated_stride(y) : static_cast<int>(out));
    if (!out_place) scatter_rows(out_panel, y, b, rows);
  });
}

std::int64_t projection_floats(int threads, std::int64_t in, std::int64_t out) { return threads * kRows * (in + out); }

}  // namespace attnbench::kernels
