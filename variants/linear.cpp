// Linear attention: a kernel phi in place of the exponential lets the sums over keys be taken once, before the queries.
//
//   o_i = phi(q_i)^T S / phi(q_i)^T z,   S = sum_j phi(k_j) v_j^T,  z = sum_j phi(k_j),  phi(x) = elu(x) + 1
//                                              Katharopoulos et al. 2020, Transformers are RNNs, equations 5, 7 and 9
//
// Non-causal: (S, z) over all keys, then one product per query. Causal (section 3.3): (S, z) grows along the sequence. We walk
// in steps of kStep positions: what a row sees of earlier steps comes from (S, z), its own step from the masked product
// phi(Q) phi(K)^T, then the step's keys join (S, z). With fewer heads than threads the sequence is cut into segments: each sums
// its own (S, z), a running sum joins them, and all segments go on at once.
// Cost: 2 n d d_v per head (causal: plus n kStep (d + d_v / 2)); extra memory d d_v per head and segment. Deviations from the
// paper: steps of kStep tokens instead of its one-token recurrence; no scale in either.
#include <algorithm>
#include <cmath>
#include <vector>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/linear_attention.h"

namespace attnbench {
namespace {

// Causal positions per step. A longer one reads and writes S less often but makes more of the step's square, kStep (d + d_v / 2)
// multiply-adds a row beside 2 d d_v. Measured with AVX-512, most runs: 16 is 4 to 8 % faster than 32 at
// d 64, 10 % at d 32, even at d 256; and 23 to 27 % faster than 64 at d 64, even at d 256.
constexpr std::int64_t kStep = 16;
constexpr std::int64_t kBlock = kernels::kMaxLinearPanel;  // keys or rows at once where there is no diagonal

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::int64_t key_count(const Problem& p, std::int64_t b) {
  return p.key_lengths.empty() ? p.n_k : p.key_lengths[static_cast<std::size_t>(b)];
}

// ---- How the sequence is cut ---------------------------------------------------------------------------------------------

// Key j stands at position j, query row i at problem.position(i). One causal step holds these keys and rows.
struct Step {
  KeyRange keys;
  KeyRange rows;
};

KeyRange block_at(std::int64_t count, std::int64_t index) {
  return {std::min(count, index * kBlock), std::min(count, (index + 1) * kBlock)};
}

Step step_at(const Problem& p, std::int64_t b, std::int64_t index) {
  const auto begin = index * kStep, end = begin + kStep;
  const auto clip = [](std::int64_t x, std::int64_t top) { return std::clamp<std::int64_t>(x, 0, top); };
  const auto row_zero = p.position(0);
  return {{clip(begin, key_count(p, b)), clip(end, key_count(p, b))}, {clip(begin - row_zero, p.n_q), clip(end - row_zero, p.n_q)}};
}

// Steps up to the last query row: keys beyond it are seen by nobody.
std::int64_t step_count(const Problem& p) { return std::max<std::int64_t>(0, ceil_div(p.position(p.n_q - 1) + 1, kStep)); }

// What segments are made of: steps, or blocks of keys where there is no diagonal.
std::int64_t unit_count(const Problem& p) { return p.causal == Causal::none ? ceil_div(p.n_k, kBlock) : step_count(p); }

// Segments per key/value head: one where the heads alone keep all threads busy.
std::int64_t segment_count(const Problem& p, int threads) {
  return std::clamp<std::int64_t>(ceil_div(threads, p.batch * p.heads_kv), 1, std::max<std::int64_t>(1, unit_count(p)));
}

// ---- Scratch -------------------------------------------------------------------------------------------------------------

std::int64_t state_size(const Problem& p) { return kernels::linear_state_floats(p.d_qk, p.d_v); }

// Per thread: a panel of keys, then one of rows.
std::int64_t panel_length(const Problem& p) { return p.causal == Causal::none ? kBlock : kStep; }
std::int64_t key_scratch(const Problem& p) { return kernels::key_scratch_floats(p.d_qk, p.d_v, panel_length(p)); }
std::int64_t scratch_size(const Problem& p) { return key_scratch(p) + kernels::row_scratch_floats(p.d_qk, panel_length(p)); }

// One task's surroundings: a key/value head, its (S, z) and the thread's scratch.
struct Head {
  const RunTask& task;
  std::int64_t b, kv;
  float* sums;
  float* scratch;

  const Problem& problem() const { return task.problem; }
  kernels::LinearState state() const { return {problem().d_qk, problem().d_v, sums}; }
};

// ---- The computation -----------------------------------------------------------------------------------------------------

kernels::KeyPanel load_keys(const Head& head, KeyRange keys) {
  const auto k = head.task.inputs.keys(), v = head.task.inputs.values();
  return kernels::load_keys(head.state(), {k.row(head.b, head.kv, keys.begin), k.row_stride()},
                            {v.row(head.b, head.kv, keys.begin), v.row_stride()}, keys.size(), head.scratch);
}

// Output rows of query head h: all of (S, z) and what they see of `panel`, which holds the keys from key `first_key` on.
void attend_rows(const Head& head, std::int64_t h, KeyRange rows, const kernels::KeyPanel& panel, std::int64_t first_key) {
  const auto& p = head.problem();
  const auto q = head.task.inputs.queries();
  const auto out = head.task.out();
  kernels::attend(head.state(), panel, p.position(rows.begin) + 1 - first_key, {q.row(head.b, h, rows.begin), q.row_stride()},
                  {out.row(head.b, h, rows.begin), out.row_stride()}, rows.size(), head.scratch + key_scratch(p));
}

// The (S, z) of the keys in some units, from zero.
void sum_units(const Head& head, KeyRange units) {
  const auto& p = head.problem();
  std::fill_n(head.sums, state_size(p), 0.0f);
  for (auto unit = units.begin; unit < units.end; ++unit) {
    const auto keys = p.causal == Causal::none ? block_at(key_count(p, head.b), unit) : step_at(p, head.b, unit).keys;
    if (keys.size() > 0) kernels::add_keys(head.state(), load_keys(head, keys));
  }
}

// Walks the steps of one segment; (S, z) holds everything before it and grows on the way.
void walk_steps(const Head& head, KeyRange steps) {
  const auto& p = head.problem();
  const auto group = p.heads_q / p.heads_kv;
  if (steps.size() == 0 || step_at(p, head.b, steps.end - 1).rows.size() == 0) return;  // all before the first query row
  for (auto index = steps.begin; index < steps.end; ++index) {
    const auto [keys, rows] = step_at(p, head.b, index);
    const auto panel = load_keys(head, keys);
    for (auto h = head.kv * group; rows.size() > 0 && h < (head.kv + 1) * group; ++h) attend_rows(head, h, rows, panel, keys.begin);
    if (index + 1 < steps.end && keys.size() > 0) kernels::add_keys(head.state(), panel);
  }
}

// states: [segments][state_size]. Causal: each becomes the sum of those before it; else the first becomes the sum of all.
void join_states(const Problem& p, float* states, std::int64_t segments) {
  const auto size = state_size(p);
  for (std::int64_t c = 0; c < size; ++c) {
    float total = 0;
    for (std::int64_t g = 0; g < segments; ++g) {
      const float own = states[g * size + c];
      if (p.causal != Causal::none) states[g * size + c] = total;
      total += own;
    }
    if (p.causal == Causal::none) states[c] = total;
  }
}

// Rows above the first key's position see nothing (bottom-right with n_q > n_k).
void clear_blind_rows(const RunTask& task) {
  const auto& p = task.problem;
  const auto blind = std::clamp<std::int64_t>(-p.position(0), 0, p.n_q);
  for (std::int64_t t = 0; t < p.batch * p.heads_q; ++t)
    for (std::int64_t i = 0; i < blind; ++i) std::fill_n(task.out().row(t / p.heads_q, t % p.heads_q, i), p.d_v, 0.0f);
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const bool causal = p.causal != Causal::none;
  const auto heads = p.batch * p.heads_kv, segments = segment_count(p, task.parallel.threads());
  const auto states = task.workspace.allocate<float>(heads * segments * state_size(p));
  const auto scratch = task.workspace.allocate<float>(task.parallel.threads() * scratch_size(p));
  const auto units = [&](std::int64_t g) { return KeyRange{unit_count(p) * g / segments, unit_count(p) * (g + 1) / segments}; };
  const auto head_at = [&](std::int64_t head, std::int64_t g, int slot) {
    return Head{task, head / p.heads_kv, head % p.heads_kv, states.data() + (head * segments + g) * state_size(p),
                scratch.data() + slot * scratch_size(p)};
  };
  task.parallel.for_each(heads * segments, [&](std::int64_t t, int slot) {
    const auto g = t % segments;
    sum_units(head_at(t / segments, g, slot), causal && g + 1 == segments ? KeyRange{} : units(g));  // nothing follows the last
  });
  task.parallel.for_each(heads,
                         [&](std::int64_t t, int) { join_states(p, states.data() + t * segments * state_size(p), segments); });
  if (causal) {
    clear_blind_rows(task);
    task.parallel.for_each(heads * segments, [&](std::int64_t t, int slot) {
      walk_steps(head_at(t / segments, t % segments, slot), units(t % segments));
    });
  } else {
    const auto blocks = ceil_div(p.n_q, kBlock);
    task.parallel.for_each(p.batch * p.heads_q * blocks, [&](std::int64_t t, int slot) {
      const auto b = t / (p.heads_q * blocks), h = t / blocks % p.heads_q;
      attend_rows(head_at(b * p.heads_kv + p.kv_head(h), 0, slot), h, block_at(p.n_q, t % blocks), {}, 0);
    });
  }
}

std::size_t workspace(const Problem& p, const Params&, int threads) {
  return workspace_bytes<float>(p.batch * p.heads_kv * segment_count(p, threads) * state_size(p)) +
         workspace_bytes<float>(threads * scratch_size(p));
}

// ---- What it costs -------------------------------------------------------------------------------------------------------

// Adds one step of batch entry b, all heads: rows against (S, z) and their own step's square of weights, the
// values of those they see, then the keys' share of S.
void add_step(const Problem& p, const Step& step, bool keys_join, Cost& cost) {
  const double rows = static_cast<double>(step.rows.size()) * p.heads_q, keys = static_cast<double>(step.keys.size());
  const double d = static_cast<double>(p.d_qk), d_v = static_cast<double>(p.d_v);
  double seen = 0;
  for (auto i = step.rows.begin; i < step.rows.end && step.keys.size() > 0; ++i)
    seen += static_cast<double>(std::clamp<std::int64_t>(p.position(i) + 1 - step.keys.begin, 0, step.keys.size()));
  cost.multiply_adds +=
      rows * (d * d_v + d) + rows * keys * d + p.heads_q * seen * d_v + (keys_join ? p.heads_kv * keys * d * d_v : 0);
  cost.exps += rows * d + p.heads_kv * keys * d;
}

// As run on one thread per head. Causal segments, cut only when threads outnumber heads, sum their keys once more.
Cost cost(const Problem& p, const Params&) {
  Cost cost{.bytes = compulsory_bytes(p)};
  for (std::int64_t b = 0; b < p.batch; ++b) {
    if (p.causal == Causal::none) {
      add_step(p, {.keys = {0, key_count(p, b)}, .rows = {}}, true, cost);
      add_step(p, {.keys = {}, .rows = {0, p.n_q}}, false, cost);
    }
    for (std::int64_t s = 0; p.causal != Causal::none && s < step_count(p); ++s)
      add_step(p, step_at(p, b, s), s + 1 < step_count(p), cost);
  }
  return cost;
}

// ---- Float64 reference: the quadratic form, equation 3 with sim(q, k) = phi(q)^T phi(k) ----------------------------------

// phi of every row of one head, in float64.
std::vector<double> exact_features(const TensorView<const float>& x, std::int64_t b, std::int64_t h) {
  std::vector<double> phi;
  phi.reserve(static_cast<std::size_t>(x.rows() * x.dim()));
  for (std::int64_t i = 0; i < x.rows(); ++i)
    for (std::int64_t c = 0; c < x.dim(); ++c) {
      const double value = x.row(b, h, i)[c];
      phi.push_back(value > 0 ? value + 1 : std::exp(value));
    }
  return phi;
}

void exact_row(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, const double* q, const double* keys,
               double* out) {
  const auto& p = task.problem;
  const auto v = task.inputs.values();
  double total = 0;
  std::fill_n(out, p.d_v, 0.0);
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    if (!problem_attends(p, task.inputs, b, h, i, j)) continue;
    double weight = 0;
    for (std::int64_t c = 0; c < p.d_qk; ++c) weight += q[c] * keys[j * p.d_qk + c];
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weight * static_cast<double>(v.row(b, p.kv_head(h), j)[c]);
    total += weight;
  }
  for (std::int64_t c = 0; c < p.d_v && total != 0; ++c) out[c] /= total;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int) {
    const auto b = t / p.heads_q, h = t % p.heads_q;
    const auto queries = exact_features(task.inputs.queries(), b, h);
    const auto keys = exact_features(task.inputs.keys(), b, p.kv_head(h));
    for (std::size_t r = 0; r < task.rows.size(); ++r)
      exact_row(task, b, h, task.rows[r], queries.data() + task.rows[r] * p.d_qk, keys.data(),
                task.out_row(b, h, static_cast<std::int64_t>(r)));
  });
}

}  // namespace
}  // namespace attnbench

ATTNBENCH_VARIANT(linear) = {
    .name = "linear",
    .family = "linear",
    .summary = "phi(Q) (phi(K)^T V), phi = elu + 1: sums over keys taken once, causal by running sums",
    .paper = "Katharopoulos et al. 2020, Transformers are RNNs, sections 3.2 and 3.3",
    .computes = attnbench::Computes::approximates_softmax,
    .time_label = "O(n d^2)",
    .memory_label = "O(d^2)",
    .supports = attnbench::kGqa | attnbench::kCross | attnbench::kUnequalDims | attnbench::kCausal | attnbench::kKeyLengths,
    .laws = attnbench::kRowStochastic | attnbench::kKeyPermutation | attnbench::kIndependentHeads | attnbench::kWeightsReadable,
    .cost = attnbench::cost,
    .workspace = attnbench::workspace,
    .run = attnbench::run,
    .oracle = attnbench::oracle,
};
