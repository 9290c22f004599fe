#include "harness/worker/approximation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "variants/api/oracle.h"

namespace attnbench {
namespace {

constexpr std::int64_t kAllRows = 1024;       // up to here every row is compared
constexpr std::int64_t kMostRows = 256;       // beyond, so many: their 95 % interval is within about 10 % of the error
constexpr std::int64_t kFewestRows = 64;      // and fewer at very long n_k, where an exact row is dear:
constexpr std::int64_t kMostPairs = 1 << 22;  // about so many pairs of a row and a key per head
constexpr double kNormal95 = 1.959963984540054;

std::size_t output_size(const Problem& p, std::size_t rows) { return static_cast<std::size_t>(p.batch * p.heads_q * p.d_v) * rows; }

// The first `count` of `values` become a uniform sample of them, by Fisher and Yates. (std::sample may differ between libraries.)
void shuffle_front(std::span<std::int64_t> values, std::size_t count, std::mt19937_64& random) {
  for (std::size_t t = 0; t < count; ++t) std::swap(values[t], values[t + random() % (values.size() - t)]);
}

// RowSquares of `other`, by row.
template <class T>
std::vector<RowSquares> row_squares(const Problem& p, std::size_t rows, std::span<const T> other, std::span<const double> exact) {
  std::vector<RowSquares> squares(rows);
  const auto d_v = static_cast<std::size_t>(p.d_v);
  for (std::size_t t = 0; t < exact.size(); ++t) {
    const double error = static_cast<double>(other[t]) - exact[t];
    auto& row = squares[t / d_v % rows];
    row.error += error * error;
    row.exact += exact[t] * exact[t];
  }
  return squares;
}

RowSquares total(std::span<const RowSquares> rows) {
  RowSquares sum;
  for (const auto& row : rows) {
    sum.error += row.error;
    sum.exact += row.exact;
  }
  return sum;
}

double rel_rms(const RowSquares& sum) {
  if (sum.exact == 0) return sum.error == 0 ? 0 : std::numeric_limits<double>::infinity();
  return std::sqrt(sum.error / sum.exact);
}

double mean_cosine(std::span<const float> output, std::span<const double> exact, std::size_t d_v) {
  double cosines = 0;
  for (std::size_t start = 0; start < output.size(); start += d_v) {
    double xy = 0, xx = 0, yy = 0;
    for (std::size_t t = start; t < start + d_v; ++t) {
      xy += static_cast<double>(output[t]) * exact[t];
      xx += static_cast<double>(output[t]) * static_cast<double>(output[t]);
      yy += exact[t] * exact[t];
    }
    cosines += xx == 0 && yy == 0 ? 1 : xx == 0 || yy == 0 ? 0 : xy / std::sqrt(xx * yy);
  }
  return cosines * static_cast<double>(d_v) / static_cast<double>(output.size());
}

double max_abs(std::span<const float> output, std::span<const double> exact) {
  double most = 0;
  for (std::size_t t = 0; t < output.size(); ++t) {
    const double error = std::abs(static_cast<double>(output[t]) - exact[t]);
    if (!(error <= most)) most = error;  // NaN too, which then stays
    if (std::isnan(most)) break;
  }
  return most;
}

// Softmax attention of every row over as many random keys as the variant's pattern lets it see.
void measure_random_keys(const ApproximationTask& task, Approximation& found) {
  const auto& p = task.problem;
  const auto row_count = static_cast<std::int64_t>(task.rows.size());
  const auto slots = static_cast<std::size_t>(task.parallel.threads()), width = static_cast<std::size_t>(p.n_k);
  const MaskTask mask{p, task.params, task.prepared};
  std::vector<std::int64_t> keys(slots * width);
  std::vector<double> scores(slots * width), output(output_size(p, task.rows.size()));
  std::vector<std::int64_t> counts(static_cast<std::size_t>(p.batch * p.heads_q * row_count));
  task.parallel.for_each(static_cast<std::int64_t>(counts.size()), [&](std::int64_t t, int slot) {
    const auto b = t / (p.heads_q * row_count), h = t / row_count % p.heads_q;
    const auto i = task.rows[static_cast<std::size_t>(t % row_count)];
    const std::span candidates(keys.data() + static_cast<std::size_t>(slot) * width, width);
    std::size_t seen = 0, attended = 0;
    for (std::int64_t j = 0; j < p.n_k; ++j) {
      if (!sees_key(p, task.inputs, b, h, i, j)) continue;
      candidates[seen++] = j;
      attended += task.variant.attends(mask, b, h, i, j);
    }
    std::mt19937_64 random(task.seed ^ (0x9E3779B97F4A7C15u * static_cast<std::uint64_t>(t + 1)));
    shuffle_front(candidates.first(seen), attended, random);
    attend_keys(p, task.inputs, b, h, i, candidates.first(attended), scores.data() + static_cast<std::size_t>(slot) * width,
                output.data() + t * p.d_v);
    counts[static_cast<std::size_t>(t)] = static_cast<std::int64_t>(attended);
  });
  const auto squares = row_squares<double>(p, task.rows.size(), output, task.exact);
  found.random_keys_rel_rms = rel_rms(total(squares));
  found.random_keys = static_cast<double>(std::reduce(counts.begin(), counts.end())) / static_cast<double>(counts.size());
}

}  // namespace

std::vector<std::int64_t> approximation_rows(const Problem& problem, std::uint64_t seed) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(problem.n_q));
  std::iota(rows.begin(), rows.end(), 0);
  if (problem.n_q <= kAllRows) return rows;
  const auto count = static_cast<std::size_t>(std::clamp(kMostPairs / problem.n_k, kFewestRows, kMostRows));
  std::mt19937_64 random(seed);
  shuffle_front(rows, count, random);
  rows.resize(count);
  std::sort(rows.begin(), rows.end());
  return rows;
}

// A ratio estimate (Cochran 1977, sections 6.3 and 6.4): the variance of sum error / sum exact is that of the rows' residuals
// error - ratio exact. The interval is symmetric in the logarithm, where the error, a positive number, is closer to normal; the
// square root halves its width there.
std::optional<std::array<double, 2>> sampling_interval(std::span<const RowSquares> rows, std::int64_t population) {
  const auto count = static_cast<double>(rows.size());
  if (rows.size() < 2 || static_cast<std::int64_t>(rows.size()) >= population) return std::nullopt;
  const auto sum = total(rows);
  const double estimate = rel_rms(sum), ratio = sum.error / sum.exact;
  if (!std::isfinite(estimate) || sum.exact == 0) return std::nullopt;
  if (estimate == 0) return std::array{0.0, 0.0};
  double residuals = 0;
  for (const auto& row : rows) residuals += (row.error - ratio * row.exact) * (row.error - ratio * row.exact);
  const double unseen = 1 - count / static_cast<double>(population);
  const double relative = std::sqrt(unseen * count / (count - 1) * residuals) / sum.error;
  const double factor = std::exp(kNormal95 * relative / 2);
  return std::array{estimate / factor, estimate * factor};
}

std::vector<double> exact_attention(const Problem& problem, const Inputs& inputs, std::span<const std::int64_t> rows,
                                    const Parallel& parallel) {
  std::vector<double> exact(output_size(problem, rows.size()));
  dense_oracle({problem, {}, inputs, {}, rows, exact.data(), parallel});
  return exact;
}

// Softmax attention whose scores are all 0: every visible key weighs the same, or as an additive mask alone would have it.
std::vector<double> mean_of_values(const Problem& problem, const Inputs& inputs, std::span<const std::int64_t> rows,
                                   const Parallel& parallel) {
  auto flat = problem;
  flat.scale = 0;
  return exact_attention(flat, inputs, rows, parallel);
}

Approximation approximation_error(const ApproximationTask& task, std::span<const float> output) {
  const auto& p = task.problem;
  const auto squares = row_squares(p, task.rows.size(), output, task.exact);
  const std::vector<double> zeros(task.exact.size(), 0.0);
  Approximation found;
  found.rows = static_cast<std::int64_t>(task.rows.size());
  found.rel_rms = rel_rms(total(squares));
  found.max_abs = max_abs(output, task.exact);
  found.cosine = mean_cosine(output, task.exact, static_cast<std::size_t>(p.d_v));
  found.interval = sampling_interval(squares, p.n_q);
  found.zeros_rel_rms = rel_rms(total(row_squares<double>(p, task.rows.size(), zeros, task.exact)));
  found.mean_v_rel_rms = rel_rms(total(row_squares<double>(p, task.rows.size(), task.mean_v, task.exact)));
  if (task.variant.attends) measure_random_keys(task, found);
  return found;
}

}  // namespace attnbench
