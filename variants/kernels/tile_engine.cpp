// The portable half of the tile engine: cuts each pass into blocks of queries, sizes their scratch, shares them out over threads.
#include "variants/kernels/tile_engine.h"

#include <algorithm>

#include "variants/kernels/tile_block.h"

namespace attnbench::kernels {
namespace {

// Scores S^T of one tile (96 keys x 48 queries: 18 KB) beside the keys and values it reads have to live in L1 and L2.
constexpr std::int64_t kKeyBlock = 96;
// Below this many multiply-adds (some 20 us on one AVX-512 core) waking a second thread costs more than it saves.
constexpr double kSerialWork = 1 << 20;
constexpr std::int64_t kTasksPerThread = 4;  // enough to even out causal blocks of unequal length

// How one pass is cut into tasks. Depends on shape and thread count only.
struct Plan {
  TileShape shape;
  std::int64_t key_block;
  std::int64_t fold;  // query heads computed together
  std::int64_t rows_per_block;
  std::int64_t blocks_per_group;
  std::int64_t tasks;
  int slots;  // threads that work, each with its own scratch
  std::int64_t scratch_floats;
};

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Heads that share keys are folded into lanes as far as they fit one panel, in equal parts.
std::int64_t folded_heads(const Problem& p, const TileShape& shape) {
  const auto sharing = p.heads_q / p.heads_kv;
  auto fold = std::min<std::int64_t>(sharing, shape.lanes * shape.vectors);
  while (sharing % fold != 0) --fold;
  return fold;
}

struct GroupSizes {
  std::int64_t longest = 1;
  std::int64_t blocks = 0;  // of `block_lanes` query lanes, over all groups
};

GroupSizes group_sizes(const KeyPattern& pattern, std::int64_t fold, std::int64_t block_lanes) {
  GroupSizes sizes;
  for (std::int64_t g = 0; g < pattern.groups(); ++g) {
    const auto count = pattern.group(g).count;
    sizes.longest = std::max(sizes.longest, count);
    sizes.blocks += ceil_div(count * fold, block_lanes);
  }
  return sizes;
}

bool is_small(const Problem& p) {
  return static_cast<double>(p.batch * p.heads_q * p.n_q) * static_cast<double>(p.n_k * (p.d_qk + p.d_v)) < kSerialWork;
}

Plan make_plan(const Problem& p, const KeyPattern& pattern, int threads, const TileOptions& options) {
  Plan plan{};
  plan.shape = tile_shape();
  plan.key_block = options.key_block > 0 ? std::min(options.key_block, kMaxKeyBlock) : kKeyBlock;
  plan.fold = folded_heads(p, plan.shape);
  plan.slots = is_small(p) ? 1 : threads;
  const auto streams = p.batch * (p.heads_q / plan.fold);
  const auto panel = std::int64_t{plan.shape.lanes} * plan.shape.vectors;
  auto lanes = plan.shape.block_lanes();
  auto sizes = group_sizes(pattern, plan.fold, lanes);
  while (plan.slots > 1 && lanes > panel && streams * sizes.blocks < kTasksPerThread * plan.slots) {
    lanes -= panel;
    sizes = group_sizes(pattern, plan.fold, lanes);
  }
  if (options.query_block > 0) lanes = std::min(plan.shape.block_lanes(), options.query_block * plan.fold);
  const auto rows = sizes.longest;
  plan.rows_per_block = std::clamp<std::int64_t>(lanes / plan.fold, 1, rows);
  plan.blocks_per_group = ceil_div(rows, plan.rows_per_block);
  plan.tasks = streams * pattern.groups() * plan.blocks_per_group;
  plan.scratch_floats = block_scratch_floats(plan.shape, p, plan.rows_per_block * plan.fold, plan.key_block);
  return plan;
}

std::int64_t scratch_floats(const Problem& p, Passes passes, int threads, const TileOptions& options) {
  std::int64_t floats = 0;
  for (const auto* pattern : passes) {
    const auto plan = make_plan(p, *pattern, threads, options);
    floats = std::max(floats, plan.slots * plan.scratch_floats);
  }
  return floats;
}

std::int64_t state_floats(const Problem& p, Passes passes) { return passes.size() > 1 ? p.batch * p.heads_q * p.n_q : 0; }

// Task index -> block, blocks of one group adjacent so that neighbours share keys in the cache, the last rows first because they
// are the long ones under a causal mask. A block beyond its group is empty.
BlockTask block_of(const Plan& plan, const RunTask& run, const KeyPattern& pattern, std::int64_t index) {
  const auto units = run.problem.heads_q / plan.fold;
  const auto block = plan.blocks_per_group - 1 - index % plan.blocks_per_group;
  const auto group = index / plan.blocks_per_group % pattern.groups();
  const auto stream = index / (plan.blocks_per_group * pattern.groups());
  auto rows = pattern.group(group);
  const auto begin = std::min(rows.count, block * plan.rows_per_block);
  const auto end = std::min(rows.count, begin + plan.rows_per_block);
  rows = {rows.row(begin), rows.step, end - begin};
  return {.run = run,
          .pattern = pattern,
          .key_block = plan.key_block,
          .batch = stream / units,
          .first_head = stream % units * plan.fold,
          .fold = plan.fold,
          .group = group,
          .rows = rows,
          .row_max = nullptr,
          .row_sum = nullptr,
          .resume = false,
          .scratch = nullptr};
}

}  // namespace

void attend(const RunTask& task, Passes passes, const TileOptions& options) {
  const auto& p = task.problem;
  const auto scratch = task.workspace.allocate<float>(scratch_floats(p, passes, task.parallel.threads(), options));
  const auto states = state_floats(p, passes);
  float* row_max = states ? task.workspace.allocate<float>(states).data() : nullptr;
  float* row_sum = states ? task.workspace.allocate<float>(states).data() : nullptr;
  for (const auto* pattern : passes) {
    const auto plan = make_plan(p, *pattern, task.parallel.threads(), options);
    const auto grain = plan.slots == 1 ? plan.tasks : 1;
    task.parallel.for_ranges(plan.tasks, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      for (auto index = begin; index < end; ++index) {
        auto block = block_of(plan, task, *pattern, index);
        block.row_max = row_max;
        block.row_sum = row_sum;
        block.resume = pattern != passes.front();
        block.scratch = scratch.data() + slot * plan.scratch_floats;
        if (block.rows.count > 0) attend_block(block);
      }
    });
  }
}

std::size_t tile_workspace(const Problem& p, Passes passes, int threads, const TileOptions& options) {
  const auto states = state_floats(p, passes);
  return workspace_bytes<float>(scratch_floats(p, passes, threads, options)) + 2 * workspace_bytes<float>(states);
}

}  // namespace attnbench::kernels
