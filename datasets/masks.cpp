#include "datasets/masks.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "datasets/catalogue.h"
#include "datasets/portable_math.h"
#include "datasets/random.h"

namespace attnbench {
namespace {

constexpr double kBooleanKept = 0.75;
constexpr double kAdditiveKept = 0.875;
constexpr std::int64_t kEmptyRowEvery = 64;

// The key that a row always keeps: its own position, or the nearest there is.
std::int64_t own_key(const Problem& problem, std::int64_t row) {
  return std::clamp(query_position(problem, row), std::int64_t{0}, problem.n_k - 1);
}

// uniform: one number of each key.
void boolean_row(const Problem& problem, std::int64_t i, const std::vector<double>& uniform, std::uint8_t* row) {
  if (i % kEmptyRowEvery == kEmptyRowEvery - 1) return;
  std::transform(uniform.begin(), uniform.end(), row, [](double u) { return static_cast<std::uint8_t>(u < kBooleanKept); });
  row[own_key(problem, i)] = 1;
}

void additive_row(const Problem& problem, std::int64_t i, const std::vector<double>& uniform, double slope, float* row) {
  const auto own = query_position(problem, i), kept = own_key(problem, i);
  for (std::int64_t j = 0; j < problem.n_k; ++j) {
    const bool masked = uniform[static_cast<std::size_t>(j)] >= kAdditiveKept && j != kept;
    const auto distance = static_cast<double>(std::max(own - j, j - own));
    row[j] = masked ? -std::numeric_limits<float>::infinity() : static_cast<float>(-slope * distance);
  }
}

}  // namespace

Tensor make_mask(const Problem& problem, std::uint64_t seed) {
  if (problem.mask.kind == MaskKind::none) return {};
  const bool boolean = problem.mask.kind == MaskKind::boolean;
  const std::int64_t batch = problem.mask.per_batch ? problem.batch : 1, heads = problem.mask.per_head ? problem.heads_q : 1;
  Tensor mask({batch, heads, problem.n_q, problem.n_k}, boolean ? DType::u8 : DType::f32);
  const RandomStream stream(seed, boolean ? "boolean mask" : "additive mask");
  std::vector<double> uniform(static_cast<std::size_t>(problem.n_k));
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t h = 0; h < heads; ++h) {
      const double slope = portable_pow(2, -8.0 * static_cast<double>(h + 1) / static_cast<double>(heads));
      for (std::int64_t i = 0; i < problem.n_q; ++i) {
        stream.uniforms({b, h, i}, uniform.data(), problem.n_k);
        if (boolean) boolean_row(problem, i, uniform, mask.view<std::uint8_t>().row(b, h, i));
        else additive_row(problem, i, uniform, slope, mask.view().row(b, h, i));
      }
    }
  return mask;
}

}  // namespace attnbench
