// The portable half of the tile engine: cuts each pass into blocks of queries, sizes their scratch, shares them out over threads.
#include "variants/kernels/softmax/tile_engine.h"

#include <algorithm>

#include "variants/api/integers.h"
#include "variants/kernels/softmax/combine_splits.h"
#include "variants/kernels/softmax/tile_block.h"

namespace attnbench::kernels {
namespace {

constexpr std::int64_t kTasksPerThread = 4;  // enough to even out causal blocks of unequal length
// With fewer panels of queries than this in the whole problem (decoding), the keys are split too, into splits of at least
// kKeysPerSplit. Both numbers are fixed, not taken from the thread count, so that results do not depend on it.
constexpr std::int64_t kPanelsToSplit = 8;

// How one pass is cut into tasks. Depends on shape, instruction set and thread count only.
struct Plan {
  TileShape shape;
  std::int64_t key_block;
  std::int64_t q_heads;  // query heads computed together
  std::int64_t rows_per_block;
  std::int64_t blocks_per_group;
  std::int64_t splits;          // of the keys, combined afterwards
  std::int64_t keys_per_split;  // a multiple of key_block
  std::int64_t tasks;
  int slots;  // threads that work, each with its own scratch
  std::int64_t scratch_floats;
};

struct GroupSizes {
  std::int64_t longest = 1;
  std::int64_t blocks = 0;  // of `block_lanes` query lanes, over all groups
};

GroupSizes group_sizes(const KeyPattern& pattern, std::int64_t q_heads, std::int64_t block_lanes) {
  GroupSizes sizes;
  for (std::int64_t g = 0; g < pattern.groups(); ++g) {
    const auto count = pattern.group(g).count;
    sizes.longest = std::max(sizes.longest, count);
    sizes.blocks += ceil_div(count * q_heads, block_lanes);
  }
  return sizes;
}

bool is_small(const Problem& p) {
  return static_cast<double>(p.batch * p.heads_q * p.n_q) * static_cast<double>(p.n_k * (p.d_qk + p.d_v)) < kSerialWork;
}

std::int64_t splits_of(const Problem& p, std::int64_t panels) {
  return std::max<std::int64_t>(1, std::min(kPanelsToSplit / std::max<std::int64_t>(1, panels), p.n_k / kKeysPerSplit));
}

Plan make_plan(const Problem& p, const KeyPattern& pattern, bool single_pass, int threads, const TileOptions& options) {
  Plan plan{};
  plan.shape = tile_shape();
  plan.key_block = options.key_block > 0 ? std::min(options.key_block, kMaxKeyBlock) : kKeyBlock;
  plan.q_heads = options.fold_heads ? folded_heads(p, plan.shape) : 1;
  plan.slots = is_small(p) ? 1 : threads;
  const auto streams = p.batch * (p.heads_q / plan.q_heads);
  const auto panel = std::int64_t{plan.shape.lanes} * plan.shape.vectors;
  auto lanes = plan.shape.block_lanes();
  auto sizes = group_sizes(pattern, plan.q_heads, lanes);
  while (plan.slots > 1 && lanes > panel && streams * sizes.blocks < kTasksPerThread * plan.slots) {
    lanes -= panel;
    sizes = group_sizes(pattern, plan.q_heads, lanes);
  }
  if (options.query_block > 0) lanes = std::min(plan.shape.block_lanes(), options.query_block * plan.q_heads);
  const auto rows = sizes.longest;
  plan.rows_per_block = std::clamp<std::int64_t>(lanes / plan.q_heads, 1, rows);
  plan.blocks_per_group = ceil_div(rows, plan.rows_per_block);
  plan.splits = single_pass && !is_small(p) ? splits_of(p, streams * group_sizes(pattern, plan.q_heads, panel).blocks) : 1;
  plan.keys_per_split = ceil_div(ceil_div(p.n_k, plan.splits), plan.key_block) * plan.key_block;
  plan.tasks = streams * pattern.groups() * plan.blocks_per_group * plan.splits;
  plan.scratch_floats = block_scratch_floats(plan.shape, p, plan.rows_per_block * plan.q_heads, plan.key_block);
  return plan;
}

// What all passes of a call take from the workspace.
struct Memory {
  std::int64_t scratch = 0;  // floats, all threads together
  std::int64_t states = 0;   // rows whose maximum and sum outlive their block; once per split
  std::int64_t outputs = 0;  // floats of the splits' own outputs
};

std::int64_t row_count(const Problem& p) { return p.batch * p.heads_q * p.n_q; }

Memory memory_of(const Problem& p, Passes passes, int threads, const TileOptions& options) {
  const bool single_pass = passes.size() == 1;
  Memory memory;
  std::int64_t splits = 1;
  for (const auto* pattern : passes) {
    const auto plan = make_plan(p, *pattern, single_pass, threads, options);
    memory.scratch = std::max(memory.scratch, plan.slots * plan.scratch_floats);
    splits = plan.splits;
  }
  if (splits > 1) memory.outputs = splits * row_count(p) * p.d_v;
  if (splits > 1 || !single_pass) memory.states = splits * row_count(p);
  return memory;
}

// Rows of a block that begins `block` blocks into group `group`; none beyond the group.
RowRange rows_of(const Plan& plan, const KeyPattern& pattern, std::int64_t group, std::int64_t block) {
  const auto rows = pattern.group(group);
  const auto begin = std::min(rows.count, block * plan.rows_per_block);
  const auto end = std::min(rows.count, begin + plan.rows_per_block);
  return {rows.row(begin), rows.step, end - begin};
}

// The rows after those: one block down, then the next group's last.
RowRange rows_after(const Plan& plan, const KeyPattern& pattern, std::int64_t group, std::int64_t block) {
  if (plan.splits > 1) return {};
  if (block > 0) return rows_of(plan, pattern, group, block - 1);
  if (group + 1 < pattern.groups()) return rows_of(plan, pattern, group + 1, plan.blocks_per_group - 1);
  return {};
}

// Task index -> block: splits innermost, then the blocks of one group, so that neighbours share keys in the cache; the last rows
// first because they are the long ones under a causal mask. A block beyond its group is empty.
BlockTask block_of(const Plan& plan, const RunTask& run, const KeyPattern& pattern, const ScoreTerms& terms, std::int64_t index) {
  const auto units = run.problem.heads_q / plan.q_heads;
  const auto split = index % plan.splits;
  const auto block = plan.blocks_per_group - 1 - index / plan.splits % plan.blocks_per_group;
  const auto group = index / (plan.splits * plan.blocks_per_group) % pattern.groups();
  const auto stream = index / (plan.splits * plan.blocks_per_group * pattern.groups());
  return {.run = run,
          .pattern = pattern,
          .terms = terms,
          .key_block = plan.key_block,
          .batch = stream / units,
          .first_head = stream % units * plan.q_heads,
          .q_heads = plan.q_heads,
          .group = group,
          .rows = rows_of(plan, pattern, group, block),
          .next_rows = rows_after(plan, pattern, group, block),
          .keys = {split * plan.keys_per_split, (split + 1) * plan.keys_per_split},
          .out = run.out(),
          .row_max = nullptr,
          .row_sum = nullptr,
          .resume = false,
          .scratch = nullptr};
}

}  // namespace

std::int64_t folded_heads(const Problem& p, const TileShape& shape) {
  const auto sharing = p.heads_q / p.heads_kv;
  auto q_heads = std::min<std::int64_t>(sharing, shape.lanes * shape.vectors);
  while (sharing % q_heads != 0) --q_heads;
  return q_heads;
}

void attend(const RunTask& task, Passes passes, const TileOptions& options, const ScoreTerms& terms) {
  const auto& p = task.problem;
  const auto memory = memory_of(p, passes, task.parallel.threads(), options);
  const auto scratch = task.workspace.allocate<float>(memory.scratch);
  float* row_max = memory.states ? task.workspace.allocate<float>(memory.states).data() : nullptr;
  float* row_sum = memory.states ? task.workspace.allocate<float>(memory.states).data() : nullptr;
  float* outputs = memory.outputs ? task.workspace.allocate<float>(memory.outputs).data() : nullptr;
  const Shape shape{p.batch, p.heads_q, p.n_q, p.d_v};
  for (const auto* pattern : passes) {
    const auto plan = make_plan(p, *pattern, passes.size() == 1, task.parallel.threads(), options);
    const auto grain = plan.slots == 1 ? plan.tasks : 1;
    task.parallel.for_ranges(plan.tasks, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
      for (auto index = begin; index < end; ++index) {
        auto block = block_of(plan, task, *pattern, terms, index);
        const auto first_row = index % plan.splits * row_count(p);
        block.row_max = row_max ? row_max + first_row : nullptr;
        block.row_sum = row_sum ? row_sum + first_row : nullptr;
        if (outputs) block.out = {outputs + first_row * p.d_v, shape, dense_strides(shape)};
        block.resume = pattern != passes.front();
        block.scratch = scratch.data() + slot * plan.scratch_floats;
        if (block.rows.count > 0) attend_block(block);
      }
    });
    if (outputs) combine_splits(task, terms, {plan.splits, outputs, row_max, row_sum});
  }
}

Cost pattern_cost(const Problem& p, Passes passes) {
  double pairs = 0;
  for (const auto* pass : passes) pairs += pattern_pairs(p, *pass);
  const double state = 4.0 * p.batch * p.heads_q * p.n_q * (p.d_v + 2);           // weighted values, maximum and sum of each row
  const double handed_over = 2 * state * static_cast<double>(passes.size() - 1);  // written and read again
  return {.multiply_adds = pairs * (p.d_qk + p.d_v),
          .exps = pairs * (p.softcap ? 2 : 1),
          .bytes = compulsory_bytes(p) + handed_over,
          .pairs = pairs};
}

std::size_t tile_workspace(const Problem& p, Passes passes, int threads, const TileOptions& options) {
  const auto memory = memory_of(p, passes, threads, options);
  return workspace_bytes<float>(memory.scratch) + 2 * workspace_bytes<float>(memory.states) +
         workspace_bytes<float>(memory.outputs);
}

}  // namespace attnbench::kernels
