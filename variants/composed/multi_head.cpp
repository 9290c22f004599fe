// Multi-head attention: learned projections around any other variant of the suite.
//
//   O = concat_h(attention(X_q W_q, X_k W_k, X_v W_v)) W_o            Vaswani et al. 2017, section 3.2.2
//
// The inputs q, k, v are read as head-split views of X_q [b, n_q, h_q d_qk], X_k [b, n_k, h_kv d_qk] and X_v [b, n_k, h_kv d_v];
// the output is the head-split view of concat W_o. W_q, W_k, W_v and W_o are square in their widths h_q d_qk, h_kv d_qk,
// h_kv d_v and h_q d_v, and drawn from the seed in prepare(). Parameter `inner` names the attention; masks, GQA, scale and softcap
// are its business, and what it does not support is refused here. The float64 reference projects in float64, rounds the
// projections to float32 for the inner variant's own reference, and projects its output in float64.
// Cost: n D^2 per projection of width D, plus the inner variant's; extra memory: the four projected arrays, plus the inner's.
#include <cblas.h>

#include <algorithm>
#include <string>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/registry.h"
#include "variants/api/variant.h"
#include "variants/kernels/random_weights.h"

namespace attnbench {
namespace {

constexpr std::int64_t kRows = 256;  // rows per product: W is packed once per 256 rows, a few per cent of the product

constexpr ParamSpec kParams[] = {
    choice_param("inner", "blockwise", "", "the attention between the projections: any other variant, with its default parameters"),
};

// ---- What prepare() leaves -----------------------------------------------------------------------------------------------

struct Layer {
  std::vector<float> query, key, value, output;  // [D, D] each, D the width of its array
  const Variant* inner;
  Params inner_params;
  Prepared inner_prepared;
};

struct Widths {
  std::int64_t query, key, value, output;
};

Widths widths(const Problem& p) { return {p.heads_q * p.d_qk, p.heads_kv * p.d_qk, p.heads_kv * p.d_v, p.heads_q * p.d_v}; }

const Variant* inner_of(const Params& params) { return find_variant(params.choice("inner")); }

double weight_count(const Problem& p) {
  const auto w = widths(p);
  return static_cast<double>(w.query * w.query + w.key * w.key + w.value * w.value + w.output * w.output);
}

Prepared make_layer(const PrepareTask& task) {
  const auto w = widths(task.problem);
  const auto square = [&](std::int64_t width, std::uint64_t stream) {
    return kernels::random_weights(width * width, width, task.seed, stream);
  };
  const Variant* inner = inner_of(task.params);
  const Params inner_params(inner->params);
  auto inner_prepared = prepare(*inner, task.problem, inner_params, task.seed, task.threads);
  const auto bytes = sizeof(float) * static_cast<std::size_t>(weight_count(task.problem)) + inner_prepared.bytes;
  return Prepared::of(Layer{square(w.query, 0), square(w.key, 1), square(w.value, 2), square(w.output, 3), inner, inner_params,
                            std::move(inner_prepared)},
                      bytes);
}

// The inner variant's own.
std::vector<InputSpec> extras(const Problem& p, const Params& params) {
  const Variant* inner = inner_of(params);
  return inner ? extras_of(*inner, p, Params(inner->params)) : std::vector<InputSpec>{};
}

void unsupported(const Problem& p, const Params& params, Reasons& reasons) {
  const Variant* inner = inner_of(params);
  if (inner == nullptr) {
    reasons.push_back("multi_head has no inner variant '" + params.choice("inner") + "'; `attnbench list` names them");
  } else if (inner->name == std::string_view("multi_head")) {
    reasons.push_back("multi_head cannot be its own inner variant");
  } else {
    for (auto& reason : unsupported_reasons(*inner, p, Params(inner->params))) reasons.push_back("multi_head: inner " + reason);
  }
}

// ---- Projections ---------------------------------------------------------------------------------------------------------

// Whether the heads of a row lie side by side in memory, so that the row is already concat(heads).
template <class T>
bool is_concatenated(const TensorView<T>& x) {
  return x.heads() == 1 || x.stride[1] == x.dim();
}

// Elements between two rows of concat(heads); at least the width, which BLAS insists on even for a single row.
template <class T>
std::int64_t concatenated_stride(const TensorView<T>& x) {
  return std::max(x.row_stride(), x.heads() * x.dim());
}

// panel [rows, heads d] = concat(heads) of rows [begin, end)
void gather(const TensorView<const float>& x, std::int64_t b, std::int64_t begin, std::int64_t end, float* panel) {
  const auto width = x.heads() * x.dim();
  for (auto i = begin; i < end; ++i)
    for (std::int64_t h = 0; h < x.heads(); ++h) std::copy_n(x.row(b, h, i), x.dim(), panel + (i - begin) * width + h * x.dim());
}

void scatter(const float* panel, const TensorView<float>& y, std::int64_t b, std::int64_t begin, std::int64_t end) {
  const auto width = y.heads() * y.dim();
  for (auto i = begin; i < end; ++i)
    for (std::int64_t h = 0; h < y.heads(); ++h) std::copy_n(panel + (i - begin) * width + h * y.dim(), y.dim(), y.row(b, h, i));
}

// concat(y) = concat(x) W, straight from and to the arrays where their layout allows, else through panels; panels: two of kRows x
// width floats per thread.
void project(const Parallel& parallel, const TensorView<const float>& x, const std::vector<float>& w, const TensorView<float>& y,
             float* panels) {
  const auto width = x.heads() * x.dim(), blocks = ceil_div(x.rows(), kRows);
  const auto d = static_cast<int>(width);
  parallel.for_each(x.batch() * blocks, [&](std::int64_t t, int slot) {
    const auto b = t / blocks, begin = t % blocks * kRows, end = std::min(x.rows(), begin + kRows);
    float* in_panel = panels + slot * 2 * kRows * width;
    float* out_panel = in_panel + kRows * width;
    const bool in_place = is_concatenated(x), out_place = is_concatenated(y);
    if (!in_place) gather(x, b, begin, end, in_panel);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(end - begin), d, d, 1.0f,
                in_place ? x.row(b, 0, begin) : in_panel, in_place ? static_cast<int>(concatenated_stride(x)) : d, w.data(), d,
                0.0f, out_place ? y.row(b, 0, begin) : out_panel, out_place ? static_cast<int>(concatenated_stride(y)) : d);
    if (!out_place) scatter(out_panel, y, b, begin, end);
  });
}

// ---- The run -------------------------------------------------------------------------------------------------------------

// A head-split view of an array [b, n, heads d] that lies densely in memory.
TensorRef split_heads(float* data, std::int64_t b, std::int64_t heads, std::int64_t n, std::int64_t d) {
  return {data, DType::f32, {b, heads, n, d}, {n * heads * d, d, heads * d, 1}};
}

std::int64_t panels_size(const Problem& p, int threads) {
  const auto w = widths(p);
  return threads * 2 * kRows * std::max({w.query, w.key, w.value, w.output});
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto& layer = task.prepared.as<Layer>();
  const auto array = [&](std::int64_t heads, std::int64_t n, std::int64_t d) {
    return split_heads(task.workspace.allocate<float>(p.batch * n * heads * d).data(), p.batch, heads, n, d);
  };
  const auto q = array(p.heads_q, p.n_q, p.d_qk), k = array(p.heads_kv, p.n_k, p.d_qk), v = array(p.heads_kv, p.n_k, p.d_v);
  const auto attended = array(p.heads_q, p.n_q, p.d_v);
  float* panels = task.workspace.allocate<float>(panels_size(p, task.parallel.threads())).data();

  project(task.parallel, task.inputs.queries(), layer.query, q.as<float>(), panels);
  project(task.parallel, task.inputs.keys(), layer.key, k.as<float>(), panels);
  project(task.parallel, task.inputs.values(), layer.value, v.as<float>(), panels);
  const Inputs projected{q, k, v, task.inputs.mask, task.inputs.extras};
  layer.inner->run({p, layer.inner_params, projected, attended, layer.inner_prepared, task.workspace, task.parallel});
  project(task.parallel, attended.as<const float>(), layer.output, task.out(), panels);
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const Variant& inner = *inner_of(params);
  const auto w = widths(p);
  return workspace_bytes<float>(p.batch * p.n_q * w.query) + workspace_bytes<float>(p.batch * p.n_k * w.key) +
         workspace_bytes<float>(p.batch * p.n_k * w.value) + workspace_bytes<float>(p.batch * p.n_q * w.output) +
         workspace_bytes<float>(panels_size(p, threads)) + declared_workspace(inner, p, Params(inner.params), threads);
}

// The inner variant's work, plus n D^2 per projection. bytes: the inner's, the arrays read and written around it, the weights.
Cost cost(const Problem& p, const Params& params) {
  const Variant& inner = *inner_of(params);
  const auto w = widths(p);
  Problem plain = p;
  plain.mask = {};
  Cost cost = inner.cost(p, Params(inner.params));
  cost.multiply_adds += static_cast<double>(p.batch) * (static_cast<double>(p.n_q) * (w.query * w.query + w.output * w.output) +
                                                        static_cast<double>(p.n_k) * (w.key * w.key + w.value * w.value));
  cost.bytes += 2 * compulsory_bytes(plain) + 4 * weight_count(p);
  return cost;
}

// ---- Float64 reference ---------------------------------------------------------------------------------------------------

// y[width] = x[width] W
void exact_projection(const double* x, const std::vector<float>& w, std::int64_t width, double* y) {
  std::fill_n(y, width, 0.0);
  for (std::int64_t i = 0; i < width; ++i) {
    const float* row = w.data() + i * width;
    for (std::int64_t c = 0; c < width; ++c) y[c] += x[i] * static_cast<double>(row[c]);
  }
}

// The projected array [b, heads, n, d], rounded to float32.
Tensor exact_projected(const TensorView<const float>& x, const std::vector<float>& w, const Parallel& parallel) {
  Tensor y(x.shape);
  const auto width = x.heads() * x.dim();
  parallel.for_ranges(x.batch() * x.rows(), 16, [&](std::int64_t begin, std::int64_t end, int) {
    std::vector<double> row(static_cast<std::size_t>(width)), projected(row.size());
    for (auto t = begin; t < end; ++t) {
      const auto b = t / x.rows(), i = t % x.rows();
      for (std::int64_t c = 0; c < width; ++c) row[static_cast<std::size_t>(c)] = x.row(b, c / x.dim(), i)[c % x.dim()];
      exact_projection(row.data(), w, width, projected.data());
      for (std::int64_t c = 0; c < width; ++c)
        y.view().row(b, c / x.dim(), i)[c % x.dim()] = static_cast<float>(projected[static_cast<std::size_t>(c)]);
    }
  });
  return y;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto& layer = task.prepared.as<Layer>();
  const auto row_count = static_cast<std::int64_t>(task.rows.size()), width = widths(p).output;
  const auto q = exact_projected(task.inputs.queries(), layer.query, task.parallel);
  const auto k = exact_projected(task.inputs.keys(), layer.key, task.parallel);
  const auto v = exact_projected(task.inputs.values(), layer.value, task.parallel);
  const Inputs projected{q.ref(), k.ref(), v.ref(), task.inputs.mask, task.inputs.extras};
  reference(*layer.inner, {p, layer.inner_params, projected, layer.inner_prepared, task.rows, task.out, task.parallel});

  std::vector<double> attended(static_cast<std::size_t>(width)), row(attended.size());
  for (std::int64_t t = 0; t < p.batch * row_count; ++t) {
    const auto b = t / row_count, r = t % row_count;
    for (std::int64_t h = 0; h < p.heads_q; ++h) std::copy_n(task.out_row(b, h, r), p.d_v, attended.data() + h * p.d_v);
    exact_projection(attended.data(), layer.output, width, row.data());
    for (std::int64_t h = 0; h < p.heads_q; ++h) std::copy_n(row.data() + h * p.d_v, p.d_v, task.out_row(b, h, r));
  }
}

}  // namespace

ATTNBENCH_VARIANT(multi_head) = {
    .name = "multi_head",
    .summary = "query, key, value and output projections around any other variant",
    .paper = "Vaswani et al. 2017, Attention Is All You Need, section 3.2.2",
    .equation = "O = concat_h(inner(X_q W_q, X_k W_k, X_v W_v)) W_o",
    .computes = Computes::own_definition,
    .time_label = "O(n D^2) + inner",
    .memory_label = "O(n D) + inner",
    .supports = kEverything,
    .laws = kKeyPermutation | kScoreShift,
    .params = kParams,
    .extras = extras,
    .unsupported = unsupported,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_layer,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
