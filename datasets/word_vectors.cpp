#include "datasets/word_vectors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "datasets/portable_math.h"
#include "datasets/sparse_svd.h"

namespace attnbench {
namespace {

constexpr std::int64_t kWindow = 5;
constexpr double kContextPower = 0.75;

// Weighted counts of (word, neighbour), row by row; sums in value. Integers in float64, so exact.
SparseMatrix count_neighbours(const TokenizedText& text) {
  const auto size = text.words.size();
  const auto count = static_cast<std::int64_t>(text.tokens.size());
  std::vector<std::vector<std::int64_t>> places(size);
  for (std::int64_t i = 0; i < count; ++i) places[text.tokens[static_cast<std::size_t>(i)]].push_back(i);

  SparseMatrix counts{static_cast<std::int64_t>(size), {0}, {}, {}};
  std::vector<double> row(size, 0.0);
  std::vector<std::uint32_t> touched;
  for (const auto& occurrences : places) {
    for (const auto i : occurrences)
      for (auto j = std::max<std::int64_t>(i - kWindow, 0); j <= std::min(i + kWindow, count - 1); ++j) {
        if (j == i) continue;
        const auto neighbour = text.tokens[static_cast<std::size_t>(j)];
        if (row[neighbour] == 0) touched.push_back(neighbour);
        row[neighbour] += static_cast<double>(kWindow + 1 - std::max(i - j, j - i));
      }
    std::sort(touched.begin(), touched.end());
    for (const auto neighbour : touched) {
      counts.column.push_back(neighbour);
      counts.value.push_back(std::exchange(row[neighbour], 0.0));
    }
    touched.clear();
    counts.row_begin.push_back(static_cast<std::int64_t>(counts.value.size()));
  }
  return counts;
}

// max(0, log(P(w, c) / (P(w) P_smooth(c)))) in place of the counts; zeros are dropped.
SparseMatrix positive_information(const SparseMatrix& counts) {
  const auto size = static_cast<std::size_t>(counts.size);
  std::vector<double> words(size, 0.0), contexts(size, 0.0);
  for (std::size_t w = 0; w < size; ++w)
    for (auto e = counts.row_begin[w]; e < counts.row_begin[w + 1]; ++e) {
      words[w] += counts.value[static_cast<std::size_t>(e)];
      contexts[counts.column[static_cast<std::size_t>(e)]] += counts.value[static_cast<std::size_t>(e)];
    }
  double smooth_total = 0;
  for (auto& context : contexts) smooth_total += context = context > 0 ? portable_pow(context, kContextPower) : 0;

  SparseMatrix information{counts.size, {0}, {}, {}};
  for (std::size_t w = 0; w < size; ++w) {
    for (auto e = static_cast<std::size_t>(counts.row_begin[w]); e < static_cast<std::size_t>(counts.row_begin[w + 1]); ++e) {
      const double value = portable_log(counts.value[e] * smooth_total / (words[w] * contexts[counts.column[e]]));
      if (value <= 0) continue;
      information.column.push_back(counts.column[e]);
      information.value.push_back(value);
    }
    information.row_begin.push_back(static_cast<std::int64_t>(information.value.size()));
  }
  return information;
}

// Takes the text's mean vector out (Mu & Viswanath 2018, "All-but-the-Top": a common direction hides the differences) and scales
// each vector to norm sqrt(kWordDim).
void centre_and_scale(std::vector<double>& vectors, const TokenizedText& text) {
  double mean[kWordDim] = {};
  for (const auto token : text.tokens)
    for (int c = 0; c < kWordDim; ++c) mean[c] += vectors[token * std::size_t{kWordDim} + static_cast<std::size_t>(c)];
  for (auto& value : mean) value /= static_cast<double>(text.tokens.size());
  for (std::size_t w = 0; w < text.words.size(); ++w) {
    double* row = vectors.data() + w * kWordDim;
    double squares = 0;
    for (int c = 0; c < kWordDim; ++c) {
      row[c] -= mean[c];
      squares += row[c] * row[c];
    }
    const double factor = squares > 0 ? std::sqrt(kWordDim / squares) : 0;
    for (int c = 0; c < kWordDim; ++c) row[c] *= factor;
  }
}

}  // namespace

std::vector<float> build_word_vectors(const TokenizedText& text) {
  const auto svd = truncated_svd(positive_information(count_neighbours(text)), kWordDim);
  std::vector<double> vectors(text.words.size() * kWordDim, 0.0);
  for (std::size_t w = 0; w < text.words.size(); ++w)
    for (std::int64_t c = 0; c < svd.rank; ++c)
      vectors[w * kWordDim + static_cast<std::size_t>(c)] =
          svd.u[w * static_cast<std::size_t>(svd.rank) + static_cast<std::size_t>(c)] *
          std::sqrt(svd.sigma[static_cast<std::size_t>(c)]);
  centre_and_scale(vectors, text);
  return {vectors.begin(), vectors.end()};
}

}  // namespace attnbench
