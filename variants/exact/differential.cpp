// Differential attention: the difference of two softmax maps over half-width heads, so that what both attend to cancels.
//
//   O = (softmax(Q_1 K_1^T / sqrt(d/2)) - lambda softmax(Q_2 K_2^T / sqrt(d/2))) V
//                                                          Ye et al. 2025, Differential Transformer, section 2.1, equation 1
//
// Q = [Q_1; Q_2] and K = [K_1; K_2]: the two contiguous halves of each head, of width d/2 each, hence 1/sqrt(d/2) where the problem
// sets no scale. A query head takes both halves of its own key head, under grouped heads too. Rows sum to 1 - lambda, and weights
// may be negative. In the paper lambda comes from learned vectors, lambda = exp(a . b) - exp(c . d) + 0.8 - 0.6 exp(-0.3 l) at
// layer l from 0; here it is a parameter. The norm of each head's output that follows there is left out: it is not attention.
//
// Cost: 2 n_q n_k (d/2 + d_v); extra memory: one more output, the second map's. Measured 1.07 to 1.08 times as long as blockwise
// per multiply-add, b1 h8 n1024 d64, one thread, AVX-512: there are 2 exps per d + 2 d_v of them, not 1 per d + d_v.
#include <cmath>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/simd/vector_ops.h"
#include "variants/kernels/softmax/exact_attention.h"

namespace attnbench {
namespace {

constexpr std::int64_t kRows = 256;  // per task of the subtraction

constexpr ParamSpec kParams[] = {
    real_param("lambda", 0.8, 0, 1, "share of the second map"),
};

// Either half as a problem of its own.
Problem half_of(const Problem& p) {
  Problem half = p;
  half.d_qk = p.d_qk / 2;
  half.scale = p.scale ? *p.scale : 1 / std::sqrt(static_cast<double>(half.d_qk));
  return half;
}

Prepared make_half(const PrepareTask& task) { return Prepared::of(half_of(task.problem), 0); }

void unsupported(const Problem& p, const Params&, Reasons& reasons) {
  if (p.d_qk % 2 != 0) reasons.push_back("differential halves its heads: d_qk must be even");
}

TensorRef half_of(TensorRef x, std::int64_t half) {
  x.shape[3] /= 2;
  x.data = static_cast<float*>(x.data) + half * x.shape[3];
  return x;
}

void attend_half(const RunTask& task, std::int64_t half, const TensorRef& output) {
  auto inputs = task.inputs;
  inputs.q = half_of(inputs.q, half);
  inputs.k = half_of(inputs.k, half);
  kernels::attend_all({task.prepared.as<Problem>(), task.params, inputs, output, task.prepared, task.workspace, task.parallel}, {});
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const Shape shape = output_shape(p);
  const TensorRef second{task.workspace.allocate<float>(element_count(shape)).data(), DType::f32, shape, dense_strides(shape)};
  attend_half(task, 0, task.output);
  attend_half(task, 1, second);
  const auto lambda = static_cast<float>(task.params.real("lambda"));
  task.parallel.for_ranges(p.batch * p.heads_q * p.n_q, kRows, [&](std::int64_t begin, std::int64_t end, int) {
    for (auto t = begin; t < end; ++t) {
      const auto b = t / (p.heads_q * p.n_q), h = t / p.n_q % p.heads_q, i = t % p.n_q;
      kernels::axpy(-lambda, second.as<const float>().row(b, h, i), task.out().row(b, h, i), p.d_v);
    }
  });
}

std::size_t workspace(const Problem& p, const Params&, int threads) {
  return workspace_bytes<float>(element_count(output_shape(p))) + 2 * kernels::all_keys_workspace(half_of(p), threads);
}

Cost cost(const Problem& p, const Params&) {
  const auto half = kernels::all_keys_cost(half_of(p));
  const auto outputs = static_cast<double>(element_count(output_shape(p)));
  return {.multiply_adds = 2 * half.multiply_adds + outputs,
          .exps = 2 * half.exps,
          .bytes = compulsory_bytes(p) + 2 * 4 * outputs,  // the second map's output, written and read
          .pairs = half.pairs};
}

// Two rows of scores in full, two softmaxes, their difference.
void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const double scale = p.scale ? *p.scale : std::sqrt(2.0 / static_cast<double>(p.d_qk)), lambda = task.params.real("lambda");
  weighted_oracle(task, [&](const OracleRow& row, std::span<double> weights) {
    const auto [b, h, i, keys] = row;
    std::vector<double> maps[2];
    for (std::int64_t half = 0; half < 2; ++half) {
      for (const auto j : keys) {
        const float *q = task.inputs.queries().row(b, h, i), *k = task.inputs.keys().row(b, p.kv_head(h), j);
        double s = 0;
        for (auto c = half * p.d_qk / 2; c < (half + 1) * p.d_qk / 2; ++c)
          s += static_cast<double>(q[c]) * static_cast<double>(k[c]);
        maps[half].push_back(softcapped(p, scale * s) + bias_of(p, task.inputs, b, h, i, j));
      }
      softmax_of(maps[half]);
    }
    for (std::size_t t = 0; t < weights.size(); ++t) weights[t] = maps[0][t] - lambda * maps[1][t];
  });
}

}  // namespace

ATTNBENCH_VARIANT(differential) = {
    .name = "differential",
    .summary = "the difference of two softmax maps over half-width heads",
    .paper = "Ye et al. 2025, Differential Transformer, section 2.1",
    .equation = "O = (softmax(Q_1 K_1^T / sqrt(d/2) + mask) - lambda softmax(Q_2 K_2^T / sqrt(d/2) + mask)) V",
    .computes = Computes::own_definition,
    .time_label = "O(n^2 d)",
    .memory_label = "O(n d)",
    .supports = kEverything,
    .laws = kKeyPermutation | kIndependentHeads | kScoreShift | kWeightsReadable | kConstantRowSum,
    .rates = {30e9, 0.5e9},
    .params = kParams,
    .unsupported = unsupported,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_half,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
