// Additive attention: a one-layer network scores each pair instead of a dot product.
//
//   s_ij = w_v . tanh(W_q q_i + W_k k_j),  O = softmax(s + mask) V      Bahdanau et al. 2015, section 3.1 and appendix A.1.2
//
// W_q, W_k [d_a, d_qk] and w_v [d_a] are made in prepare() from the seed and shared by all heads; weights=identity takes
// W_q = W_k = I and w_v = 1 instead, which is the form without a projection that Keras calls AdditiveAttention. The score has
// no scale and no softcap, so problems that set one are refused. W_q q_i and W_k k_j are computed once per row (BLAS), then
// each query row is scored against its visible keys (vectorised tanh), normalised and weighed on its own: neither an
// [n_q, n_k, d_a] nor an [n_q, n_k] array is ever stored.
// Cost: n_q n_k d_a tanh and n_q n_k (d_a + d_v) multiply-adds per head; extra memory: (n_q + n_k) d_a per head, n_k per thread.
#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/random_weights.h"
#include "variants/kernels/simd/vector_ops.h"
#include "variants/kernels/softmax/attention_row.h"

namespace attnbench {
namespace {

constexpr std::int64_t kProjectRows = 256;  // rows per product
constexpr std::int64_t kTaskRows = 8;       // query rows per task: a short problem is one task and never leaves its thread

constexpr ParamSpec kParams[] = {
    integer_param("d_a", 0, 0, 65536, "width of the scoring layer; 0 takes d_qk"),
    choice_param("weights", "random", "random|identity", "random: drawn from the seed; identity: W_q = W_k = I, w_v = 1"),
};

std::int64_t width(const Problem& p, const Params& params) {
  const auto d_a = params.integer("d_a");
  return d_a == 0 ? p.d_qk : d_a;
}

struct Weights {
  std::vector<float> query, key;  // [d_a, d_qk]
  std::vector<float> score;       // [d_a]
};

std::vector<float> identity(std::int64_t d) {
  std::vector<float> matrix(static_cast<std::size_t>(d * d), 0.0f);
  for (std::int64_t c = 0; c < d; ++c) matrix[static_cast<std::size_t>(c * (d + 1))] = 1.0f;
  return matrix;
}

Prepared make_weights(const PrepareTask& task) {
  const auto d = task.problem.d_qk, d_a = width(task.problem, task.params);
  const auto bytes = sizeof(float) * static_cast<std::size_t>(2 * d_a * d + d_a);
  if (task.params.choice("weights") == "identity")
    return Prepared::of(Weights{identity(d), identity(d), std::vector<float>(static_cast<std::size_t>(d_a), 1.0f)}, bytes);
  return Prepared::of(Weights{kernels::random_weights(d_a * d, d, task.seed, 0), kernels::random_weights(d_a * d, d, task.seed, 1),
                              kernels::random_weights(d_a, d_a, task.seed, 2)},
                      bytes);
}

void unsupported(const Problem& p, const Params& params, Reasons& reasons) {
  if (params.choice("weights") == "identity" && width(p, params) != p.d_qk)
    reasons.push_back("additive with weights=identity needs d_a equal to d_qk");
}

// y [b, heads, n, d_a], dense: x W^T, shared out over blocks of rows.
void project(const RunTask& task, const TensorView<const float>& x, const std::vector<float>& w, std::int64_t d_a, float* y) {
  const auto blocks = ceil_div(x.rows(), kProjectRows);
  task.parallel.for_each(x.batch() * x.heads() * blocks, [&](std::int64_t t, int) {
    const auto head = t / blocks, begin = t % blocks * kProjectRows, rows = std::min(kProjectRows, x.rows() - begin);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(rows), static_cast<int>(d_a), static_cast<int>(x.dim()),
                1.0f, x.row(head / x.heads(), head % x.heads(), begin), static_cast<int>(x.row_stride()), w.data(),
                static_cast<int>(x.dim()), 0.0f, y + (head * x.rows() + begin) * d_a, static_cast<int>(d_a));
  });
}

// query: W_q q_i; keys: W_k k_j of this row's head, [n_k, d_a]; weights: scratch of n_k floats.
void attend_row(const RunTask& task, std::int64_t b, std::int64_t h, std::int64_t i, const float* query, const float* keys,
                float* weights) {
  const auto& p = task.problem;
  const auto v = task.inputs.values();
  const auto& w_v = task.prepared.as<Weights>().score;
  const auto d_a = static_cast<std::int64_t>(w_v.size());
  const auto visible = visible_keys(p, b, i);
  float* out = task.out().row(b, h, i);
  std::fill_n(out, p.d_v, 0.0f);
  kernels::additive_scores(query, keys + visible.begin * d_a, d_a, w_v.data(), d_a, visible.size(), weights);
  kernels::scores_to_weights(p, task.inputs, b, h, i, visible, weights);
  for (auto j = visible.begin; j < visible.end; ++j) {
    const float weight = weights[j - visible.begin];
    if (weight != 0.0f) kernels::axpy(weight, v.row(b, p.kv_head(h), j), out, p.d_v);  // a masked key's value may be NaN
  }
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto& w = task.prepared.as<Weights>();
  const auto d_a = static_cast<std::int64_t>(w.score.size());
  const auto queries = task.workspace.allocate<float>(p.batch * p.heads_q * p.n_q * d_a);
  const auto keys = task.workspace.allocate<float>(p.batch * p.heads_kv * p.n_k * d_a);
  const auto weights = task.workspace.allocate<float>(task.parallel.threads() * p.n_k);
  project(task, task.inputs.queries(), w.query, d_a, queries.data());
  project(task, task.inputs.keys(), w.key, d_a, keys.data());
  task.parallel.for_ranges(p.batch * p.heads_q * p.n_q, kTaskRows, [&](std::int64_t begin, std::int64_t end, int slot) {
    for (auto t = begin; t < end; ++t) {
      const auto b = t / (p.heads_q * p.n_q), h = t / p.n_q % p.heads_q;
      const float* head_keys = keys.data() + (b * p.heads_kv + p.kv_head(h)) * p.n_k * d_a;
      attend_row(task, b, h, t % p.n_q, queries.data() + t * d_a, head_keys, weights.data() + slot * p.n_k);
    }
  });
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const auto d_a = width(p, params);
  return workspace_bytes<float>(p.batch * p.heads_q * p.n_q * d_a) + workspace_bytes<float>(p.batch * p.heads_kv * p.n_k * d_a) +
         workspace_bytes<float>(threads * p.n_k);
}

// exps: one tanh per pair and unit of the scoring layer, one exp per pair. bytes: both projections are written and read.
Cost cost(const Problem& p, const Params& params) {
  const auto d_a = static_cast<double>(width(p, params)), pairs = visible_pairs(p);
  const auto rows = static_cast<double>(p.batch * (p.heads_q * p.n_q + p.heads_kv * p.n_k));
  return {.multiply_adds = rows * d_a * static_cast<double>(p.d_qk) + pairs * (d_a + static_cast<double>(p.d_v)),
          .exps = pairs * (d_a + 1),
          .bytes = compulsory_bytes(p) + 2 * 4 * rows * d_a,
          .pairs = pairs};
}

// ---- Float64 reference ---------------------------------------------------------------------------------------------------

// x W^T for every row of one head: [rows, d_a].
std::vector<double> exact_projection(const TensorView<const float>& x, std::int64_t b, std::int64_t h,
                                     const std::vector<float>& w) {
  const auto d = x.dim(), d_a = static_cast<std::int64_t>(w.size()) / d;
  std::vector<double> y(static_cast<std::size_t>(x.rows() * d_a), 0.0);
  for (std::int64_t i = 0; i < x.rows(); ++i)
    for (std::int64_t a = 0; a < d_a; ++a)
      for (std::int64_t c = 0; c < d; ++c)
        y[static_cast<std::size_t>(i * d_a + a)] += static_cast<double>(w[static_cast<std::size_t>(a * d + c)]) * x.row(b, h, i)[c];
  return y;
}

// Scores of one row; a key it may not see is -inf and never used.
std::vector<double> exact_scores(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, const double* query,
                                 const std::vector<double>& keys) {
  const auto& p = task.problem;
  const auto& w_v = task.prepared.as<Weights>().score;
  std::vector<double> scores(static_cast<std::size_t>(p.n_k), -std::numeric_limits<double>::infinity());
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    if (!problem_attends(p, task.inputs, b, h, i, j)) continue;
    double s = p.mask.kind == MaskKind::additive ? double{task.inputs.mask.as<const float>().row(b, h, i)[j]} : 0.0;
    const double* key = keys.data() + static_cast<std::size_t>(j) * w_v.size();
    for (std::size_t a = 0; a < w_v.size() && std::isfinite(s); ++a)
      s += static_cast<double>(w_v[a]) * std::tanh(query[a] + key[a]);
    scores[static_cast<std::size_t>(j)] = s;
  }
  return scores;
}

void exact_row(const OracleTask& task, std::int64_t b, std::int64_t h, const std::vector<double>& scores, double* out) {
  const auto& p = task.problem;
  const double top = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  std::fill_n(out, p.d_v, 0.0);
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    const double s = scores[static_cast<std::size_t>(j)];
    if (s == -std::numeric_limits<double>::infinity()) continue;
    const double weight = std::exp(s - top);
    const float* value = task.inputs.values().row(b, p.kv_head(h), j);
    total += weight;
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weight * static_cast<double>(value[c]);
  }
  for (std::int64_t c = 0; c < p.d_v && total > 0; ++c) out[c] /= total;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto& w = task.prepared.as<Weights>();
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int) {
    const auto b = t / p.heads_q, h = t % p.heads_q;
    const auto queries = exact_projection(task.inputs.queries(), b, h, w.query);
    const auto keys = exact_projection(task.inputs.keys(), b, p.kv_head(h), w.key);
    for (std::size_t r = 0; r < task.rows.size(); ++r) {
      const double* query = queries.data() + static_cast<std::size_t>(task.rows[r]) * w.score.size();
      exact_row(task, b, h, exact_scores(task, b, h, task.rows[r], query, keys), task.out_row(b, h, static_cast<std::int64_t>(r)));
    }
  });
}

}  // namespace

ATTNBENCH_VARIANT(additive) = {
    .name = "additive",
    .summary = "scores w_v . tanh(W_q q + W_k k), softmax row by row, no n x n array",
    .paper = "Bahdanau et al. 2015, Neural Machine Translation by Jointly Learning to Align and Translate, appendix A.1.2",
    .equation = "O = softmax(s + mask) V with s_ij = w_v . tanh(W_q q_i + W_k k_j)",
    .computes = Computes::own_definition,
    .time_label = "O(n^2 d_a)",
    .memory_label = "O(n d_a)",
    .supports = kEverything & ~(kScale | kSoftcap),
    .laws = kSoftmaxLaws,
    .rates = {5e9, 0.8e9},  // vectorised tanh
    .params = kParams,
    .unsupported = unsupported,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_weights,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
