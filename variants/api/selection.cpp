#include "variants/api/selection.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attnbench {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// `last` is the smallest score taken. Only neighbours in value matter: the next above it, if ties of it were left out, and the next
// below.
bool is_undecided(std::span<const double> scores, double last, bool ties_left_out) {
  double above = kInfinity, below = -kInfinity;
  for (const double s : scores) {
    if (s > last) above = std::min(above, s);
    if (s < last) below = std::max(below, s);
  }
  const double margin = kUndecided * (1 + std::abs(last));
  return last - below < margin || (ties_left_out && above - last < margin);
}

}  // namespace

Largest largest(std::span<const double> scores, std::int64_t keep) {
  std::vector<std::int64_t> places;
  for (std::size_t t = 0; t < scores.size(); ++t)
    if (scores[t] > -kInfinity) places.push_back(static_cast<std::int64_t>(t));
  if (static_cast<std::int64_t>(places.size()) <= keep) return {places, false};
  const auto score = [&](std::int64_t place) { return scores[static_cast<std::size_t>(place)]; };
  std::stable_sort(places.begin(), places.end(), [&](auto x, auto y) { return score(x) > score(y); });
  if (keep == 0) return {};
  const double last = score(places[static_cast<std::size_t>(keep - 1)]);
  const bool ties_left_out = score(places[static_cast<std::size_t>(keep)]) == last;
  places.resize(static_cast<std::size_t>(keep));
  std::sort(places.begin(), places.end());
  return {places, is_undecided(scores, last, ties_left_out)};
}

double exact_dot(const float* a, const float* b, std::int64_t d) {
  double sum = 0;
  for (std::int64_t c = 0; c < d; ++c) sum += static_cast<double>(a[c]) * static_cast<double>(b[c]);
  return sum;
}

void mark_row(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i) {
  task.mark_undecided(b, h, std::lower_bound(task.rows.begin(), task.rows.end(), i) - task.rows.begin());
}

}  // namespace attnbench
