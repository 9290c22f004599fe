// MoBA, mixture of block attention: each query attends to its own block of keys and to the blocks whose mean key it likes best.
//
//   g_ic = q_i . mean(K_c)                                           gate of query i and key block c, no scale
//   C_i  = the block of position i, and the keep - 1 earlier ones with the largest gates
//   O_i  = softmax(scale q_i K^T) V over the keys of C_i, causally    Lu et al. 2025, MoBA, section 2.2, equations 5 to 8
//
// Cost: n^2 d / (2 b) for the gates, about n b (keep - 1/2) (d + d_v) for the pairs. Extra memory: the block means and, for each
// thread, lists of the rows that chose a block: one block of keys at a time meets all the rows that chose it, and a row's softmax
// goes on from block to block.
// b1 h8 n4096 d64 causal, AVX-512, one thread: 0.23 of the time of blockwise for 0.08 of its pairs. That is 3.0 times as long per
// pair, for the gates and because each row is laid out in lanes for every block of 64 keys; 1.7 times with block=128,keep=4, 1.2
// times with block=512.
//
// Readings: `keep` counts the own block, so keep = 1 is attention within blocks (published code takes it for full causal attention:
// MoonshotAI/MoBA issue 26). The mean of a block that a key length cuts is that of its valid keys; the own block's is never looked
// at. The choice is made per query head; of equal gates the smaller block wins.
#include <algorithm>
#include <array>
#include <limits>

#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/selection.h"
#include "variants/api/variant.h"
#include "variants/kernels/selection/chosen_blocks.h"
#include "variants/kernels/selection/score_panel.h"
#include "variants/kernels/simd/vector_ops.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    integer_param("block", 64, 8, 8192, "keys per block"),
    integer_param("keep", 3, 1, 64, "blocks that each query attends to, its own one counted"),
};
constexpr std::int64_t kGateRows = 64;     // whose gates are computed together
constexpr std::int64_t kFewestRows = 512;  // of a task, so that a block meets enough rows at once to fill the lanes

// What shape and threads decide.
struct Plan {
  std::int64_t block, blocks, others;     // keys of a block; blocks of a head; what a row chooses beside its own
  std::int64_t rows, tasks;               // query rows of a task; tasks of a head
  std::int64_t capacity, head_panels;     // of a row's best gates; floats of a head's means
  std::int64_t floats, integers;          // scratch of a thread
  std::int64_t tile_floats, gate_floats;  // of these the tile engine's, and the gates'

  Plan(const Problem& p, const Params& params, int threads)
      : block(params.integer("block")), blocks(ceil_div(p.n_k, block)), rows(p.n_q) {
    others = std::min(params.integer("keep") - 1, blocks);
    while (rows > kFewestRows && p.batch * p.heads_q * ceil_div(p.n_q, rows) < 4 * threads) rows = ceil_div(rows, 2);
    tasks = ceil_div(p.n_q, rows);
    capacity = kernels::top_keys_capacity(others);
    head_panels = kernels::key_panels_floats(blocks, p.d_qk);
    tile_floats = kernels::listed_scratch_floats(p);
    gate_floats = kernels::padded_rows(kGateRows) * kernels::panel_keys();
    floats = tile_floats + gate_floats + capacity * kGateRows;
    integers = capacity * kGateRows + rows * others + kernels::chosen_scratch(rows, others, blocks);
  }

  // Blocks before that of row i's position, as far as they have keys.
  std::int64_t candidates(const Problem& p, std::int64_t b, std::int64_t i) const {
    return std::clamp<std::int64_t>(floor_div(p.position(i), block), 0, ceil_div(p.key_count(b), block));
  }
};

// Some query rows of one head, and what their thread works with.
struct Task {
  const RunTask& run;
  const Plan& plan;
  std::int64_t b, h, begin, end;
  const float* means;  // of the head, in panels
  float *row_max, *row_sum;
  float *tile, *gates, *best_gates;     // scratch: the tile engine's; [kGateRows][panel]; [kGateRows][capacity]
  std::int32_t *best, *chosen, *lists;  // [kGateRows][capacity]; [row][others]; chosen_scratch()
};

// mean[d_qk] of block c; zeros, which are never read, where it has no keys.
void mean_key(const RunTask& task, const Plan& plan, std::int64_t b, std::int64_t kv, std::int64_t c, float* mean) {
  const auto& p = task.problem;
  const auto begin = c * plan.block, end = std::min(begin + plan.block, p.key_count(b));
  std::fill_n(mean, p.d_qk, 0.0f);
  for (auto j = begin; j < end; ++j) kernels::axpy(1.0f, task.inputs.keys().row(b, kv, j), mean, p.d_qk);
  if (end > begin) kernels::scale(1.0f / static_cast<float>(end - begin), mean, p.d_qk);
}

// Which blocks the rows [first, first + count) choose beside their own; -1 where there are fewer.
void choose_blocks(const Task& t, std::int64_t first, std::int64_t count) {
  const auto& p = t.run.problem;
  const auto& plan = t.plan;
  const auto width = kernels::panel_keys();
  const float* rows[kGateRows];
  kernels::TopKeys top[kGateRows];
  for (std::int64_t r = 0; r < count; ++r) {
    rows[r] = t.run.inputs.queries().row(t.b, t.h, first + r);
    top[r] = {t.best_gates + r * plan.capacity, t.best + r * plan.capacity};
  }
  const auto most = plan.candidates(p, t.b, first + count - 1);
  for (std::int64_t c = 0; c < most; c += width) {
    kernels::score_panel(rows, count, p.d_qk, t.means + c * p.d_qk, t.gates);
    for (std::int64_t r = 0; r < count; ++r) {
      const auto end = std::min(plan.candidates(p, t.b, first + r) - c, width);
      if (end > 0) kernels::offer_keys(top[r], plan.others, t.gates + r * width, c, 0, end);
    }
  }
  for (std::int64_t r = 0; r < count; ++r) {
    kernels::keep_best(top[r], plan.others);
    auto* chosen = t.chosen + (first + r - t.begin) * plan.others;
    std::fill(std::copy_n(top[r].keys, top[r].count, chosen), chosen + plan.others, -1);
  }
}

// Own blocks first, then the others, whose softmax goes on.
void attend_rows(const Task& t) {
  const auto& p = t.run.problem;
  const auto& plan = t.plan;
  kernels::ListedBlock block{t.run, t.b, t.h, 1, {}, {}, t.run.out(), t.row_max, t.row_sum, false, t.tile};
  for (auto i = t.begin; i < t.end; i += block.rows.count) {
    const auto own = floor_div(p.position(i), plan.block);
    const auto first = std::clamp<std::int64_t>(own * plan.block, 0, p.n_k);
    block.rows = {i, 1, std::min(t.end, i + (own + 1) * plan.block - p.position(i)) - i};
    block.keys = kernels::KeySegment::contiguous(first, std::min(std::max<std::int64_t>(first, (own + 1) * plan.block), p.n_k));
    kernels::attend_listed(block);
  }
  if (plan.others == 0) return;
  for (auto i = t.begin; i < t.end; i += kGateRows) choose_blocks(t, i, std::min(kGateRows, t.end - i));
  block.resume = true;
  kernels::attend_chosen(block, {t.begin, t.end, plan.others, t.chosen, plan.block, plan.blocks}, t.lists);
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto threads = task.parallel.threads();
  const Plan plan(p, task.params, threads);
  const auto heads = p.batch * p.heads_kv, rows = p.batch * p.heads_q * p.n_q;
  float* means = task.workspace.allocate<float>(heads * plan.blocks * p.d_qk).data();
  float* panels = task.workspace.allocate<float>(heads * plan.head_panels).data();
  float* row_max = task.workspace.allocate<float>(rows).data();
  float* row_sum = task.workspace.allocate<float>(rows).data();
  float* floats = task.workspace.allocate<float>(threads * plan.floats).data();
  auto* integers = task.workspace.allocate<std::int32_t>(threads * plan.integers).data();
  if (plan.others > 0) {
    task.parallel.for_ranges(heads * plan.blocks, 64, [&](std::int64_t begin, std::int64_t end, int) {
      for (auto t = begin; t < end; ++t) {
        const auto head = t / plan.blocks;
        mean_key(task, plan, head / p.heads_kv, head % p.heads_kv, t % plan.blocks, means + t * p.d_qk);
      }
    });
    const Shape shape{p.batch, p.heads_kv, plan.blocks, p.d_qk};
    kernels::pack_all_keys(task.parallel, {means, shape, dense_strides(shape)}, panels);
  }
  task.parallel.for_each(p.batch * p.heads_q * plan.tasks, [&](std::int64_t t, int slot) {
    const auto b = t / (p.heads_q * plan.tasks), h = t / plan.tasks % p.heads_q, begin = t % plan.tasks * plan.rows;
    float* scratch = floats + slot * plan.floats;
    auto* lists = integers + slot * plan.integers;
    attend_rows({task, plan, b, h, begin, std::min(begin + plan.rows, p.n_q),
                 panels + (b * p.heads_kv + p.kv_head(h)) * plan.head_panels, row_max, row_sum, scratch, scratch + plan.tile_floats,
                 scratch + plan.tile_floats + plan.gate_floats, lists, lists + plan.capacity * kGateRows,
                 lists + plan.capacity * kGateRows + plan.rows * plan.others});
  });
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const Plan plan(p, params, threads);
  const auto heads = p.batch * p.heads_kv, rows = p.batch * p.heads_q * p.n_q;
  return workspace_bytes<float>(heads * plan.blocks * p.d_qk) + workspace_bytes<float>(heads * plan.head_panels) +
         2 * workspace_bytes<float>(rows) + workspace_bytes<float>(threads * plan.floats) +
         workspace_bytes<std::int32_t>(threads * plan.integers);
}

// Of row i: keys attended to (at most: a chosen block may be one that a key length cuts) and gates.
std::array<double, 2> row_work(const Problem& p, const Plan& plan, std::int64_t b, std::int64_t i) {
  const auto seen = visible_keys(p, b, i).size(), gates = plan.candidates(p, b, i);
  const auto own = std::max<std::int64_t>(0, seen - gates * plan.block);
  const auto pairs = std::min(seen, own + std::min(gates, plan.others) * plan.block);
  return {static_cast<double>(pairs), plan.others > 0 ? static_cast<double>(gates) : 0.0};
}

Cost cost(const Problem& p, const Params& params) {
  const Plan plan(p, params, 1);
  double pairs = 0, gates = 0;
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t i = 0; i < p.n_q; ++i) {
      const auto work = row_work(p, plan, b, i);
      pairs += work[0] * static_cast<double>(p.heads_q);
      gates += work[1] * static_cast<double>(p.heads_q);
    }
  const double means = static_cast<double>(p.batch * p.heads_kv * p.d_qk) * static_cast<double>(p.n_k);
  return {.multiply_adds = pairs * static_cast<double>(p.d_qk + p.d_v) + gates * static_cast<double>(p.d_qk) + means,
          .exps = pairs * (p.softcap ? 2 : 1),
          .bytes = compulsory_bytes(p) + 2 * 4 * means / static_cast<double>(plan.block),
          .pairs = pairs};
}

// ---- Float64 reference: the gates of every row, then dense attention over what they leave -----------------------------------

double exact_gate(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, KeyRange keys) {
  const auto& p = task.problem;
  double sum = 0;
  for (auto j = keys.begin; j < keys.end; ++j)
    sum += exact_dot(task.inputs.queries().row(b, h, i), task.inputs.keys().row(b, p.kv_head(h), j), p.d_qk);
  return sum / static_cast<double>(keys.size());
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto block = task.params.integer("block"), keep = task.params.integer("keep");
  weighted_oracle(task, [&](const OracleRow& row, std::span<double> weights) {
    const auto own = floor_div(p.position(row.i), block), length = p.key_count(row.b);
    std::vector<double> gates;
    for (std::int64_t c = 0; c < own && c * block < length && keep > 1; ++c)
      gates.push_back(exact_gate(task, row.b, row.h, row.i, {c * block, std::min((c + 1) * block, length)}));
    const auto chosen = largest(gates, keep - 1);
    if (chosen.undecided) mark_row(task, row.b, row.h, row.i);
    for (std::size_t t = 0; t < weights.size(); ++t) {
      const auto c = row.keys[t] / block;
      if (c != own && !std::binary_search(chosen.places.begin(), chosen.places.end(), c))
        weights[t] = -std::numeric_limits<double>::infinity();
    }
    softmax_of(weights);
  });
}

}  // namespace

ATTNBENCH_VARIANT(moba) = {
    .name = "moba",
    .summary = "each query attends to its own block of keys and to the blocks with the best mean keys",
    .paper = "Lu et al. 2025, MoBA: Mixture of Block Attention for Long-Context LLMs, section 2.2, equations 5 to 8",
    .equation =
        "O_i = softmax(q_i K^T / sqrt(d)) V over the keys j <= i of blocks C_i,\n"
        "C_i = the block of i and the keep - 1 earlier blocks c with the largest q_i . mean(K_c)",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n^2 d / b + n b k d)",
    .memory_label = "O(n)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths | kScale | kSoftcap,
    .laws = kRowStochastic | kIndependentHeads | kWeightsReadable,
    .needs = kCausal,
    .rates = {15e9, 0.3e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
