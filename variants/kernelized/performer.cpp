// Performer (FAVOR+): the softmax kernel as the mean over random features, all of them positive; then linear attention.
//
//   exp(s q.k) = E[phi(q).phi(k)],  o_i = phi(q_i)^T S / phi(q_i)^T z,  S = sum_j phi(k_j) v_j^T,  z = sum_j phi(k_j)
//   with x' = sqrt(s) x and m rows omega ~ N(0, I_d):              Choromanski et al. 2021, sections 2.2 to 2.4, lemma 1
//     map=pos    phi(x)_r = exp(omega_r.x' - |x'|^2 / 2)
//     map=hyp    the same for omega_r and -omega_r, m / 2 draws
//     map=relu   phi(x)_r = max(0, omega_r.x') + epsilon: a kernel of its own, no estimate of softmax
//
// Factors m^-1/2 cancel and are left out. directions=orthogonal: blocks of d rows have Haar-random orthogonal directions, from
// Gram-Schmidt on Gaussian rows (QR with the diagonal of R positive; without that a QR is not Haar), and norms of their own
// Gaussian rows.
//
// Stabiliser: published codes subtract the largest logarithm of all keys and add an epsilon to the features; causally that lets the
// last key change the first row, and without a mask it couples heads and batch entries. Here epsilon is 0 and each feature has a
// shift that follows the keys seen so far and cancels exactly (kernels/linear/feature_sums.h).
//
// Approximation: on N(0, 1) inputs with d 64 no affordable m comes near softmax (the error exceeds that of the mean of the values).
// Cost: m (d + d_v) multiply-adds and m exps for a key, m (d + d_v + 1) for a query; memory m d_v per head, m d of weights.
//
// Measured (AVX-512, one thread, b1 h8 n4096 d64, m 256): 0.82 of blockwise's multiply-adds per second, causal 0.79 of its causal
// ones. Causal is position by position, 39.1 ms: chunks of C would take the 37.0 ms of the panels without a mask and C / 2 (m +
// d_v) multiply-adds more a position, 42.9 ms at the same rate with C 64 and 40.0 with C 32.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/linear/feature_sums.h"
#include "variants/kernels/random_weights.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    choice_param("map", "pos", "pos|hyp|relu", "features: positive exponentials, the same for +-omega, or relu"),
    integer_param("features", 256, 2, 65536, "length m of phi"),
    choice_param("directions", "orthogonal", "orthogonal|independent", "of the rows omega"),
    real_param("epsilon", 1e-3, 1e-6, 1, "added to the features of map=relu"),
};

bool has_pairs(const Params& params) { return params.choice("map") == "hyp"; }
bool has_exponentials(const Params& params) { return params.choice("map") != "relu"; }

void unsupported(const Problem& p, const Params& params, Reasons& reasons) {
  if (!(p.effective_scale() > 0)) reasons.push_back("performer takes the square root of the scale, which must be above 0");
  if (has_pairs(params) && params.integer("features") % 2 != 0)
    reasons.push_back("performer with map=hyp needs an even number of features");
}

// ---- The rows omega ------------------------------------------------------------------------------------------------------

double dot(const double* x, const double* y, std::int64_t d) {
  double sum[4] = {};  // one alone would wait for each addition
  for (std::int64_t c = 0; c < d; ++c) sum[c % 4] += x[c] * y[c];
  return sum[0] + sum[1] + sum[2] + sum[3];
}

// Makes d rows orthonormal: Gram-Schmidt, each row less its shares one after the other.
void orthonormalise(double* rows, std::int64_t d) {
  for (std::int64_t r = 0; r < d; ++r) {
    double* row = rows + r * d;
    for (std::int64_t other = 0; other < r; ++other) {
      const double share = dot(row, rows + other * d, d);
      for (std::int64_t c = 0; c < d; ++c) row[c] -= share * rows[other * d + c];
    }
    const double norm = std::sqrt(dot(row, row, d));
    for (std::int64_t c = 0; c < d; ++c) row[c] /= norm;
  }
}

// [draws][d], in whole blocks of d rows
std::vector<double> draw_rows(std::int64_t draws, std::int64_t d, bool orthogonal, std::uint64_t seed) {
  const auto blocks = (draws + d - 1) / d;
  auto rows = kernels::random_normals(blocks * d * d, seed, 0);
  if (!orthogonal) return rows;
  const auto gaussian = kernels::random_normals(blocks * d * d, seed, 1);  // for the norms
  for (std::int64_t block = 0; block < blocks; ++block) orthonormalise(rows.data() + block * d * d, d);
  for (std::int64_t r = 0; r < blocks * d; ++r) {
    const double norm = std::sqrt(dot(gaussian.data() + r * d, gaussian.data() + r * d, d));
    for (std::int64_t c = 0; c < d; ++c) rows[static_cast<std::size_t>(r * d + c)] *= norm;
  }
  return rows;
}

// sqrt(s) omega^T, as kernels::project() takes it: [d][feature_stride(m)]
using Weights = std::vector<float>;

Prepared make_weights(const PrepareTask& task) {
  const auto d = task.problem.d_qk, m = task.params.integer("features"), stride = kernels::feature_stride(m);
  const auto draws = has_pairs(task.params) ? m / 2 : m;
  const auto rows = draw_rows(draws, d, task.params.choice("directions") == "orthogonal", task.seed);
  const double root = std::sqrt(task.problem.effective_scale());
  Weights weights(static_cast<std::size_t>(d * stride), 0.0f);
  for (std::int64_t r = 0; r < m; ++r)
    for (std::int64_t c = 0; c < d; ++c)
      weights[static_cast<std::size_t>(c * stride + r)] =
          static_cast<float>((r < draws ? root : -root) * rows[static_cast<std::size_t>(r % draws * d + c)]);
  const auto bytes = sizeof(float) * weights.size();
  return Prepared::of(std::move(weights), bytes);
}

// ---- The computation -----------------------------------------------------------------------------------------------------

class RandomFeatures final : public kernels::FeatureMap {
 public:
  RandomFeatures(const Problem& p, const Params& params, const float* weights)
      : by_{.w = weights,
            .dim = p.d_qk,
            .columns = params.integer("features"),
            .norm_factor = has_exponentials(params) ? static_cast<float>(-0.5 * p.effective_scale()) : 0},
        exponential_(has_exponentials(params)),
        epsilon_(static_cast<float>(params.real("epsilon"))) {}
  std::int64_t features() const override { return by_.columns; }
  kernels::FeatureForm form() const override {
    return exponential_ ? kernels::FeatureForm::logarithms : kernels::FeatureForm::values;
  }
  void queries(kernels::PanelRows<const float> x, std::int64_t count, const kernels::FeaturePanel& to, float*) const override {
    kernels::project(by_, x.rows, count, to.phi, to.stride);
    if (exponential_) return;
    for (std::int64_t t = 0; t < count; ++t)
      for (std::int64_t r = 0; r < by_.columns; ++r)
        to.phi[t * to.stride + r] = (to.phi[t * to.stride + r] < 0 ? 0 : to.phi[t * to.stride + r]) + epsilon_;
  }
  void keys(kernels::PanelRows<const float> x, std::int64_t count, const kernels::FeaturePanel& to, float* scratch) const override {
    queries(x, count, to, scratch);
  }

 private:
  kernels::Projection by_;
  bool exponential_;
  float epsilon_;
};

void run(const RunTask& task) {
  const RandomFeatures map(task.problem, task.params, task.prepared.as<Weights>().data());
  kernels::attend_linearly(task, kernels::FeatureSums(task.problem, map));
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const RandomFeatures map(p, params, nullptr);
  return kernels::linear_workspace(p, kernels::FeatureSums(p, map), threads);
}

// Of the exponentials' features, |x'|^2 is d multiply-adds more.
Cost cost(const Problem& p, const Params& params) {
  const double d = static_cast<double>(p.d_qk), d_v = static_cast<double>(p.d_v),
               m = static_cast<double>(params.integer("features"));
  const auto [keys, rows, depth] = kernels::linear_counts(p);
  const double norm = has_exponentials(params) ? d : 0;
  return {.multiply_adds = (keys + rows) * (m * d + norm) + keys * m * d_v + rows * m * (d_v + 1),
          .exps = has_exponentials(params) ? (keys + rows) * m : 0,
          .bytes = compulsory_bytes(p),
          .pairs = 0,
          .depth = depth};
}

// ---- Float64 reference: the quadratic form -------------------------------------------------------------------------------

// phi of some rows of one head [rows][m], each over e^log: its largest element.
struct Features {
  std::vector<double> phi, log;
};

Features exact_features(const OracleTask& task, const TensorView<const float>& x, std::int64_t b, std::int64_t h,
                        std::span<const std::int64_t> rows) {
  const auto m = task.params.integer("features"), stride = kernels::feature_stride(m);
  const auto& stored = task.prepared.as<Weights>();
  const std::vector<double> weights(stored.begin(), stored.end());
  const bool exponentials = has_exponentials(task.params);
  const double epsilon = task.params.real("epsilon"), half_scale = 0.5 * task.problem.effective_scale();
  Features features;
  std::vector<double> row(static_cast<std::size_t>(m));
  for (const auto i : rows) {
    std::fill(row.begin(), row.end(), 0.0);
    double squares = 0;
    for (std::int64_t c = 0; c < x.dim(); ++c) {
      const double value = x.row(b, h, i)[c], *w = weights.data() + c * stride;
      squares += value * value;
      for (std::size_t r = 0; r < row.size(); ++r) row[r] += value * w[r];
    }
    const double top = exponentials ? *std::max_element(row.begin(), row.end()) : 0;
    features.log.push_back(exponentials ? top - half_scale * squares : 0);
    for (const double value : row) features.phi.push_back(exponentials ? std::exp(value - top) : std::max(0.0, value) + epsilon);
  }
  return features;
}

void exact_row(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, const double* query, const Features& keys,
               double* out) {
  const auto& p = task.problem;
  const auto m = task.params.integer("features");
  double total = 0, top = -std::numeric_limits<double>::infinity();
  std::fill_n(out, p.d_v, 0.0);
  for (std::int64_t j = 0; j < p.n_k; ++j)
    if (problem_attends(p, task.inputs, b, h, i, j)) top = std::max(top, keys.log[static_cast<std::size_t>(j)]);
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    if (!problem_attends(p, task.inputs, b, h, i, j)) continue;
    const double* phi = keys.phi.data() + j * m;
    const double weight = std::exp(keys.log[static_cast<std::size_t>(j)] - top) * dot(query, phi, m);
    const float* value = task.inputs.values().row(b, p.kv_head(h), j);
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weight * static_cast<double>(value[c]);
    total += weight;
  }
  for (std::int64_t c = 0; c < p.d_v && total != 0; ++c) out[c] /= total;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto m = task.params.integer("features"), group = p.heads_q / p.heads_kv;
  task.parallel.for_each(p.batch * p.heads_kv, [&](std::int64_t t, int) {
    const auto b = t / p.heads_kv, kv = t % p.heads_kv;
    std::vector<std::int64_t> all(static_cast<std::size_t>(p.n_k));
    std::iota(all.begin(), all.end(), 0);
    const auto keys = exact_features(task, task.inputs.keys(), b, kv, all);
    for (auto h = kv * group; h < (kv + 1) * group; ++h) {
      const auto queries = exact_features(task, task.inputs.queries(), b, h, task.rows);
      for (std::size_t r = 0; r < task.rows.size(); ++r) {
        const auto at = static_cast<std::int64_t>(r);
        exact_row(task, b, h, task.rows[r], queries.phi.data() + at * m, keys, task.out_row(b, h, at));
      }
    }
  });
}

}  // namespace

ATTNBENCH_VARIANT(performer) = {
    .name = "performer",
    .summary = "softmax's kernel by positive random features (FAVOR+), then linear attention",
    .paper = "Choromanski et al. 2021, Rethinking Attention with Performers, sections 2.2 to 2.4",
    .equation =
        "o_i = phi(q_i)^T S / phi(q_i)^T z with S = sum_j phi(k_j) v_j^T, z = sum_j phi(k_j),\n"
        "phi(x)_r = exp(omega_r.x' - |x'|^2 / 2), x' = d^(-1/4) x, omega_r ~ N(0, I)",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n m d)",
    .memory_label = "O(m d)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths | kScale,
    .laws = kRowStochastic | kKeyPermutation | kIndependentHeads | kWeightsReadable,
    .rates = {15e9, 0.3e9},
    .params = kParams,
    .unsupported = unsupported,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_weights,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
