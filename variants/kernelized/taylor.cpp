// Taylor attention (Based): exp(x) replaced by 1 + x + x^2 / 2, which is a dot product of explicit features.
//
//   w_ij = 1 + x + x^2 / 2, x = s q_i.k_j;  o_i = sum_j w_ij v_j / sum_j w_ij           Arora et al. 2024, Based, section 3.1
//
// x^2 is a sum over pairs of channels, each pair a < b taken once: 1 + d + d (d + 1) / 2 features, 45, 153, 561, 2145 for d = 8,
// 16, 32, 64. The query's side holds the scale and the halves. Weights are at least 1/2, so that the sum needs no epsilon
// (published codes add 1e-6 or 1e-12). Based projects to d = 16 because the features of 64 channels take more work than softmax
// below n = 2145, causally 4290: more than 96 channels are refused, as is their memory of a head. Cost: m (d_v + 1) multiply-adds
// for a row and m d_v for a key, m features; extra memory m d_v per head.
#include <algorithm>
#include <cmath>
#include <string>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/linear/feature_sums.h"

namespace attnbench {
namespace {

std::int64_t feature_count(std::int64_t d) { return 1 + d + d * (d + 1) / 2; }

void unsupported(const Problem& p, const Params&, Reasons& reasons) {
  if (p.d_qk > kernels::kMostQuadratic)
    reasons.push_back("taylor has " + std::to_string(feature_count(p.d_qk)) + " features for " + std::to_string(p.d_qk) +
                      " channels; it takes up to 96 channels");
}

class TaylorFeatures final : public kernels::FeatureMap {
 public:
  explicit TaylorFeatures(const Problem& p) : d_(p.d_qk), scale_(static_cast<float>(p.effective_scale())) {}
  std::int64_t features() const override { return feature_count(d_); }
  kernels::FeatureForm form() const override { return kernels::FeatureForm::values; }
  void queries(kernels::PanelRows<const float> x, std::int64_t count, const kernels::FeaturePanel& to, float*) const override {
    kernels::quadratic_features({d_, scale_, 0.5f * scale_ * scale_, scale_ * scale_}, x.rows, count, to.phi, to.stride);
  }
  void keys(kernels::PanelRows<const float> x, std::int64_t count, const kernels::FeaturePanel& to, float*) const override {
    kernels::quadratic_features({d_, 1, 1, 1}, x.rows, count, to.phi, to.stride);
  }

 private:
  std::int64_t d_;
  float scale_;
};

void run(const RunTask& task) {
  const TaylorFeatures map(task.problem);
  kernels::attend_linearly(task, kernels::FeatureSums(task.problem, map));
}

std::size_t workspace(const Problem& p, const Params&, int threads) {
  const TaylorFeatures map(p);
  return kernels::linear_workspace(p, kernels::FeatureSums(p, map), threads);
}

// The features themselves are one multiplication each, not counted.
Cost cost(const Problem& p, const Params&) {
  const double m = static_cast<double>(feature_count(p.d_qk)), d_v = static_cast<double>(p.d_v);
  const auto [keys, rows, depth] = kernels::linear_counts(p);
  return {
      .multiply_adds = keys * m * d_v + rows * m * (d_v + 1), .exps = 0, .bytes = compulsory_bytes(p), .pairs = 0, .depth = depth};
}

// ---- Float64 reference: the polynomial of every score ----------------------------------------------------------------------

void exact_row(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, double* out) {
  const auto& p = task.problem;
  const float* q = task.inputs.queries().row(b, h, i);
  double total = 0;
  std::fill_n(out, p.d_v, 0.0);
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    if (!problem_attends(p, task.inputs, b, h, i, j)) continue;
    const float *k = task.inputs.keys().row(b, p.kv_head(h), j), *v = task.inputs.values().row(b, p.kv_head(h), j);
    double x = 0;
    for (std::int64_t c = 0; c < p.d_qk; ++c) x += static_cast<double>(q[c]) * static_cast<double>(k[c]);
    x *= p.effective_scale();
    const double weight = 1 + x + x * x / 2;
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weight * static_cast<double>(v[c]);
    total += weight;
  }
  for (std::int64_t c = 0; c < p.d_v && total != 0; ++c) out[c] /= total;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int) {
    const auto b = t / p.heads_q, h = t % p.heads_q;
    for (std::size_t r = 0; r < task.rows.size(); ++r)
      exact_row(task, b, h, task.rows[r], task.out_row(b, h, static_cast<std::int64_t>(r)));
  });
}

}  // namespace

ATTNBENCH_VARIANT(taylor) = {
    .name = "taylor",
    .summary = "exp by its Taylor polynomial of degree 2, as linear attention over products of channels",
    .paper = "Arora et al. 2024, Simple linear attention language models balance the recall-throughput tradeoff, section 3.1",
    .equation = "o_i = sum_j w_ij v_j / sum_j w_ij with w_ij = 1 + x + x^2 / 2, x = q_i.k_j / sqrt(d)",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n d^3)",
    .memory_label = "O(d^3)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths | kScale,
    .laws = kRowStochastic | kKeyPermutation | kIndependentHeads | kWeightsReadable,
    .rates = {15e9, 0.3e9},
    .unsupported = unsupported,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
