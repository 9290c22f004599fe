// Verify: is a variant's output right? Nothing is timed before this says ok.
//
// Implementation error is the distance to the float64 oracle of the same mathematics and gates; approximation error is the
// distance to exact softmax attention (approximation.h) and never gates. The two are never mixed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/planning/variant_config.h"
#include "harness/protocol/measurement.h"
#include "harness/worker/approximation.h"
#include "harness/worker/rounding.h"

namespace attnbench {

/// Seeds of one verification; one number may serve for both.
struct Seeds {
  Seeds(std::uint64_t seed) : inputs(seed), rows(seed) {}
  Seeds(std::uint64_t of_inputs, std::uint64_t of_rows) : inputs(of_inputs), rows(of_rows) {}
  std::uint64_t inputs;  // what prepare() makes, and where the approximation error is taken
  std::uint64_t rows;    // of verification_rows()
};

/// Query rows to compare: all up to n_q = 1024; beyond, a seeded sample that always holds the first and last rows and the rows
/// beside tile and block edges. Ascending, distinct.
std::vector<std::int64_t> verification_rows(const Problem& problem, std::uint64_t seed);

/// Compares output rows with oracle rows (both [b][h_q][rows][d_v]); fills status, reasons, errors, tolerances. NaN never passes.
/// `rows` are the query indices the rows stand for (empty: 0, 1, 2, ...), named in the reasons. `rounding` widens both tolerances
/// to four times its score error, and the relative one, for outputs that are small because values cancel, as if they were of its
/// spread.
Verification compare(std::span<const float> output, std::span<const double> oracle, const Problem& problem,
                     std::span<const std::int64_t> rows = {}, const Rounding& rounding = {});

/// The oracle's rows with those that are marked undecided (empty: none) replaced by the output's own, which says nothing of them.
std::vector<double> settled(std::span<const float> output, std::span<const double> oracle, std::span<const std::uint8_t> undecided);

/// Runs the variant twice on poisoned workspace and output, and compares with its oracle. `exact` may hold what
/// exact_rows() gives, computed once per problem; empty computes it here. Inputs on which float32 loses
/// digits whatever the implementation (large scores) widen the tolerances as far as rounding.h says, and no output at the first
/// look. Rows that the oracle marks undecided are not compared; more than 5 % of them are too many.
Verification verify(const VariantConfig& config, const Problem& problem, const Inputs& inputs, const Seeds& seeds,
                    const Parallel& parallel, std::span<const double> exact = {});

/// Judges an output that is there already, as verify() judges those of its own calls: every row of the sample against the oracle,
/// all others for values that were never written or are not finite.
Verification judge_output(const VariantConfig& config, const Problem& problem, const Inputs& inputs, const Prepared& prepared,
                          std::uint64_t rows_seed, const Parallel& parallel, const TensorRef& output);

/// What verify() takes of softmax attention: verification_rows() and approximation_rows() of the exact output, then
/// approximation_rows() of the mean of the values.
std::vector<double> exact_rows(const Problem& problem, const Inputs& inputs, const Seeds& seeds, const Parallel& parallel);

}  // namespace attnbench
