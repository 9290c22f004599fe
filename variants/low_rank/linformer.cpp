// Linformer: keys and values projected along the sequence to k rows, then plain attention over those.
//
//   O = softmax(s Q (E K)^T) (F V),  E, F in R^{k x n}                   Wang et al. 2020, Linformer, section 4, equation 7
//
//     projection=mean      row r of E averages segment r of the keys, which are cut into segments of ceil(n / k); E = F
//     projection=gaussian  elements N(0, 1/k), as in the paper's theorems
//     projection=uniform   elements in +-1/sqrt(n), as a linear layer is initialised
//
// E is learned in the paper. Drawn at random it is no approximation: a projected key has sqrt(n / k) times the norm of a key, and
// the softmax sees that (only the cost is meaningful; what the theorems promise, A E^T E V near A V, holds of projections after the
// softmax). Hence the default mean, which is exact from k = n on. Key lengths cut E's columns, so that padding is never read.
// Causal: there is no such thing, for every projected key mixes all positions; refused.
// Cost: n k (d + d_v) multiply-adds per head for the attention, n (d + d_v) for the means, n k (d + d_v) for random projections;
// extra memory k (d + d_v) per head, k n of weights where they are drawn. Measured (AVX-512, one thread, b1 h8 n4096 d64, rank
// 256): 0.85 of blockwise's multiply-adds per second, with drawn projections 0.90.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/linear/dense_product.h"
#include "variants/kernels/random_weights.h"
#include "variants/kernels/softmax/tile_engine.h"

namespace attnbench {
namespace {

constexpr std::int64_t kTaskRows = 64;   // projected rows per task
constexpr std::int64_t kTaskKeys = 128;  // keys per product, which stay in L1

constexpr ParamSpec kParams[] = {
    integer_param("rank", 256, 1, 1 << 20, "rows k that keys and values are projected to; n_k if that is less"),
    choice_param("projection", "mean", "mean|gaussian|uniform", "segment means, or drawn from the seed"),
    choice_param("share", "kv", "kv|none", "drawn projections: one for keys and values (E = F), or one for each"),
};

bool takes_means(const Params& params) { return params.choice("projection") == "mean"; }

// Keys of a segment, where `count` keys give at most k means.
std::int64_t segment_length(std::int64_t count, std::int64_t k) { return std::max<std::int64_t>(1, ceil_div(count, k)); }

// Projected keys of a batch entry.
std::int64_t projected_count(const Problem& p, const Params& params, std::int64_t b) {
  const auto k = std::min(params.integer("rank"), p.n_k);
  return takes_means(params) ? ceil_div(p.key_count(b), segment_length(p.key_count(b), k)) : k;
}

// Plain attention over the projected keys.
Problem projected_problem(const Problem& p, const Params& params) {
  Problem inner = p;
  inner.n_k = 1;
  inner.key_lengths.clear();
  for (std::int64_t b = 0; b < p.batch; ++b) inner.n_k = std::max(inner.n_k, projected_count(p, params, b));
  if (p.key_lengths.empty()) return inner;
  for (std::int64_t b = 0; b < p.batch; ++b) inner.key_lengths.push_back(projected_count(p, params, b));
  return inner;
}

struct State {
  Problem inner;
  std::vector<float> keys, values;  // E and F [k][n_k]; F empty where it is E, both where they are means
};

std::vector<float> draw(const Problem& p, const Params& params, std::int64_t k, std::uint64_t seed, std::uint64_t stream) {
  if (params.choice("projection") == "uniform") return kernels::random_weights(k * p.n_k, 3 * p.n_k, seed, stream);
  std::vector<float> matrix;
  for (const double x : kernels::random_normals(k * p.n_k, seed, stream))
    matrix.push_back(static_cast<float>(x / std::sqrt(static_cast<double>(k))));
  return matrix;
}

Prepared make_state(const PrepareTask& task) {
  State state{.inner = projected_problem(task.problem, task.params), .keys = {}, .values = {}};
  if (!takes_means(task.params)) {
    state.keys = draw(task.problem, task.params, state.inner.n_k, task.seed, 0);
    if (task.params.choice("share") == "none") state.values = draw(task.problem, task.params, state.inner.n_k, task.seed, 1);
  }
  const auto bytes = sizeof(float) * (state.keys.size() + state.values.size());
  return Prepared::of(std::move(state), bytes);
}

// ---- The computation -----------------------------------------------------------------------------------------------------

using kernels::padded;

// Rows of means of x's rows: to [., padded(d)].
void average(const TensorView<const float>& x, std::int64_t b, std::int64_t h, std::int64_t keys, std::int64_t length,
             KeyRange rows, float* to) {
  for (auto r = rows.begin; r < rows.end; ++r, to += padded(x.dim()))
    kernels::mean_of_rows({x.row(b, h, r * length), x.row_stride()}, std::min(length, keys - r * length), x.dim(), to);
}

// The same rows of E x, over the first `keys` rows of x; copy [kTaskKeys, padded(d)] is for rows that end within a vector.
void multiply(const TensorView<const float>& x, std::int64_t b, std::int64_t h, std::int64_t keys, const std::vector<float>& e,
              KeyRange rows, float* to, float* copy) {
  const auto width = padded(x.dim());
  if (keys == 0) return void(std::fill_n(to, rows.size() * width, 0.0f));
  for (std::int64_t first = 0; first < keys; first += kTaskKeys) {
    const auto count = std::min(kTaskKeys, keys - first);
    kernels::Rows<const float> part{x.row(b, h, first), x.row_stride()};
    if (x.dim() != width) {
      for (std::int64_t j = 0; j < count; ++j) std::copy_n(x.row(b, h, first + j), x.dim(), copy + j * width);
      part = {copy, width};
    }
    kernels::multiply(
        {rows.size(), x.dim(), count, {e.data() + rows.begin * x.rows() + first, x.rows()}, part, {to, width}, first > 0});
  }
}

// Projects x [b, h, n_k, d] to [b, h, inner n_k, padded(d)] by means, or by e.
void project(const RunTask& task, const TensorView<const float>& x, const std::vector<float>& e, float* to, float* copies) {
  const auto& p = task.problem;
  const auto n = task.prepared.as<State>().inner.n_k, blocks = ceil_div(n, kTaskRows), width = padded(x.dim());
  task.parallel.for_each(p.batch * p.heads_kv * blocks, [&](std::int64_t t, int slot) {
    const auto head = t / blocks, b = head / p.heads_kv, h = head % p.heads_kv, keys = p.key_count(b);
    const KeyRange rows{t % blocks * kTaskRows, std::min(projected_count(p, task.params, b), (t % blocks + 1) * kTaskRows)};
    float* first = to + (head * n + rows.begin) * width;
    if (!e.empty()) return multiply(x, b, h, keys, e, rows, first, copies + slot * kTaskKeys * width);
    average(x, b, h, keys, segment_length(keys, std::min(task.params.integer("rank"), p.n_k)), rows, first);
  });
}

// Projected rows as they lie: [b, h, n, padded(d)].
TensorRef projected(const Problem& inner, std::int64_t d, float* data) {
  return {data,
          DType::f32,
          {inner.batch, inner.heads_kv, inner.n_k, d},
          dense_strides({inner.batch, inner.heads_kv, inner.n_k, padded(d)})};
}

std::int64_t projected_rows(const Problem& inner) { return inner.batch * inner.heads_kv * inner.n_k; }

void run(const RunTask& task) {
  const auto& [inner, e, f] = task.prepared.as<State>();
  float* keys = task.workspace.allocate<float>(projected_rows(inner) * padded(inner.d_qk)).data();
  float* values = task.workspace.allocate<float>(projected_rows(inner) * padded(inner.d_v)).data();
  const auto copy = kTaskKeys * padded(std::max(inner.d_qk, inner.d_v));
  float* copies = e.empty() ? nullptr : task.workspace.allocate<float>(task.parallel.threads() * copy).data();
  project(task, task.inputs.keys(), e, keys, copies);
  project(task, task.inputs.values(), f.empty() ? e : f, values, copies);
  const Inputs inputs{task.inputs.q, projected(inner, inner.d_qk, keys), projected(inner, inner.d_v, values), {}};
  kernels::attend({inner, task.params, inputs, task.output, task.prepared, task.workspace, task.parallel}, kernels::AllKeys(inner));
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const auto inner = projected_problem(p, params);
  const auto copy = kTaskKeys * padded(std::max(inner.d_qk, inner.d_v));
  return workspace_bytes<float>(projected_rows(inner) * padded(inner.d_qk)) +
         workspace_bytes<float>(projected_rows(inner) * padded(inner.d_v)) +
         (takes_means(params) ? 0 : workspace_bytes<float>(threads * copy)) +
         kernels::tile_workspace(inner, kernels::AllKeys(inner), threads);
}

// A mean takes each key once, a drawn projection once for each of its rows. bytes: the projected keys and values are written and
// read, E and F are read.
Cost cost(const Problem& p, const Params& params) {
  const double dims = static_cast<double>(p.d_qk + p.d_v);
  const double matrices = takes_means(params) ? 0 : params.choice("share") == "none" ? 2 : 1;
  Cost cost{.bytes = compulsory_bytes(p)};
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const auto keys = static_cast<double>(p.key_count(b) * p.heads_kv), k = static_cast<double>(projected_count(p, params, b));
    const auto pairs = static_cast<double>(p.heads_q * p.n_q) * k;
    cost.multiply_adds += dims * (keys * (takes_means(params) ? 1 : k) + pairs);
    cost.exps += pairs;
    cost.bytes += 8 * static_cast<double>(p.heads_kv) * k * dims;
    if (b == 0) cost.bytes += 4 * matrices * k * static_cast<double>(p.n_k);
  }
  return cost;
}

// ---- Float64 reference: E and F as matrices --------------------------------------------------------------------------------

using Matrix = std::vector<std::vector<double>>;

// E or F of a batch entry: [projected][keys].
Matrix exact_projection(const OracleTask& task, std::int64_t b, const std::vector<float>& drawn) {
  const auto& p = task.problem;
  const auto keys = p.key_count(b);
  const auto k = std::min(task.params.integer("rank"), p.n_k);
  Matrix e;
  if (!drawn.empty()) {
    for (std::int64_t r = 0; r < k; ++r) e.emplace_back(drawn.begin() + r * p.n_k, drawn.begin() + r * p.n_k + keys);
    return e;
  }
  const auto length = (keys + k - 1) / k;
  for (std::int64_t first = 0; first < keys; first += length) {
    std::vector<double> row(static_cast<std::size_t>(keys), 0.0);
    const auto last = std::min(keys, first + length);
    for (auto j = first; j < last; ++j) row[static_cast<std::size_t>(j)] = 1.0 / static_cast<double>(last - first);
    e.push_back(std::move(row));
  }
  return e;
}

Matrix exact_product(const Matrix& e, const TensorView<const float>& x, std::int64_t b, std::int64_t h) {
  Matrix product(e.size(), std::vector<double>(static_cast<std::size_t>(x.dim()), 0.0));
  for (std::size_t r = 0; r < e.size(); ++r)
    for (std::size_t j = 0; j < e[r].size(); ++j) {
      if (e[r][j] == 0) continue;
      const float* row = x.row(b, h, static_cast<std::int64_t>(j));
      for (std::size_t c = 0; c < product[r].size(); ++c) product[r][c] += e[r][j] * static_cast<double>(row[c]);
    }
  return product;
}

void exact_row(const float* query, double scale, const Matrix& keys, const Matrix& values, double* out, std::int64_t d_v) {
  std::vector<double> scores;
  double top = -std::numeric_limits<double>::infinity(), total = 0;
  for (const auto& key : keys) {
    double score = 0;
    for (std::size_t c = 0; c < key.size(); ++c) score += static_cast<double>(query[c]) * key[c];
    scores.push_back(scale * score);
    top = std::max(top, scores.back());
  }
  std::fill_n(out, d_v, 0.0);
  for (std::size_t r = 0; r < scores.size(); ++r) {
    const double weight = std::exp(scores[r] - top);
    total += weight;
    for (std::int64_t c = 0; c < d_v; ++c) out[c] += weight * values[r][static_cast<std::size_t>(c)];
  }
  for (std::int64_t c = 0; c < d_v && total > 0; ++c) out[c] /= total;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto& state = task.prepared.as<State>();
  const auto group = p.heads_q / p.heads_kv;
  task.parallel.for_each(p.batch * p.heads_kv, [&](std::int64_t t, int) {
    const auto b = t / p.heads_kv, kv = t % p.heads_kv;
    const auto keys = exact_product(exact_projection(task, b, state.keys), task.inputs.keys(), b, kv);
    const auto values =
        exact_product(exact_projection(task, b, state.values.empty() ? state.keys : state.values), task.inputs.values(), b, kv);
    for (auto h = kv * group; h < (kv + 1) * group; ++h)
      for (std::size_t r = 0; r < task.rows.size(); ++r)
        exact_row(task.inputs.queries().row(b, h, task.rows[r]), p.effective_scale(), keys, values,
                  task.out_row(b, h, static_cast<std::int64_t>(r)), p.d_v);
  });
}

}  // namespace

ATTNBENCH_VARIANT(linformer) = {
    .name = "linformer",
    .summary = "keys and values projected along the sequence to k rows, then plain attention",
    .paper = "Wang et al. 2020, Linformer: Self-Attention with Linear Complexity, section 4",
    .equation = "O = softmax(Q (E K)^T / sqrt(d)) (F V), E and F [k, n]; E = F = means of segments unless drawn",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n k d)",
    .memory_label = "O(k d)",
    .supports = kGqa | kCross | kUnequalDims | kKeyLengths | kScale,
    .laws = kIndependentHeads | kWeightsReadable,
    .rates = {20e9, 0.4e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_state,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
