#include "harness/contract/one_call.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "harness/contract/cases.h"
#include "harness/measure/parallel_tbb.h"
#include "variants/api/oracle.h"
#include "variants/api/variant_call.h"

namespace attnbench::contract {

const char* name_of(Layout layout) {
  return layout == Layout::dense ? "dense" : layout == Layout::padded_rows ? "padded rows" : "[b, n, h, d]";
}

Laid lay_out(const Tensor& dense, Layout layout) {
  constexpr std::int64_t kStart = 3, kPadding = 5;  // elements
  const auto [b, h, n, d] = dense.shape();
  Shape stride = dense_strides(dense.shape());
  if (layout == Layout::padded_rows) stride = {h * n * (d + kPadding), n * (d + kPadding), d + kPadding, 1};
  if (layout == Layout::heads_inside) stride = {n * h * d, d, h * d, 1};
  const auto extent = b * std::max({stride[0], h * stride[1], n * stride[2]});
  Laid laid{Tensor({1, 1, 1, kStart + extent + kPadding}), {}};
  std::fill_n(laid.memory.data(), element_count(laid.memory.shape()), std::numeric_limits<float>::quiet_NaN());
  laid.ref = {laid.memory.data() + kStart, DType::f32, dense.shape(), stride};
  const auto to = laid.ref.as<float>();
  for (std::int64_t t = 0; t < b * h * n; ++t)
    std::copy_n(dense.view().row(t / (h * n), t / n % h, t % n), d, to.row(t / (h * n), t / n % h, t % n));
  return laid;
}

Tensor run(const VariantConfig& config, const Problem& p, const Inputs& inputs, const Parallel& parallel, Layout output) {
  [[maybe_unused]] static const bool blas_on_one_thread = (ThreadArena(1), true);  // as everywhere in the suite
  const Shape shape = output_shape(p);
  VariantCall call(*config.variant, config.params, p, kSeed, parallel);
  call.workspace().poison();
  Tensor unwritten(shape), dense(shape);
  std::fill_n(unwritten.data(), element_count(shape), std::numeric_limits<float>::quiet_NaN());
  const auto laid = lay_out(unwritten, output);
  call.run(inputs, laid.ref);
  for (std::int64_t t = 0; t < p.batch * p.heads_q * p.n_q; ++t) {
    const auto b = t / (p.heads_q * p.n_q), h = t / p.n_q % p.heads_q, i = t % p.n_q;
    std::copy_n(laid.ref.as<const float>().row(b, h, i), p.d_v, dense.view().row(b, h, i));
  }
  return dense;
}

ReferenceOutput reference_output(const VariantConfig& config, const Problem& p, const Inputs& inputs) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(p.n_q));
  std::iota(rows.begin(), rows.end(), 0);
  const auto count = static_cast<std::size_t>(p.batch * p.heads_q * p.n_q);
  ReferenceOutput out{std::vector<double>(count * static_cast<std::size_t>(p.d_v), std::nan("")),
                      std::vector<std::uint8_t>(count, 0)};
  const auto prepared = prepare(*config.variant, p, config.params, kSeed, 1);
  reference(*config.variant, {p, config.params, inputs, prepared, rows, out.rows.data(), Parallel(), out.undecided.data()});
  return out;
}

bool any_head_sees(const VariantConfig& config, const Problem& p, const Inputs& inputs, const Prepared& prepared, std::int64_t b,
                   std::int64_t i, std::int64_t j) {
  for (std::int64_t h = 0; h < p.heads_q; ++h) {
    if (!problem_attends(p, inputs, b, h, i, j)) continue;
    if (config.variant->attends && !config.variant->attends({p, config.params, prepared}, b, h, i, j)) continue;
    if (p.mask.kind != MaskKind::additive || std::isfinite(inputs.mask.as<const float>().row(b, h, i)[j])) return true;
  }
  return false;
}

bool same_bits(const Tensor& x, const Tensor& y, std::int64_t b, std::int64_t h, std::int64_t begin, std::int64_t end) {
  const auto bytes = static_cast<std::size_t>((end - begin) * x.shape()[3]) * sizeof(float);
  return std::memcmp(x.view().row(b, h, begin), y.view().row(b, h, begin), bytes) == 0;
}

}  // namespace attnbench::contract
