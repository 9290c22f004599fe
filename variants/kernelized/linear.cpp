// Linear attention: a kernel phi in place of the exponential lets the sums over keys be taken once, before the queries.
//
//   o_i = phi(q_i)^T S / phi(q_i)^T z,   S = sum_j phi(k_j) v_j^T,  z = sum_j phi(k_j),  phi(x) = elu(x) + 1
//                                              Katharopoulos et al. 2020, Transformers are RNNs, equations 5, 7 and 9
//
// Non-causal: (S, z) over all keys, then one product per query, both on panels. Causal (section 3.3): (S, z) grows along the
// sequence, position by position as the paper has it; S passes through the registers once per 2 or 4 positions. How the sequence
// is cut and shared out: kernels/linear/running_sums.h.
// Cost: 2 n d d_v per head; extra memory d d_v per head and segment. Deviations from the paper: no scale; where features would
// underflow, factors that cancel are taken out (linear_attention.h).
//
// Why no chunkwise causal form: steps of 16 positions, their own keys by the masked square phi(Q) phi(K)^T, took 1.42, 1.25, 1.17,
// 1.12 times as long at d 32, 64, 128, 256 and 1.28 times with 4 query heads per key head, d 64 (AVX-512, Zen 4, one thread,
// minima of 400 runs); with AVX2 1.36, 1.25, 1.19, 1.21 and 1.10 times.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/linear/linear_attention.h"
#include "variants/kernels/linear/running_sums.h"

namespace attnbench {
namespace {

// (S, z) and phi = elu + 1: the kernels of linear_attention.h and linear_recurrence.h.
class EluSums final : public kernels::RunningSums {
 public:
  explicit EluSums(const Problem& problem) : p_(problem) {}
  std::int64_t state_floats() const override { return kernels::linear_state_floats(p_.d_qk, p_.d_v); }
  std::int64_t scratch_floats(bool causal) const override {
    if (causal) return kernels::scan_scratch_floats(p_.d_qk, p_.heads_q / p_.heads_kv);
    return std::max(kernels::key_scratch_floats(p_.d_qk, p_.d_v, kernels::kMaxLinearPanel),
                    kernels::row_scratch_floats(p_.d_qk, kernels::kMaxLinearPanel));
  }
  void add_keys(float* state, kernels::PanelRows<const float> k, kernels::Rows<const float> v, std::int64_t count,
                float* scratch) const override {
    kernels::add_keys(at(state), k.rows, v, count, scratch);
  }
  void attend(float* state, kernels::PanelRows<const float> q, kernels::Rows<float> out, std::int64_t count,
              float* scratch) const override {
    kernels::attend(at(state), q.rows, out, count, scratch);
  }
  void scan(float* state, const kernels::Positions& positions, std::int64_t, float* scratch) const override {
    kernels::recurrent_scan(at(state), positions, scratch);
  }
  void join(float* from, float* to, bool) const override { kernels::add_state(at(from), at(to)); }

 private:
  kernels::LinearState at(float* state) const { return {p_.d_qk, p_.d_v, state}; }
  const Problem& p_;
};

void run(const RunTask& task) { kernels::attend_linearly(task, EluSums(task.problem)); }

std::size_t workspace(const Problem& p, const Params&, int threads) { return kernels::linear_workspace(p, EluSums(p), threads); }

// Every key that some row may see joins S; every row that may see a key meets S and z.
Cost cost(const Problem& p, const Params&) {
  const double d = static_cast<double>(p.d_qk), d_v = static_cast<double>(p.d_v);
  const auto counts = kernels::linear_counts(p);
  return {.multiply_adds = counts.keys * d * d_v + counts.rows * (d * d_v + d),
          .exps = (counts.keys + counts.rows) * d,
          .bytes = compulsory_bytes(p),
          .pairs = 0,
          .depth = counts.depth};
}

// ---- Float64 reference: the quadratic form, equation 3 with sim(q, k) = phi(q)^T phi(k) ----------------------------------

// phi of every row of one head, each row over e^shift: its largest element where that is below 0, so that nothing underflows.
struct Features {
  std::vector<double> phi, shift;  // [rows][d_qk], [rows]
};

Features exact_features(const TensorView<const float>& x, std::int64_t b, std::int64_t h) {
  Features features;
  features.phi.reserve(static_cast<std::size_t>(x.rows() * x.dim()));
  for (std::int64_t i = 0; i < x.rows(); ++i) {
    const float* row = x.row(b, h, i);
    const double shift = std::min(0.0, static_cast<double>(*std::max_element(row, row + x.dim())));
    features.shift.push_back(shift);
    for (std::int64_t c = 0; c < x.dim(); ++c) {
      const double value = row[c];
      features.phi.push_back(value > 0 ? value + 1 : std::exp(value - shift));
    }
  }
  return features;
}

// q [d_qk] over e^shift, which cancels; keys are brought to the largest shift that the row sees.
void exact_row(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, const double* q, const Features& keys,
               double* out) {
  const auto& p = task.problem;
  const auto v = task.inputs.values();
  double total = 0, top = -std::numeric_limits<double>::infinity();
  std::fill_n(out, p.d_v, 0.0);
  for (std::int64_t j = 0; j < p.n_k; ++j)
    if (problem_attends(p, task.inputs, b, h, i, j)) top = std::max(top, keys.shift[static_cast<std::size_t>(j)]);
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    if (!problem_attends(p, task.inputs, b, h, i, j)) continue;
    const double* phi = keys.phi.data() + j * p.d_qk;
    double weight = 0;
    for (std::int64_t c = 0; c < p.d_qk; ++c) weight += q[c] * phi[c];
    weight *= std::exp(keys.shift[static_cast<std::size_t>(j)] - top);
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weight * static_cast<double>(v.row(b, p.kv_head(h), j)[c]);
    total += weight;
  }
  for (std::int64_t c = 0; c < p.d_v && total != 0; ++c) out[c] /= total;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int) {
    const auto b = t / p.heads_q, h = t % p.heads_q;
    const auto queries = exact_features(task.inputs.queries(), b, h);
    const auto keys = exact_features(task.inputs.keys(), b, p.kv_head(h));
    for (std::size_t r = 0; r < task.rows.size(); ++r)
      exact_row(task, b, h, task.rows[r], queries.phi.data() + task.rows[r] * p.d_qk, keys,
                task.out_row(b, h, static_cast<std::int64_t>(r)));
  });
}

}  // namespace

ATTNBENCH_VARIANT(linear) = {
    .name = "linear",
    .summary = "phi(Q) (phi(K)^T V), phi = elu + 1: sums over keys taken once, causal by running sums",
    .paper = "Katharopoulos et al. 2020, Transformers are RNNs, sections 3.2 and 3.3",
    .equation = "o_i = phi(q_i)^T S / phi(q_i)^T z with S = sum_j phi(k_j) v_j^T, z = sum_j phi(k_j), phi(x) = elu(x) + 1",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n d^2)",
    .memory_label = "O(d^2)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths,
    .laws = kRowStochastic | kKeyPermutation | kIndependentHeads | kWeightsReadable,
    .rates = {8e9, 0.2e9},
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
