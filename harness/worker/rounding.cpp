#include "harness/worker/rounding.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "variants/api/oracle.h"

namespace attnbench {
namespace {

constexpr double kUnit = 0x1p-24;
constexpr double kRoundingRms = 0.41 * kUnit;  // of one rounding
constexpr double kMoreRoundings = 4;           // of a score beside its sum
constexpr double kNegligible = 1e-20;          // weights whose squares add nothing

double square(double x) { return x * x; }

// ---- The dense reference -------------------------------------------------------------------------------------------------

struct Squares {
  double error = 0, spread = 0;  // summed over the channels of one row
};

// Mean square error of one score; `score` is the final one, with softcap and mask.
double score_variance(const Problem& p, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j,
                      double score) {
  const float *q = inputs.queries().row(b, h, i), *k = inputs.keys().row(b, p.kv_head(h), j);
  double sum = 0, squares = 0;
  for (std::int64_t c = 0; c < p.d_qk; ++c) {
    const double product = static_cast<double>(q[c]) * static_cast<double>(k[c]);
    sum += product;
    squares += product * product;
  }
  double variance =
      square(kRoundingRms * p.effective_scale()) * (static_cast<double>(p.d_qk) + kMoreRoundings) * (sum * sum + squares);
  if (p.softcap) {
    const double share = std::tanh(p.effective_scale() * sum / *p.softcap);
    variance = variance * square(1 - share * share) + square(2 * kUnit * *p.softcap * share);
  }
  return p.mask.kind == MaskKind::additive ? variance + square(kUnit * score) : variance;
}

// scores: of `keys`, as attend_keys() left them beside the output `out` [d_v].
Squares row_rounding(const Problem& p, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i,
                     std::span<const std::int64_t> keys, const double* scores, const double* out) {
  const double top = keys.empty() ? 0 : *std::max_element(scores, scores + keys.size());
  double total = 0;
  for (std::size_t t = 0; t < keys.size(); ++t) total += std::exp(scores[t] - top);
  Squares sum;
  for (std::size_t t = 0; t < keys.size(); ++t) {
    const double weight = std::exp(scores[t] - top) / total;
    if (weight < kNegligible) continue;
    const double variance = score_variance(p, inputs, b, h, i, keys[t], scores[t]);
    const float* v = inputs.values().row(b, p.kv_head(h), keys[t]);
    for (std::int64_t c = 0; c < p.d_v; ++c) {
      const double value = static_cast<double>(v[c]);
      sum.error += square(weight * (value - out[c])) * variance;
      sum.spread += square(weight * value);
    }
  }
  return sum;
}

Rounding dense_rounding(const Variant& variant, const OracleTask& task) {
  const auto& p = task.problem;
  const auto row_count = static_cast<std::int64_t>(task.rows.size());
  const auto slots = static_cast<std::size_t>(task.parallel.threads()), width = static_cast<std::size_t>(p.n_k);
  const MaskTask mask{p, task.params, task.prepared};
  std::vector<std::int64_t> keys(slots * width);
  std::vector<double> scores(slots * width), outputs(slots * static_cast<std::size_t>(p.d_v));
  std::vector<Squares> rows(static_cast<std::size_t>(p.batch * p.heads_q * row_count));
  task.parallel.for_each(static_cast<std::int64_t>(rows.size()), [&](std::int64_t t, int slot) {
    const auto b = t / (p.heads_q * row_count), h = t / row_count % p.heads_q;
    const auto i = task.rows[static_cast<std::size_t>(t % row_count)];
    const auto at = static_cast<std::size_t>(slot);
    std::size_t count = 0;
    for (std::int64_t j = 0; j < p.n_k; ++j)
      if (sees_key(p, task.inputs, b, h, i, j) && (!variant.attends || variant.attends(mask, b, h, i, j)))
        keys[at * width + count++] = j;
    const std::span<const std::int64_t> seen(keys.data() + at * width, count);
    double *row_scores = scores.data() + at * width, *out = outputs.data() + at * static_cast<std::size_t>(p.d_v);
    attend_keys(p, task.inputs, b, h, i, seen, row_scores, out);
    rows[static_cast<std::size_t>(t)] = row_rounding(p, task.inputs, b, h, i, seen, row_scores, out);
  });
  Squares sum;
  for (const auto& row : rows) {
    sum.error += row.error;
    sum.spread += row.spread;
  }
  const auto elements = static_cast<double>(rows.size()) * static_cast<double>(p.d_v);
  return {std::sqrt(sum.error / elements), std::sqrt(sum.spread / elements)};
}

// ---- A reference of the variant's own ------------------------------------------------------------------------------------

constexpr std::int64_t kOutputs = 4096;  // so many outputs make one draw of signs reliable, fewer take more draws
constexpr std::int64_t kFewestDraws = 4, kMostDraws = 16;

double sign(std::mt19937_64& random) { return random() % 2 ? 1 : -1; }

// A copy, each element times a factor: row_factors() starts a row and gives the function that gives its factors.
template <class RowFactors>
Tensor multiplied(const TensorView<const float>& from, RowFactors row_factors) {
  Tensor to(from.shape);
  for (std::int64_t t = 0; t < from.batch() * from.heads() * from.rows(); ++t) {
    const auto b = t / (from.heads() * from.rows()), h = t / from.rows() % from.heads(), i = t % from.rows();
    auto factor = row_factors();
    for (std::int64_t c = 0; c < from.dim(); ++c)
      to.view().row(b, h, i)[c] = static_cast<float>(static_cast<double>(from.row(b, h, i)[c]) * factor());
  }
  return to;
}

std::vector<double> output_on(const Variant& variant, const OracleTask& task, const Inputs& inputs) {
  const auto& p = task.problem;
  std::vector<double> out(static_cast<std::size_t>(p.batch * p.heads_q * p.d_v) * task.rows.size());
  reference(variant, {p, task.params, inputs, task.prepared, task.rows, out.data(), task.parallel, task.undecided});
  return out;
}

std::vector<double> output_of_moved_scores(const Variant& variant, const OracleTask& task, std::mt19937_64& random) {
  const auto length = static_cast<double>(task.problem.heads_q * task.problem.d_qk);
  const double step = kRoundingRms * std::sqrt(length + kMoreRoundings);
  const auto q = multiplied(task.inputs.queries(), [&] { return [&] { return 1 + step * sign(random); }; });
  const auto k =
      multiplied(task.inputs.keys(), [&] { return [&, row = sign(random)] { return 1 + step * (row + sign(random)); }; });
  auto inputs = task.inputs;
  inputs.q = q.ref();
  inputs.k = k.ref();
  return output_on(variant, task, inputs);
}

std::vector<double> output_of_random_signs(const Variant& variant, const OracleTask& task, std::mt19937_64& random) {
  const auto v = multiplied(task.inputs.values(), [&] { return [&] { return sign(random); }; });
  auto inputs = task.inputs;
  inputs.v = v.ref();
  return output_on(variant, task, inputs);
}

Rounding probed_rounding(const Variant& variant, const OracleTask& task) {
  const auto rows = static_cast<std::size_t>(task.problem.batch * task.problem.heads_q) * task.rows.size();
  std::vector<std::uint8_t> undecided(rows, 0);  // what these rows do when scores move says nothing of the others
  auto marking = task;
  marking.undecided = undecided.data();
  const auto still = output_on(variant, marking, task.inputs);
  const auto outputs = static_cast<std::int64_t>(still.size());
  const auto draws = std::clamp<std::int64_t>(kOutputs / std::max<std::int64_t>(outputs, 1), kFewestDraws, kMostDraws);
  std::mt19937_64 random(1);
  Squares sum;
  for (std::int64_t draw = 0; draw < draws; ++draw) {
    const auto moved = output_of_moved_scores(variant, task, random), spread = output_of_random_signs(variant, task, random);
    for (std::size_t t = 0; t < still.size(); ++t) {
      if (undecided[t / static_cast<std::size_t>(task.problem.d_v)]) continue;
      sum.error += square(moved[t] - still[t]);
      sum.spread += square(spread[t]);
    }
  }
  const auto elements = static_cast<double>(draws * outputs);
  return {std::sqrt(sum.error / elements), std::sqrt(sum.spread / elements)};
}

}  // namespace

Rounding expected_rounding(const Variant& variant, const OracleTask& task) {
  return variant.oracle ? probed_rounding(variant, task) : dense_rounding(variant, task);
}

}  // namespace attnbench
