// Native sparse attention: three branches, each a softmax of its own, summed under gates.
//
//   compressed   k~_c, v~_c = mean of keys and values [c stride, c stride + compress)
//                p_t = softmax(scale q_t . k~_c) over the blocks that lie whole in the past of t;  o^cmp_t = sum_c p_tc v~_c
//   selected     importance of block j = sum over the heads of a group and over c of p_tc overlap(c, j) / stride
//                attention over the keys s <= t of `keep` blocks: the first, the current, the one before it, the best others
//   window       attention over the last `window` keys
//   O_t = g_t1 o^cmp_t + g_t2 o^slc_t + g_t3 o^win_t                Yuan et al. 2025, section 3.2 and 3.3, equations 5 to 12
//
// Equation 9, p^slc_j = sum_m sum_n p[(l'/d) j - m - n], counts blocks from 1; from 0 it is p[(l'/d) j + m - n], which weighs the
// compressed blocks around j by their overlap: 1, 2, 2, 2, 1 with the defaults.
//
// Cost: a row at position t takes t / stride compressed keys, keep select_block selected ones and window others. Extra memory: the
// compressed keys and values, two outputs, and per thread the weights of some rows and lists of the rows that chose a block.
// 1.2 times the time of blockwise, 1.7 times as long per key taken (b1 h8 n4096 d64 causal, AVX-512, one thread).
// Deviations: means in place of the learned compression with its position embedding; all branches share K and V; a branch without
// keys gives 0. Importances below 1e-30 are equal; of equal ones the smaller block wins.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/selection.h"
#include "variants/api/variant.h"
#include "variants/kernels/selection/chosen_blocks.h"
#include "variants/kernels/selection/score_panel.h"
#include "variants/kernels/simd/vector_ops.h"
#include "variants/kernels/softmax/tile_engine.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    integer_param("compress", 32, 4, 8192, "keys of a compressed block, a multiple of stride"),
    integer_param("stride", 16, 4, 8192, "keys between the beginnings of two compressed blocks"),
    integer_param("select_block", 64, 8, 8192, "keys of a selected block, a multiple of stride"),
    integer_param("keep", 16, 3, 1024, "blocks selected: the first, the current one, the one before it, and the best others"),
    integer_param("window", 512, 1, 1 << 20, "latest keys that the third branch sees"),
};
constexpr std::int64_t kPairs = 64;        // (row, head) pairs whose compressed weights are computed together
constexpr std::int64_t kFewestRows = 512;  // of a task, so that a block meets enough rows at once to fill the lanes
constexpr float kLeast = 1e-30f;           // importance

void unsupported(const Problem& p, const Params& params, Reasons& reasons) {
  const auto stride = params.integer("stride");
  for (const char* name : {"compress", "select_block"})
    if (params.integer(name) % stride != 0)
      reasons.push_back(std::string("native_sparse: ") + name + " must be a multiple of stride");
  if (p.heads_q / p.heads_kv > kPairs) reasons.push_back("native_sparse takes at most 64 query heads per key/value head");
}

std::vector<InputSpec> extras(const Problem& p, const Params&) {
  return {{.name = "gate",
           .shape = {p.batch, p.heads_q, p.n_q, 3},
           .fill = Fill::sigmoid(0),
           .help = "of the compressed, selected and window branch, in (0, 1)"}};
}

// What the parameters say of one row.
struct Sizes {
  std::int64_t compress, stride, block, keep, window;

  explicit Sizes(const Params& params)
      : compress(params.integer("compress")),
        stride(params.integer("stride")),
        block(params.integer("select_block")),
        keep(params.integer("keep")),
        window(params.integer("window")) {}

  // Compressed blocks that lie whole in `keys` keys, and those of row i's past.
  std::int64_t compressed(std::int64_t keys) const { return keys < compress ? 0 : (keys - compress) / stride + 1; }
  std::int64_t compressed(const Problem& p, std::int64_t b, std::int64_t i) const {
    return compressed(std::min(p.position(i) + 1, p.key_count(b)));
  }
  std::int64_t current(const Problem& p, std::int64_t i) const { return floor_div(p.position(i), block); }
  // Blocks [1, end) compete: the current one, the one before it and the first are in.
  std::int64_t end_of_others(const Problem& p, std::int64_t b, std::int64_t i) const {
    return std::clamp<std::int64_t>(current(p, i) - 1, 1, std::max<std::int64_t>(1, ceil_div(p.key_count(b), block)));
  }
};

struct WindowPattern final : kernels::KeyPattern {
  WindowPattern(const Problem& problem, std::int64_t keys) : p(problem), window(keys) {}
  std::int64_t groups() const override { return 1; }
  kernels::RowRange group(std::int64_t) const override { return {0, 1, p.n_q}; }
  std::int64_t segments(std::int64_t) const override { return 1; }
  kernels::KeySegment segment(std::int64_t, std::int64_t) const override { return kernels::KeySegment::contiguous(0, p.n_k); }
  KeyRange visible(std::int64_t, std::int64_t, std::int64_t row) const override {
    return {p.position(row) + 1 - window, p.position(row) + 1};
  }
  const Problem& p;
  std::int64_t window;
};

// What shape, parameters and threads decide.
struct Plan : Sizes {
  std::int64_t group, blocks, width;       // query heads that share a selection; blocks of a head; keys of a panel
  std::int64_t compressed_blocks, others;  // of a head; blocks that a row chooses, the first one counted
  std::int64_t rows, tasks;                // query rows of a task; tasks of a head
  std::int64_t key_panels, value_panels;   // floats of a head's compressed keys and values, in panels
  std::int64_t weight_stride, capacity;    // floats of a row of compressed weights; of the best blocks
  std::int64_t tile_floats, score_floats, floats, integers;  // scratch of a thread

  Plan(const Problem& p, const Params& params, int threads)
      : Sizes(params), group(p.heads_q / p.heads_kv), blocks(ceil_div(p.n_k, block)), width(kernels::panel_keys()), rows(p.n_q) {
    compressed_blocks = compressed(p.n_k);
    others = std::min(keep - 2, blocks);
    while (rows > kFewestRows && p.batch * p.heads_kv * ceil_div(p.n_q, rows) < 4 * threads) rows = ceil_div(rows, 2);
    tasks = ceil_div(p.n_q, rows);
    key_panels = kernels::key_panels_floats(compressed_blocks, p.d_qk);
    value_panels = ceil_div(p.d_v, width) * width * compressed_blocks;
    weight_stride = ceil_div(std::max<std::int64_t>(1, compressed_blocks), width) * width;
    capacity = kernels::top_keys_capacity(others);
    tile_floats = kernels::listed_scratch_floats(p);
    score_floats = ceil_div(kernels::padded_rows(kPairs) * width, 16) * 16;
    floats = tile_floats + score_floats + kPairs * weight_stride + ceil_div(blocks + width, 16) * 16 + capacity;
    integers = capacity + rows * others + kernels::chosen_scratch(rows, others, blocks);
  }
};

// Some query rows of the heads of one group, and what their thread works with.
struct Task {
  const RunTask& run;
  const Plan& plan;
  std::int64_t b, kv, begin, end;
  const float *keys, *values;  // compressed, in panels
  TensorView<float> selected;
  float *row_max, *row_sum;
  float *tile, *scores, *weights, *importance, *best_scores;  // scratch: [pairs][width], [pairs][weight_stride], [blocks], ...
  std::int32_t *best, *chosen, *lists;

  const Problem& problem() const { return run.problem; }
  std::int64_t head(std::int64_t g) const { return kv * plan.group + g; }
};

// ---- Compression ---------------------------------------------------------------------------------------------------------

// mean[dim] of rows [begin, begin + count).
void mean_row(const TensorView<const float>& x, std::int64_t b, std::int64_t h, std::int64_t begin, std::int64_t count,
              float* mean) {
  std::fill_n(mean, x.dim(), 0.0f);
  for (auto j = begin; j < begin + count; ++j) kernels::axpy(1.0f, x.row(b, h, j), mean, x.dim());
  kernels::scale(1.0f / static_cast<float>(count), mean, x.dim());
}

// Values as panels of columns: [panel][block][width].
void pack_values(const Plan& plan, const float* mean, std::int64_t d_v, std::int64_t c, float* panels) {
  for (std::int64_t column = 0; column < d_v; column += plan.width) {
    float* to = panels + (column * plan.compressed_blocks + c * plan.width);
    const auto count = std::min(plan.width, d_v - column);
    std::fill(std::copy_n(mean + column, count, to), to + plan.width, 0.0f);
  }
}

// ---- The compressed branch, and what it says of the blocks ------------------------------------------------------------------

// weights[pair][weight_stride] of `count` rows of all heads of the group, which see the same `visible` compressed blocks; pair =
// row * group + head.
void compressed_weights(const Task& t, std::int64_t first, std::int64_t count, std::int64_t visible) {
  const auto& p = t.problem();
  const auto& plan = t.plan;
  const auto pairs = count * plan.group;
  const float* rows[kPairs];
  for (std::int64_t r = 0; r < pairs; ++r)
    rows[r] = t.run.inputs.queries().row(t.b, t.head(r % plan.group), first + r / plan.group);
  for (std::int64_t c = 0; c < visible; c += plan.width) {
    kernels::score_panel(rows, pairs, p.d_qk, t.keys + c * p.d_qk, t.scores);
    for (std::int64_t r = 0; r < pairs; ++r)
      std::copy_n(t.scores + r * plan.width, plan.width, t.weights + r * plan.weight_stride + c);
  }
  for (std::int64_t r = 0; r < pairs; ++r) {
    float* weights = t.weights + r * plan.weight_stride;
    kernels::scale(static_cast<float>(p.effective_scale()), weights, visible);
    kernels::softmax_in_place(weights, visible);
  }
}

// Writes gate times the branch into the output of the same rows.
void compressed_output(const Task& t, std::int64_t first, std::int64_t count, std::int64_t visible) {
  const auto& p = t.problem();
  const auto& plan = t.plan;
  const auto pairs = count * plan.group;
  const auto gates = t.run.inputs.extra("gate");
  const float* rows[kPairs];
  for (std::int64_t r = 0; r < pairs; ++r) rows[r] = t.weights + r * plan.weight_stride;
  for (std::int64_t column = 0; column < p.d_v; column += plan.width) {
    if (visible > 0) kernels::score_panel(rows, pairs, visible, t.values + column * plan.compressed_blocks, t.scores);
    for (std::int64_t r = 0; r < pairs; ++r) {
      const auto h = t.head(r % plan.group), i = first + r / plan.group;
      float* out = t.run.out().row(t.b, h, i) + column;
      const auto columns = std::min(plan.width, p.d_v - column);
      std::fill_n(out, columns, 0.0f);
      if (visible > 0) kernels::axpy(gates.row(t.b, h, i)[0], t.scores + r * plan.width, out, columns);
    }
  }
}

// importance[j] for j in [1, end), from the weights of one row, summed over the heads into the first one's.
void find_importance(const Task& t, float* weights, std::int64_t visible, std::int64_t end) {
  const auto& plan = t.plan;
  for (std::int64_t g = 1; g < plan.group; ++g) kernels::axpy(1.0f, weights + g * plan.weight_stride, weights, visible);
  const auto per_block = plan.block / plan.stride, per_compressed = plan.compress / plan.stride;
  for (std::int64_t j = 1; j < end; ++j) {
    float sum = 0;
    for (std::int64_t m = 0; m < per_block; ++m)
      for (std::int64_t n = 0; n < per_compressed; ++n)
        if (const auto c = per_block * j + m - n; c >= 0 && c < visible) sum += weights[c];
    t.importance[j] = std::max(sum, kLeast);
  }
}

// The first block, where it is not among the two latest, and the most important of those between; -1 where there are fewer.
void choose_blocks(const Task& t, std::int64_t i, std::int64_t visible, float* weights) {
  const auto& plan = t.plan;
  const auto end = plan.end_of_others(t.problem(), t.b, i), wanted = plan.others - 1;
  find_importance(t, weights, visible, end);
  kernels::TopKeys top{t.best_scores, t.best};
  for (std::int64_t j = 1; j < end; j += plan.width)
    kernels::offer_keys(top, wanted, t.importance + j, j, 0, std::min(plan.width, end - j));
  kernels::keep_best(top, wanted);
  auto* chosen = t.chosen + (i - t.begin) * plan.others;
  *chosen++ = plan.current(t.problem(), i) >= 2 ? 0 : -1;
  std::fill(std::copy_n(top.keys, top.count, chosen), chosen + wanted, -1);
}

void attend_compressed(const Task& t) {
  const auto& p = t.problem();
  const auto& plan = t.plan;
  const auto most = kPairs / plan.group;
  for (auto i = t.begin, end = i; i < t.end; i = end) {
    const auto visible = plan.compressed(p, t.b, i);
    while (end < t.end && end - i < most && plan.compressed(p, t.b, end) == visible) ++end;
    if (visible > 0) compressed_weights(t, i, end - i, visible);
    compressed_output(t, i, end - i, visible);
    for (auto row = i; row < end; ++row) choose_blocks(t, row, visible, t.weights + (row - i) * plan.group * plan.weight_stride);
  }
}

// ---- The selected branch -------------------------------------------------------------------------------------------------

// The current block and the one before it, then the chosen ones.
void attend_selected(const Task& t) {
  const auto& p = t.problem();
  const auto& plan = t.plan;
  const auto q_heads = kernels::listed_heads(p);
  kernels::ListedBlock block{t.run, t.b, 0, q_heads, {}, {}, t.selected, t.row_max, t.row_sum, false, t.tile};
  for (std::int64_t g = 0; g < plan.group; g += q_heads) {
    block.first_head = t.head(g);
    block.resume = false;
    for (auto i = t.begin; i < t.end; i += block.rows.count) {
      const auto current = plan.current(p, i), end = (current + 1) * plan.block;
      block.rows = {i, 1, std::min(t.end, i + end - p.position(i)) - i};
      const auto first = std::clamp<std::int64_t>((current - 1) * plan.block, 0, p.n_k);
      block.keys = kernels::KeySegment::contiguous(first, std::clamp(end, first, p.n_k));
      kernels::attend_listed(block);
    }
    block.resume = true;
    kernels::attend_chosen(block, {t.begin, t.end, plan.others, t.chosen, plan.block, plan.blocks}, t.lists);
  }
}

void compress(const RunTask& task, const Plan& plan, float* keys, float* key_panels, float* value_panels, float* floats) {
  const auto& p = task.problem;
  const auto heads = p.batch * p.heads_kv;
  task.parallel.for_ranges(heads * plan.compressed_blocks, 64, [&](std::int64_t begin, std::int64_t end, int slot) {
    float* mean = floats + slot * plan.floats;
    for (auto t = begin; t < end; ++t) {
      const auto head = t / plan.compressed_blocks, c = t % plan.compressed_blocks;
      mean_row(task.inputs.keys(), head / p.heads_kv, head % p.heads_kv, c * plan.stride, plan.compress, keys + t * p.d_qk);
      mean_row(task.inputs.values(), head / p.heads_kv, head % p.heads_kv, c * plan.stride, plan.compress, mean);
      pack_values(plan, mean, p.d_v, c, value_panels + head * plan.value_panels);
    }
  });
  const Shape shape{p.batch, p.heads_kv, plan.compressed_blocks, p.d_qk};
  if (plan.compressed_blocks > 0) kernels::pack_all_keys(task.parallel, {keys, shape, dense_strides(shape)}, key_panels);
}

// out += gate * branch
void add_branch(const RunTask& task, const TensorView<float>& branch, std::int64_t gate) {
  const auto& p = task.problem;
  const auto gates = task.inputs.extra("gate");
  task.parallel.for_ranges(p.batch * p.heads_q * p.n_q, 256, [&](std::int64_t begin, std::int64_t end, int) {
    for (auto t = begin; t < end; ++t) {
      const auto b = t / (p.heads_q * p.n_q), h = t / p.n_q % p.heads_q, i = t % p.n_q;
      kernels::axpy(gates.row(b, h, i)[gate], branch.row(b, h, i), task.out().row(b, h, i), p.d_v);
    }
  });
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto threads = task.parallel.threads();
  const Plan plan(p, task.params, threads);
  const auto heads = p.batch * p.heads_kv, rows = p.batch * p.heads_q * p.n_q;
  const Shape shape{p.batch, p.heads_q, p.n_q, p.d_v};
  float* keys = task.workspace.allocate<float>(heads * plan.compressed_blocks * p.d_qk).data();
  float* key_panels = task.workspace.allocate<float>(heads * plan.key_panels).data();
  float* value_panels = task.workspace.allocate<float>(heads * plan.value_panels).data();
  float* branch = task.workspace.allocate<float>(rows * p.d_v).data();
  float* row_max = task.workspace.allocate<float>(rows).data();
  float* row_sum = task.workspace.allocate<float>(rows).data();
  float* floats = task.workspace.allocate<float>(threads * plan.floats).data();
  auto* integers = task.workspace.allocate<std::int32_t>(threads * plan.integers).data();
  compress(task, plan, keys, key_panels, value_panels, floats);
  const TensorView<float> selected{branch, shape, dense_strides(shape)};
  task.parallel.for_each(heads * plan.tasks, [&](std::int64_t t, int slot) {
    const auto head = t / plan.tasks, begin = t % plan.tasks * plan.rows;
    float* next = floats + slot * plan.floats;
    const auto take = [&next](std::int64_t count) { return std::exchange(next, next + count); };
    auto* lists = integers + slot * plan.integers;
    float *tile = take(plan.tile_floats), *scores = take(plan.score_floats), *weights = take(kPairs * plan.weight_stride);
    float *importance = take(ceil_div(plan.blocks + plan.width, 16) * 16), *best_scores = take(plan.capacity);
    const Task part{task,
                    plan,
                    head / p.heads_kv,
                    head % p.heads_kv,
                    begin,
                    std::min(begin + plan.rows, p.n_q),
                    key_panels + head * plan.key_panels,
                    value_panels + head * plan.value_panels,
                    selected,
                    row_max,
                    row_sum,
                    tile,
                    scores,
                    weights,
                    importance,
                    best_scores,
                    lists,
                    lists + plan.capacity,
                    lists + plan.capacity + plan.rows * plan.others};
    attend_compressed(part);
    attend_selected(part);
  });
  add_branch(task, selected, 1);
  const RunTask window{
      p, task.params, task.inputs, {branch, DType::f32, shape, dense_strides(shape)}, task.prepared, task.workspace, task.parallel};
  kernels::attend(window, WindowPattern(p, plan.window));
  add_branch(task, selected, 2);
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const Plan plan(p, params, threads);
  const auto heads = p.batch * p.heads_kv, rows = p.batch * p.heads_q * p.n_q;
  return workspace_bytes<float>(heads * plan.compressed_blocks * p.d_qk) + workspace_bytes<float>(heads * plan.key_panels) +
         workspace_bytes<float>(heads * plan.value_panels) + workspace_bytes<float>(rows * p.d_v) +
         2 * workspace_bytes<float>(rows) + workspace_bytes<float>(threads * plan.floats) +
         workspace_bytes<std::int32_t>(threads * plan.integers) +
         kernels::tile_workspace(p, WindowPattern(p, plan.window), threads);
}

// Of row i of batch entry b, at the most: compressed keys, selected keys and those of the window.
double row_keys(const Problem& p, const Sizes& sizes, std::int64_t b, std::int64_t i) {
  const auto seen = visible_keys(p, b, i).size(), past = std::max<std::int64_t>(0, p.position(i) + 1);
  const auto latest = past - std::max<std::int64_t>(0, sizes.current(p, i) - 1) * sizes.block;
  const auto others = std::min(sizes.keep - 2, std::max<std::int64_t>(0, sizes.current(p, i) - 1));
  return static_cast<double>(std::max<std::int64_t>(0, sizes.compressed(p, b, i)) + std::min(seen, latest + others * sizes.block) +
                             std::min(seen, sizes.window));
}

Cost cost(const Problem& p, const Params& params) {
  const Sizes sizes(params);
  double keys = 0;
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t i = 0; i < p.n_q; ++i) keys += row_keys(p, sizes, b, i);
  keys *= static_cast<double>(p.heads_q);
  const auto dims = static_cast<double>(p.d_qk + p.d_v);
  const double heads = static_cast<double>(p.batch * p.heads_kv),
               outputs = static_cast<double>(p.batch * p.heads_q * p.n_q * p.d_v);
  const double compressed = heads * static_cast<double>(sizes.compressed(p.n_k));
  double bytes = compulsory_bytes(p) + 4 * (4 * outputs + 2 * compressed * dims);  // two branches, means: written and read
  for (const auto& spec : extras(p, params)) bytes += static_cast<double>(spec.bytes());
  return {.multiply_adds = keys * dims + compressed * static_cast<double>(sizes.compress) * dims + 3 * outputs,
          .exps = keys,
          .bytes = bytes};
}

// ---- Float64 reference: the three branches as dense attention -----------------------------------------------------------------

// The definitions with tokens counted one by one: which compressed blocks row i sees, what they weigh, how they overlap.
class Exact {
 public:
  Exact(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i)
      : t_(task), p_(task.problem), s_(task.params), b_(b), h_(h), i_(i), end_(std::min(p_.position(i) + 1, p_.key_count(b))) {}

  // weights[c] of the compressed blocks of query head h.
  std::vector<double> weights(std::int64_t h) const {
    std::vector<double> scores;
    for (std::int64_t c = 0; c * s_.stride + s_.compress <= end_; ++c) {
      double sum = 0;
      for (std::int64_t j = 0; j < s_.compress; ++j)
        sum += exact_dot(t_.inputs.queries().row(b_, h, i_), t_.inputs.keys().row(b_, p_.kv_head(h), c * s_.stride + j), p_.d_qk);
      scores.push_back(p_.effective_scale() * sum / static_cast<double>(s_.compress));
    }
    softmax_of(scores);
    return scores;
  }

  void add_compressed(double gate, double* out) const {
    const auto w = weights(h_);
    for (std::size_t c = 0; c < w.size(); ++c)
      for (std::int64_t j = 0; j < s_.compress; ++j) {
        const float* value = t_.inputs.values().row(b_, p_.kv_head(h_), static_cast<std::int64_t>(c) * s_.stride + j);
        for (std::int64_t e = 0; e < p_.d_v; ++e)
          out[e] += gate * w[c] * static_cast<double>(value[e]) / static_cast<double>(s_.compress);
      }
  }

  // Ascending; `undecided` where float32 might select others.
  std::vector<std::int64_t> selected(bool& undecided) const {
    const auto current = floor_div(p_.position(i_), s_.block), group = p_.heads_q / p_.heads_kv;
    std::vector<double> importance;
    std::vector<std::vector<double>> w;
    for (std::int64_t g = 0; g < group; ++g) w.push_back(weights(p_.kv_head(h_) * group + g));
    for (std::int64_t j = 1; j < current - 1 && j * s_.block < p_.key_count(b_); ++j) {
      double sum = 0;
      for (const auto& head : w)
        for (std::size_t c = 0; c < head.size(); ++c) {
          const auto first = static_cast<std::int64_t>(c) * s_.stride;
          const auto shared = std::min(first + s_.compress, (j + 1) * s_.block) - std::max(first, j * s_.block);
          if (shared > 0) sum += head[c] * static_cast<double>(shared) / static_cast<double>(s_.stride);
        }
      importance.push_back(std::log(std::max(sum, double{kLeast})));  // float32 sees the ratio of two importances
    }
    const auto best = largest(importance, s_.keep - 3);
    undecided = best.undecided;
    std::vector<std::int64_t> blocks{0, current - 1, current};
    for (const auto place : best.places) blocks.push_back(place + 1);
    return blocks;
  }

  template <class Sees>
  void add_dense(double gate, Sees sees, double* out) const {
    std::vector<std::int64_t> keys;
    for (std::int64_t j = 0; j < end_; ++j)
      if (sees(j)) keys.push_back(j);
    std::vector<double> scores(keys.size()), branch(static_cast<std::size_t>(p_.d_v));
    attend_keys(p_, t_.inputs, b_, h_, i_, keys, scores.data(), branch.data());
    for (std::int64_t e = 0; e < p_.d_v; ++e) out[e] += gate * branch[static_cast<std::size_t>(e)];
  }

 private:
  const OracleTask& t_;
  const Problem& p_;
  const Sizes s_;
  std::int64_t b_, h_, i_, end_;
};

void exact_row(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t r) {
  const auto& p = task.problem;
  const Sizes sizes(task.params);
  const auto i = task.rows[static_cast<std::size_t>(r)];
  const float* gates = task.inputs.extra("gate").row(b, h, i);
  const Exact row(task, b, h, i);
  double* out = task.out_row(b, h, r);
  std::fill_n(out, p.d_v, 0.0);
  bool undecided = false;
  const auto blocks = row.selected(undecided);
  if (undecided) task.mark_undecided(b, h, r);
  row.add_compressed(double{gates[0]}, out);
  row.add_dense(
      double{gates[1]}, [&](std::int64_t j) { return std::find(blocks.begin(), blocks.end(), j / sizes.block) != blocks.end(); },
      out);
  row.add_dense(
      double{gates[2]}, [&](std::int64_t j) { return j > p.position(i) - sizes.window; }, out);
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto rows = static_cast<std::int64_t>(task.rows.size());
  task.parallel.for_ranges(p.batch * p.heads_q * rows, 8, [&](std::int64_t begin, std::int64_t end, int) {
    for (auto t = begin; t < end; ++t) exact_row(task, t / (p.heads_q * rows), t / rows % p.heads_q, t % rows);
  });
}

}  // namespace

ATTNBENCH_VARIANT(native_sparse) = {
    .name = "native_sparse",
    .summary = "compressed, selected and window attention, each a softmax of its own, summed under gates",
    .paper =
        "Yuan et al. 2025, Native Sparse Attention: Hardware-Aligned and Natively Trainable Sparse Attention, sections 3.2, 3.3",
    .equation =
        "O_t = g_t1 Attn(q_t, K~, V~) + g_t2 Attn(q_t, selected blocks) + g_t3 Attn(q_t, last `window` keys),\n"
        "K~, V~ means of `compress` keys every `stride`; blocks selected by the compressed weights that overlap them",
    .computes = Computes::own_definition,
    .time_label = "O(n^2 d / stride + n k b d)",
    .memory_label = "O(n d)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths | kScale,
    .laws = kIndependentHeads | kWeightsReadable,
    .needs = kCausal,
    .rates = {15e9, 0.3e9},
    .params = kParams,
    .extras = extras,
    .unsupported = unsupported,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
