#include "variants/kernels/selection/listed_block.h"

#include <algorithm>

#include "variants/kernels/blocking.h"
#include "variants/kernels/softmax/tile_block.h"

namespace attnbench::kernels {
namespace {

class ListedPattern final : public KeyPattern {
 public:
  ListedPattern(const RowRange& rows, const KeySegment& keys) : rows_(rows), keys_(keys) {}
  std::int64_t groups() const override { return 1; }
  RowRange group(std::int64_t) const override { return rows_; }
  std::int64_t segments(std::int64_t) const override { return 1; }
  KeySegment segment(std::int64_t, std::int64_t) const override { return keys_; }
  KeyRange visible(std::int64_t, std::int64_t, std::int64_t) const override { return {0, keys_.count}; }

 private:
  const RowRange& rows_;
  const KeySegment& keys_;
};

RowRange part_of(const RowRange& rows, std::int64_t begin, std::int64_t count) {
  return {rows.first + begin * rows.step, rows.step, count, rows.list ? rows.list + begin : nullptr};
}

}  // namespace

std::int64_t max_listed_rows(std::int64_t q_heads) { return std::max<std::int64_t>(1, tile_shape().block_lanes() / q_heads); }

std::int64_t listed_scratch_floats(const Problem& p) {
  const auto shape = tile_shape();
  return block_scratch_floats(shape, p, shape.block_lanes(), kKeyBlock);
}

std::int64_t listed_heads(const Problem& p) { return folded_heads(p, tile_shape()); }

void attend_listed(const ListedBlock& b) {
  const auto most = max_listed_rows(b.q_heads);
  const ScoreTerms plain;
  for (std::int64_t begin = 0; begin < b.rows.count; begin += most) {
    const auto rows = part_of(b.rows, begin, std::min(most, b.rows.count - begin));
    const ListedPattern pattern(rows, b.keys);
    attend_block({.run = b.run,
                  .pattern = pattern,
                  .terms = plain,
                  .key_block = kKeyBlock,
                  .batch = b.batch,
                  .first_head = b.first_head,
                  .q_heads = b.q_heads,
                  .group = 0,
                  .rows = rows,
                  .next_rows = begin + most < b.rows.count
                                   ? part_of(b.rows, begin + most, std::min(most, b.rows.count - begin - most))
                                   : b.next_rows,
                  .keys = {0, b.run.problem.n_k},
                  .out = b.out,
                  .row_max = b.row_max,
                  .row_sum = b.row_sum,
                  .resume = b.resume,
                  .scratch = b.scratch,
                  .lane_bits = b.lane_bits});
  }
}

}  // namespace attnbench::kernels
