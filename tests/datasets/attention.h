// Softmax attention of a problem's inputs in float64, row by row, to look at what kind of attention a dataset causes.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "datasets/dataset.h"

namespace attnbench {

class AttentionRows {
 public:
  AttentionRows(const Problem& problem, const NamedTensors& in) : problem_(problem) {
    const auto q = in.q.view(), k = in.k.view();
    for (std::int64_t h = 0; h < problem.heads_q; ++h)
      for (std::int64_t i = 0; i < problem.n_q; ++i) {
        std::vector<double> row(static_cast<std::size_t>(problem.n_k));
        for (std::int64_t j = 0; j < problem.n_k; ++j) {
          double score = 0;
          for (std::int64_t c = 0; c < problem.d_qk; ++c)
            score += static_cast<double>(q.row(0, h, i)[c]) * k.row(0, problem.kv_head(h), j)[c];
          row[static_cast<std::size_t>(j)] = score * problem.effective_scale();
        }
        rows_.push_back(softmax(std::move(row)));
      }
  }

  /// Entropy in nats, averaged over the rows of one head (all heads: -1).
  double mean_entropy(std::int64_t head = -1) const {
    return mean(head, [](std::int64_t, const std::vector<double>& row) {
      double entropy = 0;
      for (const double w : row) entropy -= w > 0 ? w * std::log(w) : 0;
      return entropy;
    });
  }

  /// Weight on the pairs (query row, key) that `counts` selects, averaged over rows.
  template <class Pairs>
  double mean_mass(Pairs counts) const {
    return mean(-1, [&](std::int64_t i, const std::vector<double>& row) {
      double mass = 0;
      for (std::size_t j = 0; j < row.size(); ++j) mass += counts(i, static_cast<std::int64_t>(j)) ? row[j] : 0;
      return mass;
    });
  }

  const std::vector<double>& row(std::int64_t head, std::int64_t i) const {
    return rows_[static_cast<std::size_t>(head * problem_.n_q + i)];
  }

 private:
  static std::vector<double> softmax(std::vector<double> row) {
    const double top = *std::max_element(row.begin(), row.end());
    double total = 0;
    for (auto& w : row) total += w = std::exp(w - top);
    for (auto& w : row) w /= total;
    return row;
  }

  template <class Value>
  double mean(std::int64_t head, Value value) const {
    double sum = 0;
    const auto first = head < 0 ? 0 : head, last = head < 0 ? problem_.heads_q : head + 1;
    for (auto h = first; h < last; ++h)
      for (std::int64_t i = 0; i < problem_.n_q; ++i) sum += value(i, row(h, i));
    return sum / static_cast<double>((last - first) * problem_.n_q);
  }

  Problem problem_;
  std::vector<std::vector<double>> rows_;
};

}  // namespace attnbench
