#include "variants/kernels/softmax/key_pattern.h"

namespace attnbench::kernels {
namespace {

// Pairs of one query head of batch entry b.
std::int64_t head_pairs(const Problem& p, const KeyPattern& pattern, std::int64_t b) {
  std::int64_t pairs = 0;
  for (std::int64_t g = 0; g < pattern.groups(); ++g) {
    const auto rows = pattern.group(g);
    const auto segments = pattern.segments(g);
    for (std::int64_t s = 0; s < segments; ++s) {
      const auto segment = pattern.segment(g, s);
      for (std::int64_t i = 0; i < rows.count; ++i) {
        const auto row = rows.row(i);
        pairs += visible_in_segment(segment, pattern.visible(g, s, row), visible_keys(p, b, row)).size();
      }
    }
  }
  return pairs;
}

}  // namespace

KeyRange visible_in_segment(const KeySegment& segment, KeyRange pattern, KeyRange problem) {
  const KeyRange range{std::max({std::int64_t{0}, pattern.begin, segment.index_of(problem.begin)}),
                       std::min({segment.count, pattern.end, segment.index_of(problem.end)})};
  return range.begin < range.end ? range : KeyRange{};
}

double pattern_pairs(const Problem& p, const KeyPattern& pattern) {
  const std::int64_t batches = p.key_lengths.empty() ? 1 : p.batch;  // without key lengths all batch entries are alike
  double pairs = 0;
  for (std::int64_t b = 0; b < batches; ++b) pairs += static_cast<double>(head_pairs(p, pattern, b));
  return pairs * static_cast<double>(p.batch / batches) * static_cast<double>(p.heads_q);
}

}  // namespace attnbench::kernels
