// Block-sparse attention: blocks of queries see a window of blocks, a few global blocks and a few random ones.
//
//   With query block q and key block k (blocks of `block` tokens), a query attends to a key iff
//     |q - k| <= window_blocks  or  k < global_blocks  or  0 <= q < global_blocks  or  k is in R(q)
//   where R(q) holds `random_blocks` further blocks, drawn without replacement.
//                                                  Zaheer et al. 2020, Big Bird, section 2 and appendix D (blocked form, ITC)
// The query block follows the query's position among the keys (Problem::position); the problem's masks come on top.
//
// Cost: about n block (2 window_blocks + 1 + global_blocks + random_blocks) pairs; extra memory one tile per thread and
// the n / block lists of blocks that prepare() makes.
// Deviations: window_blocks is one-sided (the paper's w = 3 blocks is window_blocks = 1); all heads share R; under a causal mask
// R(q) is drawn from the past; R depends on the parameter `seed`, so that a label names one pattern; global tokens are the first
// blocks.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/variant.h"
#include "variants/kernels/softmax/tile_engine.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    integer_param("block", 64, 1, 1 << 20, "tokens per block"),
    integer_param("window_blocks", 1, 0, 1 << 20, "neighbouring blocks seen on each side"),
    integer_param("global_blocks", 2, 0, 1 << 20, "leading blocks that see all and are seen by all"),
    integer_param("random_blocks", 3, 0, 1024, "random blocks per query block"),
    integer_param("seed", 0, 0, 1 << 30, "of the random blocks"),
};

// Groups are the query blocks; segments are their key blocks, adjacent ones joined.
class BlockPattern final : public kernels::KeyPattern {
 public:
  BlockPattern(const Problem& p, const Params& params)
      : n_q_(p.n_q),
        n_k_(p.n_k),
        offset_(p.position(0)),
        block_(params.integer("block")),
        window_(params.integer("window_blocks")),
        globals_(params.integer("global_blocks")),
        random_(params.integer("random_blocks")),
        seed_(static_cast<std::uint64_t>(params.integer("seed"))),
        causal_(p.causal != Causal::none),
        key_blocks_(ceil_div(n_k_, block_)),
        first_query_block_(floor_div(offset_, block_)) {
    const auto count = floor_div(offset_ + n_q_ - 1, block_) - first_query_block_ + 1;
    for (std::int64_t g = 0; g < count; ++g) lists_.push_back(joined(key_blocks_of(first_query_block_ + g)));
  }

  std::int64_t groups() const override { return static_cast<std::int64_t>(lists_.size()); }
  kernels::RowRange group(std::int64_t g) const override {
    const auto begin = std::max<std::int64_t>(0, (first_query_block_ + g) * block_ - offset_);
    const auto end = std::min(n_q_, (first_query_block_ + g + 1) * block_ - offset_);
    return {begin, 1, end - begin};
  }
  std::int64_t segments(std::int64_t g) const override { return static_cast<std::int64_t>(list(g).size()); }
  kernels::KeySegment segment(std::int64_t g, std::int64_t s) const override {
    return kernels::KeySegment::contiguous(list(g)[static_cast<std::size_t>(s)].begin, list(g)[static_cast<std::size_t>(s)].end);
  }
  KeyRange visible(std::int64_t, std::int64_t, std::int64_t) const override { return {0, n_k_}; }

  bool attends(std::int64_t row, std::int64_t key) const {
    for (const auto& keys : list(floor_div(offset_ + row, block_) - first_query_block_))
      if (keys.begin <= key && key < keys.end) return true;
    return false;
  }

  std::size_t bytes() const {
    std::size_t total = lists_.capacity() * sizeof(lists_[0]);
    for (const auto& keys : lists_) total += keys.capacity() * sizeof(keys[0]);
    return total;
  }

 private:
  const std::vector<KeyRange>& list(std::int64_t g) const { return lists_[static_cast<std::size_t>(g)]; }
  bool in_window(std::int64_t q, std::int64_t k) const { return std::abs(q - k) <= window_; }

  // Ascending key blocks of query block q, which may lie before the first or behind the last key block.
  std::vector<std::int64_t> key_blocks_of(std::int64_t q) const {
    std::vector<std::int64_t> blocks;
    const bool sees_all = q >= 0 && q < globals_;
    const auto end = causal_ ? std::clamp<std::int64_t>(q + 1, 0, key_blocks_) : key_blocks_;
    if (sees_all) {
      for (std::int64_t k = 0; k < end; ++k) blocks.push_back(k);
      return blocks;
    }
    for (std::int64_t k = 0; k < std::min(globals_, end); ++k) blocks.push_back(k);
    for (auto k = std::max(globals_, q - window_); k < std::min(end, q + window_ + 1); ++k) blocks.push_back(k);
    add_random(q, end, blocks);
    std::sort(blocks.begin(), blocks.end());
    return blocks;
  }

  void add_random(std::int64_t q, std::int64_t end, std::vector<std::int64_t>& blocks) const {
    const auto is_free = [&](std::int64_t k) { return k >= globals_ && !in_window(q, k); };
    const auto candidates = end - static_cast<std::int64_t>(blocks.size());
    if (candidates <= random_) {
      for (std::int64_t k = 0; k < end; ++k)
        if (is_free(k)) blocks.push_back(k);
      return;
    }
    const auto wanted = static_cast<std::int64_t>(blocks.size()) + random_;
    std::uint64_t state = seed_ * 0x2545f4914f6cdd1du + static_cast<std::uint64_t>(q);
    while (static_cast<std::int64_t>(blocks.size()) < wanted) {
      const auto k = static_cast<std::int64_t>(splitmix64(state) % static_cast<std::uint64_t>(end));
      if (is_free(k) && std::find(blocks.begin(), blocks.end(), k) == blocks.end()) blocks.push_back(k);
    }
  }

  std::vector<KeyRange> joined(const std::vector<std::int64_t>& blocks) const {
    std::vector<KeyRange> ranges;
    for (const auto k : blocks) {
      const KeyRange keys{k * block_, std::min(n_k_, (k + 1) * block_)};
      if (!ranges.empty() && ranges.back().end == keys.begin) ranges.back().end = keys.end;
      else ranges.push_back(keys);
    }
    return ranges;
  }

  std::int64_t n_q_, n_k_, offset_, block_, window_, globals_, random_;
  std::uint64_t seed_;
  bool causal_;
  std::int64_t key_blocks_, first_query_block_;
  std::vector<std::vector<KeyRange>> lists_;  // per query block, from first_query_block_ on
};

Prepared prepare_pattern(const PrepareTask& task) {
  BlockPattern pattern(task.problem, task.params);
  const auto bytes = pattern.bytes();
  return Prepared::of(std::move(pattern), bytes);
}

bool attends(const MaskTask& task, std::int64_t, std::int64_t, std::int64_t i, std::int64_t j) {
  return task.prepared.as<BlockPattern>().attends(i, j);
}

void run(const RunTask& task) { kernels::attend(task, task.prepared.as<BlockPattern>()); }

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  return kernels::tile_workspace(p, BlockPattern(p, params), threads);
}

Cost cost(const Problem& p, const Params& params) { return kernels::pattern_cost(p, BlockPattern(p, params)); }

}  // namespace

ATTNBENCH_VARIANT(block_sparse) = {
    .name = "block_sparse",
    .summary = "blocks of queries see a window of blocks, global blocks and random blocks",
    .paper = "Zaheer et al. 2020, Big Bird, section 2 and appendix D",
    .equation =
        "O = softmax(Q K^T / sqrt(d) + mask) V over key blocks k of query block q with\n"
        "|q - k| <= window_blocks or k < global_blocks or q < global_blocks or k in R(q), R(q) drawn at random",
    .computes = Computes::masked_softmax,
    .time_label = "O(n b d)",
    .memory_label = "O(n / b)",
    .supports = kEverything,
    .laws = kRowStochastic | kIndependentHeads | kScoreShift | kWeightsReadable,
    .rates = {18e9, 0.3e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .prepare = prepare_pattern,
    .run = run,
    .attends = attends,
};

}  // namespace attnbench
