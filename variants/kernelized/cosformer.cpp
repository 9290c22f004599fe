// cosFormer: relu features, reweighted by the cosine of the distance, which splits into a product of positions.
//
//   w_ij = relu(q_i).relu(k_j) cos(pi/2 (p_i - j) / M),  o_i = sum_j w_ij v_j / sum_j w_ij       Qin et al. 2022, equations 9 to 12
//
// As cos(x - y) = cos x cos y + sin x sin y, it is linear attention with 2 d features: relu(x) cos a and relu(x) sin a at the angle
// a = pi/2 p / M of the row's position p. There is no scale. M is the longer of n_q and n_k as in the paper, so that a longer
// sequence changes every row; `period` fixes it. p_i is the row's position under the problem's alignment (the released code takes
// the row's index, right only for n_q = n_k); positions are counted from the first row or key, so that no angle leaves [0, pi/2]
// and no two terms cancel.
// A row whose relu is 0, or meets only keys it is orthogonal to, has no weights: 0, not 0/0. So row sums are 1 or 0.
// Cost: 2 n d d_v multiply-adds for the keys, 2 n d (d_v + 1) for the rows; extra memory 2 d d_v per head. Measured (AVX-512, one
// thread, b1 h8 n4096 d64): 0.76 of blockwise's multiply-adds per second, causal 0.59 of its causal ones.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/linear/feature_sums.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    integer_param("period", 0, 0, std::int64_t{1} << 40, "distance M at which weights vanish; 0 takes the longer of n_q and n_k"),
};

std::int64_t longer(const Problem& p) { return std::max(p.n_q, p.n_k); }

std::int64_t period(const Problem& p, const Params& params) {
  const auto m = params.integer("period");
  return m == 0 ? longer(p) : m;
}

void unsupported(const Problem& p, const Params& params, Reasons& reasons) {
  if (period(p, params) < longer(p))
    reasons.push_back("cosformer needs a period of at least n_q and n_k: beyond it weights are negative");
}

class CosineFeatures final : public kernels::FeatureMap {
 public:
  CosineFeatures(const Problem& p, const Params& params)
      : d_(p.d_qk),
        first_(std::min<std::int64_t>(0, p.position(0))),
        step_(std::numbers::pi / 2 / static_cast<double>(period(p, params))) {}
  std::int64_t features() const override { return 2 * d_; }
  kernels::FeatureForm form() const override { return kernels::FeatureForm::values; }
  void queries(kernels::PanelRows<const float> x, std::int64_t count, const kernels::FeaturePanel& to, float*) const override {
    const double angle = step_ * static_cast<double>(x.first - first_), turn_cos = std::cos(step_), turn_sin = std::sin(step_);
    double cosine = std::cos(angle), sine = std::sin(angle);
    for (std::int64_t t = 0; t < count; ++t) {
      const float *row = x.rows.data + t * x.rows.stride, c = static_cast<float>(cosine), s = static_cast<float>(sine);
      float *with_cos = to.phi + t * to.stride, *with_sin = with_cos + d_;
      for (std::int64_t i = 0; i < d_; ++i) {
        const float relu = row[i] < 0 ? 0 : row[i];
        with_cos[i] = relu * c;
        with_sin[i] = relu * s;
      }
      const double turned = cosine * turn_cos - sine * turn_sin;  // the next position's
      sine = sine * turn_cos + cosine * turn_sin;
      cosine = turned;
    }
  }
  void keys(kernels::PanelRows<const float> x, std::int64_t count, const kernels::FeaturePanel& to, float* scratch) const override {
    queries(x, count, to, scratch);
  }

 private:
  std::int64_t d_, first_;
  double step_;
};

void run(const RunTask& task) {
  const CosineFeatures map(task.problem, task.params);
  kernels::attend_linearly(task, kernels::FeatureSums(task.problem, map));
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const CosineFeatures map(p, params);
  return kernels::linear_workspace(p, kernels::FeatureSums(p, map), threads);
}

Cost cost(const Problem& p, const Params&) {
  const double m = static_cast<double>(2 * p.d_qk), d_v = static_cast<double>(p.d_v);
  const auto [keys, rows, depth] = kernels::linear_counts(p);
  return {
      .multiply_adds = keys * m * d_v + rows * m * (d_v + 1), .exps = 0, .bytes = compulsory_bytes(p), .pairs = 0, .depth = depth};
}

// ---- Float64 reference: the quadratic form, with the cosine of the distance ------------------------------------------------

void exact_row(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, double* out) {
  const auto& p = task.problem;
  const float* q = task.inputs.queries().row(b, h, i);
  double total = 0;
  std::fill_n(out, p.d_v, 0.0);
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    if (!problem_attends(p, task.inputs, b, h, i, j)) continue;
    const float *k = task.inputs.keys().row(b, p.kv_head(h), j), *v = task.inputs.values().row(b, p.kv_head(h), j);
    double weight = 0;
    for (std::int64_t c = 0; c < p.d_qk; ++c) weight += std::max(0.0, double{q[c]}) * std::max(0.0, double{k[c]});
    weight *= std::cos(std::numbers::pi / 2 * static_cast<double>(p.position(i) - j) / static_cast<double>(period(p, task.params)));
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

ATTNBENCH_VARIANT(cosformer) = {
    .name = "cosformer",
    .summary = "linear attention of relu features, reweighted by the cosine of the distance",
    .paper = "Qin et al. 2022, cosFormer: Rethinking Softmax in Attention, equations 9 to 12",
    .equation = "o_i = sum_j w_ij v_j / sum_j w_ij with w_ij = relu(q_i).relu(k_j) cos(pi/2 (p_i - j) / M), M = max(n_q, n_k)",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n d^2)",
    .memory_label = "O(d^2)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths,
    .laws = kIndependentHeads | kWeightsReadable,
    .rates = {15e9, 0.3e9},
    .params = kParams,
    .unsupported = unsupported,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
