// The state space model of Mamba-2: linear attention whose step sizes scale both what is written and how far the state fades.
//
//   h_t = e^{dt_t A} h_{t-1} + dt_t B_t x_t^T,  y_t = C_t^T h_t + D x_t       Dao and Gu 2024, Transformers are SSMs, equation 16
//
// with C, B, x the suite's q, k, v: the state size N is d_qk, the paper's head dimension P is d_v. Extra inputs: `dt`
// [b, h_kv, n_k, 1], past its softplus, and `a` [1, h_kv, 1, 1], below 0, drawn from (-16, -1) as the layer's are; with skip=1 also
// `skip` [1, h_kv, 1, 1], the paper's D. dt is made as softplus(Z - 4). There is no scale unless the problem gives one. The paper's
// short listing takes x dt and A dt from outside; here dt multiplies both.
//
// Cost: 2 n d d_v per head, an exponential per position; extra memory d d_v per thread.
#include <algorithm>
#include <cmath>

#include "variants/kernels/linear/recurrent_engine.h"
#include "variants/kernels/linear/recurrent_oracle.h"
#include "variants/kernels/simd/vector_ops.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    integer_param("skip", 0, 0, 1, "1 adds the input `skip` (the paper's D) times x"),
};

bool skips(const Params& params) { return params.integer("skip") == 1; }

std::vector<InputSpec> extras(const Problem& p, const Params& params) {
  std::vector<InputSpec> list{{.name = "dt",
                               .shape = {p.batch, p.heads_kv, p.n_k, 1},
                               .fill = Fill::softplus(-4),
                               .help = "step size at each key, above 0"},
                              {.name = "a", .shape = {1, p.heads_kv, 1, 1}, .fill = Fill::per_head(-16, -1), .help = "A, below 0"}};
  if (skips(params))
    list.push_back(
        {.name = "skip", .shape = {1, p.heads_kv, 1, 1}, .fill = Fill::constant(1), .help = "D, what of x is added to y"});
  return list;
}

kernels::Recurrence recurrence(const Problem& p) {
  return {.decay = kernels::Decay::scalar, .scale = static_cast<float>(p.scale.value_or(1.0))};
}

void factors(const RunTask& task, std::int64_t b, std::int64_t kv, KeyRange positions, kernels::PositionFactors& out) {
  const auto& inputs = task.inputs;
  kernels::set_weights(inputs.extra("dt"), 1, b, kv, positions, out);
  const float a = *inputs.extra("a").row(b, kv, 0);
  float decay[kernels::kMaxPositions] = {};
  for (std::int64_t t = 0; t < positions.size(); ++t) decay[t] = a * out.weight[t];
  kernels::exp(decay, decay, positions.size());
  std::copy_n(decay, positions.size(), out.decay);
  if (skips(task.params)) out.skip = *inputs.extra("skip").row(b, kv, 0);
}

void run(const RunTask& task) { kernels::run_recurrence(task, recurrence(task.problem), factors); }

std::size_t workspace(const Problem& p, const Params&, int threads) { return kernels::recurrence_workspace(p, threads); }

Cost cost(const Problem& p, const Params& params) { return kernels::recurrence_cost(p, recurrence(p), extras(p, params)); }

// ---- Float64 reference: equation 16 --------------------------------------------------------------------------------------

void exact_step(const OracleTask& task, std::int64_t b, std::int64_t kv, std::int64_t j, ExactStep& step) {
  const auto& inputs = task.inputs;
  const double dt = *inputs.extra("dt").row(b, kv, j), a = *inputs.extra("a").row(b, kv, 0);
  std::fill(step.decay.begin(), step.decay.end(), std::exp(dt * a));
  exact_scaled_row(inputs.keys().row(b, kv, j), task.problem.d_qk, dt, step.k.data());
  if (skips(task.params)) step.skip = *inputs.extra("skip").row(b, kv, 0);
}

void exact_query(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, double* q) {
  exact_scaled_row(task.inputs.queries().row(b, h, i), task.problem.d_qk, task.problem.scale.value_or(1.0), q);
}

void oracle(const OracleTask& task) { recurrence_oracle(task, {.step = exact_step, .query = exact_query}); }

}  // namespace

ATTNBENCH_VARIANT(mamba2_ssd) = {
    .name = "mamba2_ssd",
    .summary = "the state space model of Mamba-2: step sizes scale what is written and how far the state decays",
    .paper = "Dao and Gu 2024, Transformers are SSMs: Generalized Models and Efficient Algorithms, section 6",
    .equation = "h_t = e^(dt_t A) h_{t-1} + dt_t B_t x_t^T\ny_t = C_t^T h_t + D x_t",
    .computes = Computes::own_definition,
    .time_label = "O(n d^2)",
    .memory_label = "O(d^2)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths | kScale,
    .laws = kIndependentHeads | kWeightsReadable,
    .needs = kCausal,
    .rates = {15e9, 0.2e9},
    .params = kParams,
    .extras = extras,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
