// Pointwise attention: each score through a function of its own, no softmax; a row's weights need not sum to anything.
//
//   w_ij = f(s_ij + c) r,  O = w V                         s = Q K^T / sqrt(d), n the number of keys
//
//   sigmoid  1 / (1 + e^-x)   c = bias - log n   r = 1     Ramapuram et al. 2025, Sigmoid Self-Attention, section 3
//   relu     max(x, 0)        c = bias           r = 1/n   Wortsman et al. 2023, Replacing softmax with ReLU
//   relu2    max(x, 0)^2      c = bias           r = 1/n   Hua et al. 2022, Transformer Quality in Linear Time, section 3
//   silu     x / (1 + e^-x)   c = bias           r = 1/n   Zhai et al. 2024, Actions Speak Louder than Words (HSTU), equation 2
//
// n is n_k for every row, also under a causal mask, as in the first paper; length=visible takes the keys that the row sees by
// causal, window and key length. A masked key weighs 0: its score is minus infinity, and f of that is 0.
//
// Cost: that of blockwise without maxima, sums and corrections; one exp per pair for sigmoid and silu. Measured as multiples of
// blockwise, b1 h8 n1024 d64, one thread, AVX-512: sigmoid 1.04, silu 1.06, relu 0.92. A sigmoid's reciprocal costs more than the
// maximum it saves.
#include <algorithm>
#include <cmath>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/softmax/exact_attention.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    choice_param("activation", "sigmoid", "sigmoid|relu|relu2|silu", "function of each score"),
    choice_param("length", "keys", "keys|visible", "n of log n and 1/n: all keys, or those that the row sees"),
    real_param("bias", 0, -10, 10, "added to every score before the function"),
};

kernels::Pointwise::Function function_of(const Params& params) {
  using Function = kernels::Pointwise::Function;
  const auto& name = params.choice("activation");
  return name == "sigmoid" ? Function::sigmoid
         : name == "relu"  ? Function::relu
         : name == "relu2" ? Function::relu_squared
                           : Function::silu;
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto function = function_of(task.params);
  const bool visible = task.params.choice("length") == "visible", sigmoid = function == kernels::Pointwise::Function::sigmoid;
  const double bias = task.params.real("bias");
  float* biases = task.workspace.allocate<float>(p.batch * p.n_q).data();
  float* factors = task.workspace.allocate<float>(p.batch * p.n_q).data();
  for (std::int64_t t = 0; t < p.batch * p.n_q; ++t) {
    const auto seen = visible ? visible_keys(p, t / p.n_q, t % p.n_q).size() : p.n_k;
    const auto n = static_cast<double>(std::max<std::int64_t>(seen, 1));
    biases[t] = static_cast<float>(sigmoid ? bias - std::log(n) : bias);
    factors[t] = static_cast<float>(sigmoid ? 1 : 1 / n);
  }
  const kernels::Pointwise pointwise{function, biases, factors};
  kernels::attend_all(task, {.pointwise = &pointwise});
}

std::size_t workspace(const Problem& p, const Params&, int threads) {
  return 2 * workspace_bytes<float>(p.batch * p.n_q) + kernels::all_keys_workspace(p, threads);
}

Cost cost(const Problem& p, const Params& params) {
  auto cost = kernels::all_keys_cost(p);
  if (params.choice("activation").starts_with("relu")) cost.exps -= cost.pairs;
  return cost;
}

// ---- Float64 reference: weight by weight, by the formulas above ------------------------------------------------------------

double exact_weight(const std::string& activation, double x, double n) {
  if (activation == "sigmoid") return 1 / (1 + n * std::exp(-x));
  if (activation == "silu") return x / (1 + std::exp(-x)) / n;
  const double positive = std::max(x, 0.0);
  return (activation == "relu" ? positive : positive * positive) / n;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto& activation = task.params.choice("activation");
  const bool visible = task.params.choice("length") == "visible";
  weighted_oracle(task, [&](const OracleRow& row, std::span<double> weights) {
    std::int64_t n = 0;
    for (std::int64_t j = 0; j < p.n_k; ++j) {
      const auto seen = visible_keys(p, row.b, row.i);
      n += !visible || (seen.begin <= j && j < seen.end);
    }
    for (double& w : weights) w = exact_weight(activation, w + task.params.real("bias"), static_cast<double>(n));
  });
}

}  // namespace

ATTNBENCH_VARIANT(pointwise) = {
    .name = "pointwise",
    .summary = "sigmoid, ReLU, squared ReLU or SiLU of each score in place of the softmax",
    .paper =
        "Ramapuram et al. 2025, Theory, Analysis, and Best Practices for Sigmoid Self-Attention, section 3; Wortsman et al. 2023",
    .equation = "O = sigmoid(Q K^T / sqrt(d) - log n) V; or relu(.) / n, relu(.)^2 / n, silu(.) / n in its place",
    .computes = Computes::own_definition,
    .time_label = "O(n^2 d)",
    .memory_label = "O(n)",
    .supports = kEverything,
    .laws = kKeyPermutation | kIndependentHeads | kWeightsReadable,
    .rates = {30e9, 0.5e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
