// Approximation error: how far an output is from exact softmax attention. It never gates.
//
// Rows are drawn uniformly from all query rows, so that the error of the sample estimates the error of the whole output; the edges
// of tiles and blocks that verification looks at are unlike other rows. Beside it stand the errors of three outputs that take no
// idea at all: zeros, the mean of the visible values, and softmax attention over random keys.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "harness/protocol/measurement.h"
#include "variants/api/variant.h"

namespace attnbench {

/// Query rows for the approximation error: all up to n_q = 1024; beyond, a seeded uniform sample without repetition. Ascending.
std::vector<std::int64_t> approximation_rows(const Problem& problem, std::uint64_t seed);

/// Squares summed over one query row of all batch entries and heads: of the error, and of the exact output.
struct RowSquares {
  double error = 0, exact = 0;
};

/// 95 % interval of sqrt(sum error / sum exact) over `population` rows, of which `rows` are a simple random sample (none where they
/// are all, or fewer than two).
std::optional<std::array<double, 2>> sampling_interval(std::span<const RowSquares> rows, std::int64_t population);

/// Exact softmax attention on `rows`, and the mean of the values that each row sees, [b][h_q][rows][d_v].
std::vector<double> exact_attention(const Problem& problem, const Inputs& inputs, std::span<const std::int64_t> rows,
                                    const Parallel& parallel);
std::vector<double> mean_of_values(const Problem& problem, const Inputs& inputs, std::span<const std::int64_t> rows,
                                   const Parallel& parallel);

/// What approximation_error() works on; `exact` and `mean_v` are as the two functions above give them for `rows`.
struct ApproximationTask {
  const Variant& variant;
  const Params& params;
  const Problem& problem;
  const Inputs& inputs;
  const Prepared& prepared;
  const Parallel& parallel;
  std::span<const std::int64_t> rows;
  std::span<const double> exact, mean_v;
  std::uint64_t seed;
};

/// `output` [b][h_q][rows][d_v]. The random keys are drawn from those that the problem's own masks let the row see.
Approximation approximation_error(const ApproximationTask& task, std::span<const float> output);

}  // namespace attnbench
