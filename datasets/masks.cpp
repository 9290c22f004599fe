#include "datasets/masks.h"

#include <algorithm>
#include <limits>

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

void boolean_row(const Problem& problem, const RandomStream& kept, const Place& at, std::uint8_t* row) {
  if (at.position % kEmptyRowEvery == kEmptyRowEvery - 1) return;
  for (std::int64_t j = 0; j < problem.n_k; ++j) row[j] = kept.uniform(at, j) < kBooleanKept;
  row[own_key(problem, at.position)] = 1;
}

void additive_row(const Problem& problem, const RandomStream& kept, const Place& at, double slope, float* row) {
  const auto own = query_position(problem, at.position);
  for (std::int64_t j = 0; j < problem.n_k; ++j) {
    const auto distance = static_cast<double>(std::max(own - j, j - own));
    const bool hidden = kept.uniform(at, j) >= kAdditiveKept && j != own_key(problem, at.position);
    row[j] = hidden ? -std::numeric_limits<float>::infinity() : static_cast<float>(-slope * distance);
  }
}

}  // namespace

Tensor make_mask(const Problem& problem, std::uint64_t seed) {
  if (problem.mask.kind == MaskKind::none) return {};
  const bool boolean = problem.mask.kind == MaskKind::boolean;
  const std::int64_t batch = problem.mask.per_batch ? problem.batch : 1, heads = problem.mask.per_head ? problem.heads_q : 1;
  Tensor mask({batch, heads, problem.n_q, problem.n_k}, boolean ? DType::u8 : DType::f32);
  const RandomStream kept(seed, boolean ? "boolean mask" : "additive mask");
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t h = 0; h < heads; ++h) {
      const double slope = portable_pow(2, -8.0 * static_cast<double>(h + 1) / static_cast<double>(heads));
      for (std::int64_t i = 0; i < problem.n_q; ++i) {
        if (boolean) boolean_row(problem, kept, {b, h, i}, mask.view<std::uint8_t>().row(b, h, i));
        else additive_row(problem, kept, {b, h, i}, slope, mask.view().row(b, h, i));
      }
    }
  return mask;
}

}  // namespace attnbench
