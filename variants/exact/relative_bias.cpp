// Relative position bias: scores get a learned number that depends on the head and on how far the key is from the row.
//
//   s_ij = q_i . k_j / sqrt(d) + b_h[bucket(j - p_i)],  O = softmax(s) V
//
// kind=t5: buckets that widen with distance. Raffel et al. 2020, Exploring the Limits of Transfer Learning, section 2.1.
// kind=table: one number per distance up to max_distance, the last for all beyond. Liu et al. 2021, Swin Transformer, equation 4.
//
// T5: half of the buckets hold one distance each, the others grow geometrically up to max_distance, and the last takes what is
// beyond. Without a causal mask half of them all are for keys behind the row; with one, keys ahead share bucket 0. The thresholds
// are whole numbers found once, not logarithms of each distance: in float32 those may put powers of two into the wrong bucket.
// T5 itself has no 1/sqrt(d): that is scale=1 of the problem. The numbers are drawn from the seed, mean 0 and variance 1.
//
// Cost: that of blockwise, the bias being one multiply-add per score, not counted. Extra memory: n_q + n_k numbers per head, made
// once. Measured 1.04 times as long as blockwise, b1 h8 n1024 d64, one thread, AVX-512.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/random_weights.h"
#include "variants/kernels/softmax/exact_attention.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    choice_param("kind", "t5", "t5|table", "t5: buckets that widen with distance; table: one number per distance"),
    integer_param("buckets", 32, 4, 4096, "t5: numbers per head"),
    integer_param("max_distance", 128, 1, 1 << 20, "t5: where the last bucket begins; table: where distances stop to count"),
};

struct Biases {
  bool t5, both_sides;
  std::int64_t max_distance;
  std::int64_t per_head;         // numbers
  std::vector<float> numbers;    // [h_q, per_head]
  kernels::DistanceTable table;  // the same by p_i - j
};

// ---- Which number a distance gets ------------------------------------------------------------------------------------------

// T5's buckets of one side: the first distance of each.
std::vector<std::int64_t> thresholds(std::int64_t buckets, std::int64_t max_distance) {
  const auto single = buckets / 2;
  const auto end = static_cast<double>(std::max(max_distance, single + 1));
  std::vector<std::int64_t> first;
  for (std::int64_t t = 0; t < buckets; ++t) {
    const double grown =
        static_cast<double>(single) *
        std::pow(end / static_cast<double>(single), static_cast<double>(t - single) / static_cast<double>(buckets - single));
    const double whole = std::round(grown);
    first.push_back(t < single ? t : static_cast<std::int64_t>(std::abs(grown - whole) < 1e-9 * grown ? whole : std::ceil(grown)));
  }
  return first;
}

std::int64_t numbers_per_head(bool t5, const Params& params) {
  return t5 ? params.integer("buckets") : 2 * params.integer("max_distance") + 1;
}

Prepared make_biases(const PrepareTask& task) {
  const auto& p = task.problem;
  const bool t5 = task.params.choice("kind") == "t5", both_sides = p.causal == Causal::none;
  const auto per_head = numbers_per_head(t5, task.params), max_distance = task.params.integer("max_distance");
  const auto side = both_sides ? per_head / 2 : per_head;
  const auto first = t5 ? thresholds(side, max_distance) : std::vector<std::int64_t>{};
  const auto numbers = kernels::random_weights(p.heads_q * per_head, 1, task.seed, 0);
  const auto index = [&](std::int64_t ahead) {  // j - p_i
    if (!t5) return std::clamp(ahead, -max_distance, max_distance) + max_distance;
    const auto distance = both_sides ? std::abs(ahead) : std::max<std::int64_t>(0, -ahead);
    const auto bucket = std::upper_bound(first.begin(), first.end(), distance) - first.begin() - 1;
    return bucket + (both_sides && ahead > 0 ? side : 0);
  };
  kernels::DistanceTable table(
      p, [&](std::int64_t h, std::int64_t behind) { return numbers[static_cast<std::size_t>(h * per_head + index(-behind))]; });
  const auto bytes = table.bytes() + numbers.size() * sizeof(float);
  return Prepared::of(Biases{t5, both_sides, max_distance, per_head, numbers, std::move(table)}, bytes);
}

void run(const RunTask& task) { kernels::attend_all(task, {.distances = &task.prepared.as<Biases>().table}); }

std::size_t workspace(const Problem& p, const Params&, int threads) { return kernels::all_keys_workspace(p, threads, false); }

Cost cost(const Problem& p, const Params&) { return kernels::all_keys_cost(p); }

// ---- Float64 reference: T5's formula, distance by distance ----------------------------------------------------------------

// floor(single + (buckets - single) log(distance / single) / log(max / single)), cut at the last bucket; long double and a margin
// of 1e-12 for what is a whole number in exact arithmetic.
std::int64_t exact_bucket(std::int64_t distance, std::int64_t buckets, std::int64_t max_distance) {
  const auto single = buckets / 2;
  if (distance < single) return distance;
  const auto max = static_cast<long double>(std::max(max_distance, single + 1)), base = static_cast<long double>(single);
  const auto grown =
      std::log(static_cast<long double>(distance) / base) / std::log(max / base) * static_cast<long double>(buckets - single);
  return std::min(buckets - 1, single + static_cast<std::int64_t>(std::floor(grown + 1e-12L)));
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto& biases = task.prepared.as<Biases>();
  weighted_oracle(task, [&](const OracleRow& row, std::span<double> weights) {
    const auto position = row.i + (p.causal == Causal::top_left ? 0 : p.n_k - p.n_q);
    for (std::size_t t = 0; t < weights.size(); ++t) {
      const auto ahead = row.keys[t] - position, side = biases.both_sides ? biases.per_head / 2 : biases.per_head;
      auto at = std::min(biases.max_distance, std::max(-biases.max_distance, ahead)) + biases.max_distance;
      if (biases.t5) {
        at = exact_bucket(biases.both_sides ? std::abs(ahead) : std::max<std::int64_t>(-ahead, 0), side, biases.max_distance);
        if (biases.both_sides && ahead > 0) at += side;
      }
      weights[t] += static_cast<double>(biases.numbers[static_cast<std::size_t>(row.h * biases.per_head + at)]);
    }
    softmax_of(weights);
  });
}

}  // namespace

ATTNBENCH_VARIANT(relative_bias) = {
    .name = "relative_bias",
    .summary = "a learned bias per head and distance on the scores: T5's buckets or Swin's table",
    .paper =
        "Raffel et al. 2020, Exploring the Limits of Transfer Learning (T5), section 2.1; Liu et al. 2021, Swin Transformer, eq. 4",
    .equation = "O = softmax(Q K^T / sqrt(d) + b_h[bucket(j - i)] + mask) V",
    .computes = Computes::own_definition,
    .time_label = "O(n^2 d)",
    .memory_label = "O(n)",
    .supports = kEverything,
    .laws = kRowStochastic | kIndependentHeads | kScoreShift | kWeightsReadable,
    .rates = {30e9, 0.5e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_biases,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
