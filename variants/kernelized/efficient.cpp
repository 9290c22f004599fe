// Efficient attention: one softmax over the channels of each query, one over the positions of each key channel.
//
//   O = rho_q(Q) (rho_k(K)^T V),  rho_q = softmax over the d channels of a row, rho_k = softmax over the n keys of a channel
//                                                                      Shen et al. 2021, Efficient Attention, equation 5
//
// The d x d_v matrix in brackets, d weighted means of the values, is taken once; a query mixes the means. The weights of all pairs
// are never made, but they are there: w_ij = sum_c rho_q(q_i)_c rho_k(k_j)_c, positive, with row sums 1. The softmax over positions
// is taken in one pass with a running maximum for each channel (kernels/linear/feature_sums.h).
// Cost: n d (d_v + 1) + n d d_v multiply-adds per head; extra memory d d_v per head. No scale (the factor d^-1/2 that some
// implementations put on rho_q breaks the row sums), and no causal form: a softmax over positions looks ahead.
#include <algorithm>
#include <cmath>
#include <vector>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/linear/feature_sums.h"

namespace attnbench {
namespace {

// The channels themselves are the logarithms of the features.
class Channels final : public kernels::FeatureMap {
 public:
  explicit Channels(const Problem& problem) : d_(problem.d_qk) {}
  std::int64_t features() const override { return d_; }
  kernels::FeatureForm form() const override { return kernels::FeatureForm::softmax; }
  void queries(kernels::PanelRows<const float> x, std::int64_t count, const kernels::FeaturePanel& to, float*) const override {
    for (std::int64_t t = 0; t < count; ++t) std::copy_n(x.rows.data + t * x.rows.stride, d_, to.phi + t * to.stride);
  }
  void keys(kernels::PanelRows<const float> x, std::int64_t count, const kernels::FeaturePanel& to, float* scratch) const override {
    queries(x, count, to, scratch);
  }

 private:
  std::int64_t d_;
};

void run(const RunTask& task) {
  const Channels map(task.problem);
  kernels::attend_linearly(task, kernels::FeatureSums(task.problem, map));
}

std::size_t workspace(const Problem& p, const Params&, int threads) {
  const Channels map(p);
  return kernels::linear_workspace(p, kernels::FeatureSums(p, map), threads);
}

Cost cost(const Problem& p, const Params&) {
  const double d = static_cast<double>(p.d_qk), d_v = static_cast<double>(p.d_v);
  const auto [keys, rows, depth] = kernels::linear_counts(p);
  return {.multiply_adds = keys * d * d_v + rows * d * (d_v + 1),
          .exps = (keys + rows) * d,
          .bytes = compulsory_bytes(p),
          .pairs = 0,
          .depth = depth};
}

// ---- Float64 reference: the weights of all pairs ---------------------------------------------------------------------------

std::vector<double> exact_softmax(std::vector<double> x) {
  if (x.empty()) return x;
  const double top = *std::max_element(x.begin(), x.end());
  double total = 0;
  for (auto& value : x) total += value = std::exp(value - top);
  for (auto& value : x) value /= total;
  return x;
}

// rho_k of one head: [d][keys].
std::vector<std::vector<double>> exact_key_weights(const OracleTask& task, std::int64_t b, std::int64_t kv, std::int64_t keys) {
  std::vector<std::vector<double>> channels;
  for (std::int64_t c = 0; c < task.problem.d_qk; ++c) {
    std::vector<double> channel;
    for (std::int64_t j = 0; j < keys; ++j) channel.push_back(task.inputs.keys().row(b, kv, j)[c]);
    channels.push_back(exact_softmax(std::move(channel)));
  }
  return channels;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto v = task.inputs.values();
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int) {
    const auto b = t / p.heads_q, h = t % p.heads_q;
    const auto keys = p.key_count(b);
    const auto channels = exact_key_weights(task, b, p.kv_head(h), keys);
    for (std::size_t r = 0; r < task.rows.size(); ++r) {
      double* out = task.out_row(b, h, static_cast<std::int64_t>(r));
      std::fill_n(out, p.d_v, 0.0);
      const float* row = task.inputs.queries().row(b, h, task.rows[r]);
      const auto mix = exact_softmax({row, row + p.d_qk});
      for (std::int64_t j = 0; j < keys; ++j) {
        double weight = 0;
        for (std::size_t c = 0; c < mix.size(); ++c) weight += mix[c] * channels[c][static_cast<std::size_t>(j)];
        for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weight * static_cast<double>(v.row(b, p.kv_head(h), j)[c]);
      }
    }
  });
}

}  // namespace

ATTNBENCH_VARIANT(efficient) = {
    .name = "efficient",
    .summary = "softmax over the channels of Q and over the positions of K: n d^2, no n x n matrix",
    .paper = "Shen et al. 2021, Efficient Attention: Attention with Linear Complexities, equation 5",
    .equation = "O = softmax_channels(Q) (softmax_positions(K)^T V)",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n d^2)",
    .memory_label = "O(d^2)",
    .supports = kGqa | kCross | kUnequalDims | kKeyLengths,
    .laws = kRowStochastic | kKeyPermutation | kIndependentHeads | kWeightsReadable,
    .rates = {15e9, 0.3e9},
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
