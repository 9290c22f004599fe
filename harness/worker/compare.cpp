// Output rows against oracle rows: how far apart, is that within tolerance, and does a wrong output look like no output at all.
// Every comparison is written so that a NaN fails it.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/worker/guarded_output.h"
#include "harness/worker/verify.h"

namespace attnbench {
namespace {

// What float32 can hold on N(0,1) inputs (shared rule for all exact variants): constant up to n = 4096, then growing with the
// square root of n, as rounding errors of a sum of n terms do.
constexpr double kRelativeRms = 2e-6;
constexpr double kMaxAbs = 1e-5;
constexpr double kFlatLength = 4096;
// What rounding.h predicts is an RMS for one model of the arithmetic; implementations and single draws differ from it.
constexpr double kMargin = 4;
constexpr double kWorstRelativeRms = 0.05;  // no further, however ill-conditioned the inputs
// Products and sums below float32's normal range are off by up to half a unit of 1.4e-45 each, one of both per key.
constexpr double kSubnormalUnit = std::numeric_limits<float>::denorm_min();

double length_growth(const Problem& p) { return std::sqrt(std::max(1.0, static_cast<double>(p.n_k) / kFlatLength)); }

struct Distance {
  double error_squares = 0, oracle_squares = 0, max_error = 0, max_oracle = 0;
  std::size_t count = 0;       // of finite values
  std::size_t worst = 0;       // where max_error is
  std::size_t not_finite = 0;  // outputs (or oracle values) that are NaN or infinite
  std::size_t first_not_finite = 0;

  double relative_rms() const {
    if (not_finite > 0) return std::numeric_limits<double>::quiet_NaN();
    if (oracle_squares == 0) return error_squares == 0 ? 0 : std::numeric_limits<double>::infinity();
    return std::sqrt(error_squares / oracle_squares);
  }
  double oracle_rms() const { return count == 0 ? 0 : std::sqrt(oracle_squares / static_cast<double>(count)); }
  double max_abs() const { return not_finite > 0 ? std::numeric_limits<double>::quiet_NaN() : max_error; }
};

Distance measure(std::span<const float> output, std::span<const double> oracle) {
  Distance d;
  for (std::size_t t = 0; t < output.size(); ++t) {
    if (!std::isfinite(output[t]) || !std::isfinite(oracle[t])) {
      if (d.not_finite++ == 0) d.first_not_finite = t;
      continue;
    }
    const double error = std::abs(static_cast<double>(output[t]) - oracle[t]);
    ++d.count;
    d.error_squares += error * error;
    d.oracle_squares += oracle[t] * oracle[t];
    d.max_oracle = std::max(d.max_oracle, std::abs(oracle[t]));
    if (error > d.max_error) {
      d.max_error = error;
      d.worst = t;
    }
  }
  return d;
}

// "row b0 h1 i17 c3: got 0.5, oracle 0.25" for element t of [b][h][rows][d_v].
std::string describe(std::size_t t, std::span<const float> output, std::span<const double> oracle, const Problem& p,
                     std::span<const std::int64_t> rows) {
  const auto row_count = static_cast<std::int64_t>(output.size()) / (p.batch * p.heads_q * p.d_v);
  const auto index = static_cast<std::int64_t>(t);
  const auto r = index / p.d_v % row_count;
  const auto head = index / (p.d_v * row_count);
  const auto got = GuardedOutput::is_poison(output[t]) ? std::string("nothing (never written)") : fmt::format("{:.8g}", output[t]);
  return fmt::format("row b{} h{} i{} c{}: got {}, oracle {:.8g}", head / p.heads_q, head % p.heads_q,
                     rows.empty() ? r : rows[static_cast<std::size_t>(r)], index % p.d_v, got, oracle[t]);
}

// Share of values within `slack` of their column's median, a column being one channel of one head over the rows. The most
// frequent value of a column is its median whenever it fills more than half of it.
template <class T>
double constant_share(std::span<const T> values, const Problem& p, double slack) {
  const auto d_v = static_cast<std::size_t>(p.d_v);
  const std::size_t head_size = values.size() / static_cast<std::size_t>(p.batch * p.heads_q);
  std::vector<double> column(head_size / d_v);
  std::size_t same = 0;
  for (std::size_t start = 0; start < values.size(); start += head_size) {
    for (std::size_t c = 0; c < d_v; ++c) {
      for (std::size_t r = 0; r < column.size(); ++r) column[r] = static_cast<double>(values[start + r * d_v + c]);
      const auto middle = column.begin() + static_cast<std::ptrdiff_t>(column.size() / 2);
      std::nth_element(column.begin(), middle, column.end());
      const double median = *middle;
      same += static_cast<std::size_t>(
          std::count_if(column.begin(), column.end(), [&](double value) { return std::abs(value - median) <= slack; }));
    }
  }
  return static_cast<double>(same) / static_cast<double>(values.size());
}

// All zeros, or one and the same row over and over, where the oracle's rows differ.
bool looks_unfinished(std::span<const float> output, std::span<const double> oracle, const Problem& p, double slack) {
  const auto zeros = static_cast<std::size_t>(std::count(output.begin(), output.end(), 0.0f));
  const auto true_zeros = std::count_if(oracle.begin(), oracle.end(), [&](double value) { return std::abs(value) <= slack; });
  if (2 * zeros > output.size() && 2 * static_cast<std::size_t>(true_zeros) <= output.size()) return true;
  return constant_share(output, p, 0) > 0.5 && constant_share(oracle, p, 2 * slack) <= 0.5;
}

// RMS error that an output may have whatever its own size.
double absolute_floor(const Problem& p, double relative, const Rounding& rounding) {
  return std::max(relative * rounding.spread, kSubnormalUnit * static_cast<double>(p.n_k));
}

// Where every product of a weight and a value is below the normal range, arithmetic that flushes leaves nothing.
bool flushed(std::span<const float> output, double max_oracle, const Problem& p) {
  return max_oracle < std::numeric_limits<float>::min() * static_cast<double>(p.n_k) &&
         2 * std::count(output.begin(), output.end(), 0.0f) > static_cast<std::ptrdiff_t>(output.size());
}

}  // namespace

std::vector<double> settled(std::span<const float> output, std::span<const double> oracle,
                            std::span<const std::uint8_t> undecided) {
  std::vector<double> rows(oracle.begin(), oracle.end());
  const auto d_v = undecided.empty() ? 0 : oracle.size() / undecided.size();
  for (std::size_t t = 0; t < undecided.size(); ++t)
    for (std::size_t c = t * d_v; undecided[t] && c < (t + 1) * d_v; ++c) rows[c] = static_cast<double>(output[c]);
  return rows;
}

Verification compare(std::span<const float> output, std::span<const double> oracle, const Problem& problem,
                     std::span<const std::int64_t> rows, const Rounding& rounding) {
  const auto d = measure(output, oracle);
  const double size = d.oracle_rms(), base = kRelativeRms * length_growth(problem);
  const double condition = size == 0 ? 1 : std::clamp(kMargin * rounding.score_error / size / base, 1.0, kWorstRelativeRms / base);
  Verification v;
  v.rows = static_cast<std::int64_t>(output.size()) / (problem.batch * problem.heads_q * problem.d_v);
  v.rel_rms = d.relative_rms();
  v.max_abs = d.max_abs();
  v.tolerance_rel_rms = std::max(base * condition, size == 0 ? 0 : absolute_floor(problem, base, rounding) / size);
  v.tolerance_max_abs = kMaxAbs * (1 + d.max_oracle) * length_growth(problem) * condition;
  if (d.not_finite > 0) {
    v.status = Status::mismatch;
    v.reasons.push_back(fmt::format("{} of {} values are not finite; first {}", d.not_finite, output.size(),
                                    describe(d.first_not_finite, output, oracle, problem, rows)));
    return v;
  }
  if (v.rel_rms <= v.tolerance_rel_rms && v.max_abs <= v.tolerance_max_abs) return v;
  v.status = Status::mismatch;
  v.reasons.push_back(fmt::format("relative RMS error {:.3g} (limit {:.3g}), largest error {:.3g} (limit {:.3g}); worst {}",
                                  v.rel_rms, v.tolerance_rel_rms, v.max_abs, v.tolerance_max_abs,
                                  describe(d.worst, output, oracle, problem, rows)));
  if (flushed(output, d.max_oracle, problem))
    v.reasons.push_back(
        fmt::format("the expected values are at most {:.3g}: products below {:.3g}, float32's smallest normal number, "
                    "were flushed to zero; scale V up, or use a variant that keeps subnormal numbers (naive)",
                    d.max_oracle, std::numeric_limits<float>::min()));
  v.mostly_constant = looks_unfinished(output, oracle, problem, v.tolerance_max_abs);
  if (v.mostly_constant) {
    v.status = Status::mistrusted;
    v.reasons.push_back("most of the output is zero or repeats one row, where the oracle's rows differ");
  }
  return v;
}

}  // namespace attnbench
