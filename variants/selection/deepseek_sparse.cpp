// DeepSeek sparse attention: a light indexer scores all earlier keys, attention runs on the best of them.
//
//   I_ts = sum_j w_tj relu(q^I_tj . k^I_s)                    index score of query t and key s, over the indexer's heads j
//   T_t  = the `keep` keys s <= t with the largest I_ts       shared by all query heads
//   O_t  = softmax(scale q_t K^T) V over T_t                  DeepSeek-AI 2025, DeepSeek-V3.2, section 2.1, equations 1 and 2
//
// q^I, k^I and w are extra inputs; the model projects them from its hidden state. w is signed, so that neither it nor the relu can
// be left out of the ranking.
//
// Cost: n^2 / 2 index_heads index_dim, still quadratic, and n keep (d + d_v) per head. Extra memory: k^I laid out in lanes; per
// thread the candidates of some rows and one bit for each key and row of a block. Where a row selects most of its keys, blocks of
// rows run through masked tiles; where it selects few, it goes to them one by one.
// b1 h8 n4096 d64 causal, AVX-512, one thread: 1.4 times the time of blockwise for 0.75 of its pairs, 1.9 times as long per
// pair, 1.5 times without the indexer; with keep=256 1.1 times its time.
//
// Deviations: attends to the problem's own K and V, not to a latent one; of equal index scores the smaller key wins.
#include <algorithm>
#include <cmath>
#include <limits>

#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/selection.h"
#include "variants/api/variant.h"
#include "variants/kernels/selection/gathered_row.h"
#include "variants/kernels/selection/listed_block.h"
#include "variants/kernels/selection/score_panel.h"
#include "variants/kernels/simd/vector_ops.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    integer_param("keep", 2048, 2, 1 << 20, "keys that each query attends to"),
    integer_param("index_heads", 4, 1, 256, "heads of the indexer"),
    integer_param("index_dim", 32, 4, 1024, "head dim of the indexer"),
};
constexpr std::int64_t kIndexRows = 32;   // whose index scores are computed together
constexpr std::int64_t kSharedHeads = 8;  // so many heads of one row fill enough lanes of a tile
// A masked tile takes all keys of a row's past, a gathered row only its own, at about seven times the price: it waits for the
// cache (AVX-512, d 64).
constexpr double kDense = 0.15;

bool selects(const Problem& p, const Params& params) { return params.integer("keep") < p.n_k; }

// Not asked for where every key is kept anyway.
std::vector<InputSpec> extras(const Problem& p, const Params& params) {
  if (!selects(p, params)) return {};
  const auto heads = params.integer("index_heads"), dim = params.integer("index_dim");
  return {
      {.name = "index_query", .shape = {p.batch, heads, p.n_q, dim}, .fill = Fill::normal(0, 1), .help = "the indexer's queries"},
      {.name = "index_key", .shape = {p.batch, 1, p.n_k, dim}, .fill = Fill::normal(0, 1), .help = "the indexer's keys"},
      {.name = "index_weight", .shape = {p.batch, heads, p.n_q, 1}, .fill = Fill::normal(0, 1), .help = "of the indexer's heads"}};
}

// What shape and parameters decide.
struct Plan {
  std::int64_t keep, capacity, width;              // keys of a row; elements of its candidates; keys of a panel
  std::int64_t heads, dim, batch_panels;           // of the indexer; floats of its keys in panels
  std::int64_t q_heads, rows, words;               // query heads and rows of a block, and words of bits for each of its keys
  std::int64_t tile_floats, score_floats, floats;  // scratch of a thread: the tile engine's, scores of a panel, all

  Plan(const Problem& p, const Params& params)
      : keep(std::min(params.integer("keep"), p.n_k)),
        capacity(kernels::top_keys_capacity(keep)),
        width(kernels::panel_keys()),
        heads(params.integer("index_heads")),
        dim(params.integer("index_dim")),
        batch_panels(selects(p, params) ? kernels::key_panels_floats(p.n_k, dim) : 0),
        q_heads(kernels::listed_heads(p)),
        rows(std::min(p.n_q, kernels::max_listed_rows(q_heads))),
        words(ceil_div(rows * q_heads, 64)),
        tile_floats(kernels::listed_scratch_floats(p)),
        score_floats(kernels::padded_rows(kIndexRows) * width) {
    floats = tile_floats + 2 * score_floats + (kIndexRows + 1) * capacity;
  }
};

// A block of query rows of all heads, and what its thread works with.
struct Block {
  const RunTask& run;
  const Plan& plan;
  std::int64_t b, begin, count;
  const float* panels;                                    // the indexer's keys
  float *tile, *scores, *sums, *candidates, *row_scores;  // [rows][width] twice; [rows][capacity]; [capacity]
  std::int32_t* keys;                                     // [rows][capacity]
  std::uint64_t* bits;                                    // [n_k][words]

  const Problem& problem() const { return run.problem; }
  std::int64_t words() const { return ceil_div(count * plan.q_heads, 64); }
};

// The best keys of rows [first, first + count).
void select_keys(const Block& t, std::int64_t first, std::int64_t count, kernels::TopKeys* top) {
  const auto& p = t.problem();
  const auto& plan = t.plan;
  const auto query = t.run.inputs.extra("index_query"), weight = t.run.inputs.extra("index_weight");
  KeyRange seen[kIndexRows];
  std::int64_t end = 0;
  for (std::int64_t r = 0; r < count; ++r) {
    seen[r] = visible_keys(p, t.b, first + r);
    end = std::max(end, seen[r].end);
    top[r] = {t.candidates + r * plan.capacity, t.keys + r * plan.capacity};
  }
  for (std::int64_t key = 0; key < end; key += plan.width) {
    std::fill_n(t.sums, count * plan.width, 0.0f);
    for (std::int64_t j = 0; j < plan.heads; ++j) {
      const float* rows[kIndexRows];
      for (std::int64_t r = 0; r < count; ++r) rows[r] = query.row(t.b, j, first + r);
      kernels::score_panel(rows, count, plan.dim, t.panels + key * plan.dim, t.scores);
      for (std::int64_t r = 0; r < count; ++r)
        kernels::add_rectified(weight.row(t.b, j, first + r)[0], t.scores + r * plan.width, t.sums + r * plan.width);
    }
    for (std::int64_t r = 0; r < count; ++r)
      if (const auto to = std::min(seen[r].end - key, plan.width); to > 0)
        kernels::offer_keys(top[r], plan.keep, t.sums + r * plan.width, key, 0, to);
  }
  for (std::int64_t r = 0; r < count; ++r) kernels::keep_best(top[r], plan.keep);
}

// Row i goes to its own keys with all heads at once, which fill enough lanes.
void attend_shared(const Block& t, std::int64_t i, const kernels::TopKeys& top) {
  for (std::int64_t h = 0; h < t.problem().heads_q; h += t.plan.q_heads)
    kernels::attend_listed({t.run,
                            t.b,
                            h,
                            t.plan.q_heads,
                            {i, 1, 1},
                            kernels::KeySegment::listed(top.keys, top.count),
                            t.run.out(),
                            nullptr,
                            nullptr,
                            false,
                            t.tile});
}

// Rows [first, first + count) go to their own keys, head by head, so that K and V of a head stay in the cache.
void attend_gathered_rows(const Block& t, std::int64_t first, std::int64_t count, const kernels::TopKeys* top) {
  const auto& p = t.problem();
  const auto k = t.run.inputs.keys(), v = t.run.inputs.values();
  const auto scale = static_cast<float>(p.effective_scale() * 1.44269504088896340736);
  for (std::int64_t h = 0; h < p.heads_q; ++h)
    for (std::int64_t r = 0; r < count; ++r) {
      const auto kv = p.kv_head(h);
      kernels::score_gathered(t.run.inputs.queries().row(t.b, h, first + r), {k.row(t.b, kv, 0), k.row_stride(), p.d_qk},
                              top[r].keys, top[r].count, t.row_scores);
      if (scale < 0) kernels::scale(-1.0f, t.row_scores, top[r].count);
      kernels::attend_gathered(t.row_scores, std::abs(scale), {v.row(t.b, kv, 0), v.row_stride(), p.d_v}, top[r].keys, top[r].count,
                               t.run.out().row(t.b, h, first + r));
    }
}

void set_bits(const Block& t, std::int64_t r, const kernels::TopKeys& top) {
  for (auto lane = r * t.plan.q_heads; lane < (r + 1) * t.plan.q_heads; ++lane) {
    const auto bit = std::uint64_t{1} << (lane % 64);
    std::uint64_t* word = t.bits + lane / 64;
    for (std::int64_t s = 0; s < top.count; ++s) word[top.keys[s] * t.words()] |= bit;
  }
}

// All heads of the block's rows over keys [0, end).
void attend_tiles(const Block& t, std::int64_t end, const std::uint64_t* bits) {
  for (std::int64_t h = 0; h < t.problem().heads_q; h += t.plan.q_heads)
    kernels::attend_listed({t.run,
                            t.b,
                            h,
                            t.plan.q_heads,
                            {t.begin, 1, t.count},
                            kernels::KeySegment::contiguous(0, end),
                            t.run.out(),
                            nullptr,
                            nullptr,
                            false,
                            t.tile,
                            bits});
}

void attend_block(Block& t) {
  const auto& plan = t.plan;
  const auto end = visible_keys(t.problem(), t.b, t.begin + t.count - 1).end;  // the last row sees most
  if (end <= plan.keep) return attend_tiles(t, end, nullptr);
  const bool dense = static_cast<double>(plan.keep) > kDense * static_cast<double>(end);
  kernels::TopKeys top[kIndexRows];
  if (dense) std::fill_n(t.bits, end * t.words(), 0);
  for (std::int64_t r = 0; r < t.count; r += kIndexRows) {
    const auto rows = std::min(kIndexRows, t.count - r);
    select_keys(t, t.begin + r, rows, top);
    const bool shared = plan.q_heads >= kSharedHeads;
    for (std::int64_t i = 0; i < rows && (dense || shared); ++i) {
      if (dense) set_bits(t, r + i, top[i]);
      else attend_shared(t, t.begin + r + i, top[i]);
    }
    if (!dense && !shared) attend_gathered_rows(t, t.begin + r, rows, top);
  }
  if (dense) attend_tiles(t, end, t.bits);
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const Plan plan(p, task.params);
  const auto threads = task.parallel.threads();
  float* panels = task.workspace.allocate<float>(p.batch * plan.batch_panels).data();
  float* floats = task.workspace.allocate<float>(threads * plan.floats).data();
  auto* keys = task.workspace.allocate<std::int32_t>(threads * kIndexRows * plan.capacity).data();
  auto* bits = task.workspace.allocate<std::uint64_t>(threads * p.n_k * plan.words).data();
  if (selects(p, task.params)) kernels::pack_all_keys(task.parallel, task.inputs.extra("index_key"), panels);
  const auto blocks = ceil_div(p.n_q, plan.rows);
  task.parallel.for_each(p.batch * blocks, [&](std::int64_t t, int slot) {
    const auto b = t / blocks, begin = (blocks - 1 - t % blocks) * plan.rows;  // the long rows first
    float* scratch = floats + slot * plan.floats;
    Block block{task,
                plan,
                b,
                begin,
                std::min(plan.rows, p.n_q - begin),
                panels + b * plan.batch_panels,
                scratch,
                scratch + plan.tile_floats,
                scratch + plan.tile_floats + plan.score_floats,
                scratch + plan.tile_floats + 2 * plan.score_floats,
                scratch + plan.tile_floats + 2 * plan.score_floats + kIndexRows * plan.capacity,
                keys + slot * kIndexRows * plan.capacity,
                bits + slot * p.n_k * plan.words};
    attend_block(block);
  });
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const Plan plan(p, params);
  return workspace_bytes<float>(p.batch * plan.batch_panels) + workspace_bytes<float>(threads * plan.floats) +
         workspace_bytes<std::int32_t>(threads * kIndexRows * plan.capacity) +
         workspace_bytes<std::uint64_t>(threads * p.n_k * plan.words);
}

// pairs: those that get a weight.
Cost cost(const Problem& p, const Params& params) {
  const auto keep = params.integer("keep");
  double kept = 0, indexed = 0;
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t i = 0; i < p.n_q; ++i) {
      const auto seen = visible_keys(p, b, i).size();
      kept += static_cast<double>(std::min(keep, seen) * p.heads_q);
      indexed += seen > keep ? static_cast<double>(seen) : 0.0;
    }
  double bytes = compulsory_bytes(p);
  for (const auto& spec : extras(p, params)) bytes += static_cast<double>(spec.bytes());
  return {.multiply_adds = kept * static_cast<double>(p.d_qk + p.d_v) +
                           indexed * static_cast<double>(params.integer("index_heads") * (params.integer("index_dim") + 1)),
          .exps = kept,
          .bytes = bytes,
          .pairs = kept};
}

// ---- Float64 reference: every index score of a row, then dense attention over what they leave --------------------------------

double index_score(const OracleTask& task, std::int64_t b, std::int64_t i, std::int64_t j) {
  const auto query = task.inputs.extra("index_query"), key = task.inputs.extra("index_key"),
             weight = task.inputs.extra("index_weight");
  double sum = 0;
  for (std::int64_t head = 0; head < query.heads(); ++head)
    sum += double{weight.row(b, head, i)[0]} * std::max(0.0, exact_dot(query.row(b, head, i), key.row(b, 0, j), query.dim()));
  return sum;
}

void oracle(const OracleTask& task) {
  const auto keep = task.params.integer("keep");
  weighted_oracle(task, [&](const OracleRow& row, std::span<double> weights) {
    if (static_cast<std::int64_t>(row.keys.size()) <= keep) return softmax_of(weights);
    std::vector<double> index;
    for (const auto j : row.keys) index.push_back(index_score(task, row.b, row.i, j));
    const auto best = largest(index, keep);
    if (best.undecided) mark_row(task, row.b, row.h, row.i);
    std::vector<double> kept(weights.size(), -std::numeric_limits<double>::infinity());
    for (const auto t : best.places) kept[static_cast<std::size_t>(t)] = weights[static_cast<std::size_t>(t)];
    softmax_of(kept);
    std::copy(kept.begin(), kept.end(), weights.begin());
  });
}

}  // namespace

ATTNBENCH_VARIANT(deepseek_sparse) = {
    .name = "deepseek_sparse",
    .summary = "a light indexer scores all earlier keys, attention runs on the best of them",
    .paper = "DeepSeek-AI 2025, DeepSeek-V3.2: Pushing the Frontier of Open Large Language Models, section 2.1, equations 1 and 2",
    .equation =
        "O_t = softmax(q_t K^T / sqrt(d)) V over T_t, the keep keys s <= t with the largest\n"
        "I_ts = sum_j w_tj relu(q^I_tj . k^I_s)",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n^2 H d_I + n k d)",
    .memory_label = "O(n)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths | kScale,
    .laws = kRowStochastic | kIndependentHeads | kWeightsReadable,
    .needs = kCausal,
    .rates = {15e9, 0.3e9},
    .params = kParams,
    .extras = extras,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
