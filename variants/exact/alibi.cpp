// ALiBi, attention with linear biases: scores lose in proportion to distance, with one fixed slope per head and no positions
// elsewhere.
//
//   s_ij = q_i . k_j / sqrt(d) - m_h |p_i - j|,  O = softmax(s) V          Press, Smith & Lewis 2022, Train Short, Test Long,
//   section 3
//
// Slopes of H query heads, H a power of two: m_h = 2^(-8 (h + 1) / H), h from 0. Else those of the power of two P below H, then
// every other one of the slopes of 2 P heads (the authors' code). p_i is the row's position among the keys; the bias comes after
// scale and softcap, before the masks. Parameter `max_bias` is the 8.
//
// The authors' code adds m_h j instead. Under a causal mask rows then differ by a constant, which the softmax does not see; without
// one it is another function.
//
// Cost: that of blockwise; the bias is one multiply-add per score, not counted. Distances are counted from the nearest key that the
// row sees, which only adds a constant to its scores.
#include <bit>
#include <cmath>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/softmax/exact_attention.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    real_param("max_bias", 8, 4, 64, "slopes of H heads are 2^(-max_bias (h + 1) / H)"),
};

// A geometric sequence that starts with its own ratio, as in section 3.
std::vector<double> geometric_slopes(std::int64_t heads, double max_bias) {
  std::vector<double> slopes;
  const double ratio = std::exp2(-max_bias / static_cast<double>(heads));
  for (double slope = ratio; static_cast<std::int64_t>(slopes.size()) < heads; slope *= ratio) slopes.push_back(slope);
  return slopes;
}

std::vector<double> slopes_of(std::int64_t heads, double max_bias) {
  const auto power = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(heads)));
  auto slopes = geometric_slopes(power, max_bias);
  const auto finer = geometric_slopes(2 * power, max_bias);
  for (std::size_t h = 0; static_cast<std::int64_t>(slopes.size()) < heads; h += 2) slopes.push_back(finer[h]);
  return slopes;
}

using Slopes = std::vector<float>;  // [h_q]

Prepared make_slopes(const PrepareTask& task) {
  const auto slopes = slopes_of(task.problem.heads_q, task.params.real("max_bias"));
  return Prepared::of(Slopes(slopes.begin(), slopes.end()), slopes.size() * sizeof(float));
}

void run(const RunTask& task) { kernels::attend_all(task, {.slopes = task.prepared.as<Slopes>().data()}); }

std::size_t workspace(const Problem& p, const Params&, int threads) { return kernels::all_keys_workspace(p, threads); }

Cost cost(const Problem& p, const Params&) { return kernels::all_keys_cost(p); }

// The exponent of a head's slope in closed form.
double exact_slope(std::int64_t h, std::int64_t heads, double max_bias) {
  std::int64_t power = 1;
  while (2 * power <= heads) power *= 2;
  const double step = h < power ? static_cast<double>(h + 1) : static_cast<double>(h - power) + 0.5;
  return std::pow(2.0, -max_bias * step / static_cast<double>(power));
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  weighted_oracle(task, [&](const OracleRow& row, std::span<double> weights) {
    const double slope = exact_slope(row.h, p.heads_q, task.params.real("max_bias"));
    const auto shift = p.causal == Causal::top_left ? 0 : p.n_k - p.n_q;
    for (std::size_t t = 0; t < weights.size(); ++t)
      weights[t] -= slope * std::abs(static_cast<double>(row.i + shift - row.keys[t]));
    softmax_of(weights);
  });
}

}  // namespace

ATTNBENCH_VARIANT(alibi) = {
    .name = "alibi",
    .summary = "a penalty linear in distance on the scores, one fixed slope per head",
    .paper = "Press, Smith & Lewis 2022, Train Short, Test Long: Attention with Linear Biases, section 3",
    .equation = "O = softmax(Q K^T / sqrt(d) - m_h |i - j| + mask) V with m_h = 2^(-8 (h + 1) / H)",
    .computes = Computes::own_definition,
    .time_label = "O(n^2 d)",
    .memory_label = "O(1)",
    .supports = kEverything,
    .laws = kRowStochastic | kIndependentHeads | kScoreShift | kWeightsReadable,
    .rates = {30e9, 0.5e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_slopes,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
