// Score terms: what a variant does to plain softmax attention inside the engines, beside the problem's scale, softcap and masks.
//
//   s_ij = softcap(scale a_i (q_i . k_j) b_j) - m |p_i - j| + t(p_i - j) + G_{p_i} - G_j
//   w_ij = exp(s_ij) / (exp(sink) + sum_l exp(s_il))      or, pointwise:  w_ij = f(s_ij + c_i) r_i
//
// with factors a and b, slopes m, a distance table t, a potential G.
//
// p_i is Problem::position(i). The problem's masks come after all of it. A member left null costs nothing: the engines look once
// per tile whether it is there. Arrays belong to the caller (workspace or prepare()) and are dense.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "variants/api/problem.h"

namespace attnbench::kernels {

/// t: one number per query head and distance p_i - j. Rows of the pattern must be adjacent.
class DistanceTable {
 public:
  /// value(h, distance) for every query head and every distance of the problem, rounded once.
  template <class Value>
  DistanceTable(const Problem& p, Value value)
      : first_(p.position(0) - (p.n_k - 1)), count_(p.n_q + p.n_k - 1), numbers_(static_cast<std::size_t>(p.heads_q * stride())) {
    for (std::int64_t h = 0; h < p.heads_q; ++h)
      for (std::int64_t x = 0; x < count_; ++x)
        numbers_[static_cast<std::size_t>(h * stride() + kPad + x)] = static_cast<float>(value(h, first_ + x));
  }
  /// That number; those of the distances beside it lie beside it, and a vector may be loaded over either end.
  const float* at(std::int64_t h, std::int64_t distance) const { return numbers_.data() + h * stride() + kPad + distance - first_; }
  std::size_t bytes() const { return numbers_.size() * sizeof(float); }

 private:
  static constexpr std::int64_t kPad = 16;  // lanes of the widest vector
  std::int64_t stride() const { return count_ + 2 * kPad; }

  std::int64_t first_, count_;
  std::vector<float> numbers_;
};

/// f: a nonlinearity of each score on its own in place of the softmax.
struct Pointwise {
  enum class Function : std::uint8_t { sigmoid, relu, relu_squared, silu };
  Function function;
  const float* row_bias;    // c [b, n_q]
  const float* row_factor;  // r [b, n_q]
};

struct ScoreTerms {
  const float* query_factor = nullptr;  // a [b, h_q, n_q]
  const float* key_factor = nullptr;    // b [b, h_kv, n_k]
  /// m [h_q]. A row stands at p_i or, where it does not see that key, at the nearest one it sees: this only adds a constant to the
  /// row, and keeps the numbers small. So not together with sinks or a pointwise function, which do see constants.
  const float* slopes = nullptr;
  const DistanceTable* distances = nullptr;  // t
  const double* potential = nullptr;         // G [b, h_q, n_k]; NaN reaches the rows that see its key and no others
  const float* sinks = nullptr;              // [h_q], in the units of the finished score
  const Pointwise* pointwise = nullptr;

  /// Whether something is added to scores, which have to be scaled then.
  bool has_bias() const { return slopes || distances || potential; }
  /// Whether query heads that share keys can be taken together.
  bool folds_heads() const { return !distances && !potential; }
  /// A row's sum with its sink. `scale` brings max to the units of the sink. A row without keys stays at 0.
  float sum_with_sink(std::int64_t h, float sum, float max, float scale) const {
    if (!sinks || sum == 0.0f) return sum;
    return static_cast<float>(double{sum} + std::exp(double{sinks[h]} - double{max} * double{scale}));
  }
  /// Where row i of batch entry b stands for its slope.
  static std::int64_t slope_position(const Problem& p, std::int64_t b, std::int64_t i) {
    const auto seen = visible_keys(p, b, i);
    return seen.size() == 0 ? 0 : std::clamp(p.position(i), seen.begin, seen.end - 1);
  }
  /// The potential of query head h of batch entry b.
  const double* potential_of(const Problem& p, std::int64_t b, std::int64_t h) const {
    return potential + (b * p.heads_q + h) * p.n_k;
  }
  /// A row's own: at its position, or at the last key of its batch entry if it stands beyond, or at the last number before that. A
  /// row has one and the same for all keys, so that only its size matters.
  static double row_potential(const Problem& p, const double* potential, std::int64_t b, std::int64_t i) {
    const auto keys = p.key_count(b);
    auto at = std::min(p.position(i), keys - 1);
    while (at > 0 && std::isnan(potential[at])) --at;
    return at < 0 || std::isnan(potential[at]) ? 0 : potential[at];
  }
};

}  // namespace attnbench::kernels
