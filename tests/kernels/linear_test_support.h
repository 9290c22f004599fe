// Shared by the tests of linear attention's kernels: strided rows in guarded memory, the feature map, errors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "tests/kernels/kernels_test_support.h"
#include "variants/kernels/linear/linear_attention.h"

namespace attnbench::kernels {

constexpr double kTolerance = 2e-6;  // relative to the largest value in sight

// Rows `gap` elements apart beyond their length, the last of them ending at an unreadable page; the gaps are NaN.
class GuardedRows {
 public:
  GuardedRows(std::int64_t count, std::int64_t dim, std::int64_t gap, std::mt19937& random)
      : dim_(dim), stride_(dim + gap), memory_(std::max<std::int64_t>(0, count * stride_ - gap)) {
    std::normal_distribution<float> normal;
    for (std::int64_t i = 0; i < memory_.size(); ++i)
      memory_[i] = i % stride_ < dim ? normal(random) : std::numeric_limits<float>::quiet_NaN();
  }
  float& operator()(std::int64_t i, std::int64_t c) const { return memory_[i * stride_ + c]; }
  Rows<const float> rows() const { return {memory_.data(), stride_}; }
  Rows<float> rows_out() const { return {memory_.data(), stride_}; }
  bool gaps_untouched() const {
    for (std::int64_t i = 0; i < memory_.size(); ++i)
      if (i % stride_ >= dim_ && !std::isnan(memory_[i])) return false;
    return true;
  }

 private:
  std::int64_t dim_, stride_;
  GuardedArray<float> memory_;
};

inline double phi(double x) { return x > 0 ? x + 1 : std::exp(x); }

// One output row in float64: the quotient of sums over keys that each have `weight(j)` and the values `value(j, c)`.
template <class Weight, class Value>
std::vector<double> exact_row(std::int64_t keys, std::int64_t d_v, const Weight& weight, const Value& value) {
  std::vector<double> row(static_cast<std::size_t>(d_v), 0.0);
  double total = 0;
  for (std::int64_t j = 0; j < keys; ++j) {
    const double w = weight(j);
    total += w;
    for (std::int64_t c = 0; c < d_v; ++c) row[static_cast<std::size_t>(c)] += w * value(j, c);
  }
  for (auto& x : row) x = total == 0 ? 0 : x / total;
  return row;
}

// The largest error of rows, relative to the largest value in sight; NaN is the worst of all.
class WorstError {
 public:
  template <class Computed>
  void add(const std::vector<double>& exact, const Computed& computed) {
    for (std::size_t c = 0; c < exact.size(); ++c) {
      const double error = std::abs(double{computed(static_cast<std::int64_t>(c))} - exact[c]);
      if (!(error <= worst_) && !std::isnan(worst_)) worst_ = error;
      largest_ = std::max(largest_, std::abs(exact[c]));
    }
  }
  double relative() const { return largest_ == 0 ? worst_ : worst_ / largest_; }

 private:
  double worst_ = 0, largest_ = 0;
};

}  // namespace attnbench::kernels
