// Cosine attention: the angle between query and key in place of their product, so that their lengths say nothing.
//
//   s_ij = scale cos(q_i, k_j),  O = softmax(s) V
//                            Liu et al. 2022, Swin Transformer V2, section 3.2, equation 2 (scale = 1 / tau)
//                            Henry et al. 2020, Query-Key Normalization for Transformers, section 3
//
// cos is the product over max(|q|, eps) max(|k|, eps), eps = 1e-12: a vector of zeros has the score 0 with all. Both papers learn
// the scale; Swin V2 starts at 10 and stops at 100. It takes the place of 1/sqrt(d), and a scale of the problem takes its place.
//
// Cost: that of blockwise and the norms, n d. Queries are scaled when they are laid out in lanes, scores by 1/|k_j| key by key, so
// that no second copy of Q or K is made; extra memory: one number per query and key. Measured on one thread, AVX-512: 1.05 to
// 1.06 times as long as blockwise, b1 h8 n1024 d64; decoding, b1 h8:2 n1:8192 d128, 1.35 times, as the norms read K once more.
#include <cmath>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/simd/vector_ops.h"
#include "variants/kernels/softmax/exact_attention.h"

namespace attnbench {
namespace {

constexpr double kEps = 1e-12;
constexpr std::int64_t kRows = 256;  // per task

constexpr ParamSpec kParams[] = {
    real_param("scale", 10, 0.01, 100, "factor of the cosine, 1 / tau; a scale of the problem replaces it"),
};

// |x|, in double where the sum of squares would leave float32.
double norm(const float* x, std::int64_t d) {
  const float sum = kernels::dot(x, x, d);
  if (sum > 1e-30f && sum < 1e30f) return std::sqrt(double{sum});
  double exact = 0;
  for (std::int64_t c = 0; c < d; ++c) exact += double{x[c]} * double{x[c]};
  return std::sqrt(exact);
}

// factors [b, heads, n] = numerator / max(|x|, eps)
void invert_norms(const RunTask& task, const TensorView<const float>& x, double numerator, float* factors) {
  task.parallel.for_ranges(x.batch() * x.heads() * x.rows(), kRows, [&](std::int64_t begin, std::int64_t end, int) {
    for (auto t = begin; t < end; ++t) {
      const auto head = t / x.rows();
      factors[t] =
          static_cast<float>(numerator / std::max(norm(x.row(head / x.heads(), head % x.heads(), t % x.rows()), x.dim()), kEps));
    }
  });
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  float* queries = task.workspace.allocate<float>(p.batch * p.heads_q * p.n_q).data();
  float* keys = task.workspace.allocate<float>(p.batch * p.heads_kv * p.n_k).data();
  const double scale = p.scale ? 1 : task.params.real("scale") / p.effective_scale();  // the engine puts 1/sqrt(d) on top
  invert_norms(task, task.inputs.queries(), scale, queries);
  invert_norms(task, task.inputs.keys(), 1, keys);
  kernels::attend_all(task, {.query_factor = queries, .key_factor = keys});
}

std::size_t workspace(const Problem& p, const Params&, int threads) {
  return workspace_bytes<float>(p.batch * p.heads_q * p.n_q) + workspace_bytes<float>(p.batch * p.heads_kv * p.n_k) +
         kernels::all_keys_workspace(p, threads);
}

Cost cost(const Problem& p, const Params&) {
  auto cost = kernels::all_keys_cost(p);
  const auto rows = static_cast<double>(p.batch * (p.heads_q * p.n_q + p.heads_kv * p.n_k));
  cost.multiply_adds += rows * static_cast<double>(p.d_qk);
  cost.bytes += 4 * rows * 2;  // the norms, written and read
  return cost;
}

// ---- Float64 reference: equation 2 pair by pair ----------------------------------------------------------------------------

double exact_dot(const float* x, const float* y, std::int64_t d) {
  double sum = 0;
  for (std::int64_t c = 0; c < d; ++c) sum += static_cast<double>(x[c]) * static_cast<double>(y[c]);
  return sum;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto k = task.inputs.keys();
  std::vector<double> lengths;  // [b, h_kv, n_k]
  for (std::int64_t t = 0; t < p.batch * p.heads_kv * p.n_k; ++t) {
    const float* key = k.row(t / (p.heads_kv * p.n_k), t / p.n_k % p.heads_kv, t % p.n_k);
    lengths.push_back(std::max(std::sqrt(exact_dot(key, key, p.d_qk)), kEps));
  }
  const double scale = p.scale ? *p.scale : task.params.real("scale");
  weighted_oracle(task, [&](const OracleRow& row, std::span<double> weights) {
    const auto [b, h, i, keys] = row;
    const auto head = p.kv_head(h);
    const float* query = task.inputs.queries().row(b, h, i);
    const double length = std::max(std::sqrt(exact_dot(query, query, p.d_qk)), kEps);
    for (std::size_t t = 0; t < keys.size(); ++t) {
      const double product = length * lengths[static_cast<std::size_t>((b * p.heads_kv + head) * p.n_k + keys[t])];
      const double s = scale * (exact_dot(query, k.row(b, head, keys[t]), p.d_qk) / product);
      weights[t] = softcapped(p, s) + bias_of(p, task.inputs, b, h, i, keys[t]);
    }
    softmax_of(weights);
  });
}

}  // namespace

ATTNBENCH_VARIANT(cosine) = {
    .name = "cosine",
    .summary = "softmax over scaled cosines: lengths of queries and keys do not matter",
    .paper = "Liu et al. 2022, Swin Transformer V2, section 3.2; Henry et al. 2020, Query-Key Normalization, section 3",
    .equation = "O = softmax(scale cos(q_i, k_j) + mask) V with cos(q, k) = q . k / (|q| |k|)",
    .computes = Computes::own_definition,
    .time_label = "O(n^2 d)",
    .memory_label = "O(n)",
    .supports = kEverything,
    .laws = kSoftmaxLaws | kScaleInvariance,
    .rates = {30e9, 0.5e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
