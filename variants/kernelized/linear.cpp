// Linear attention: a kernel phi in place of the exponential lets the sums over keys be taken once, before the queries.
//
//   o_i = phi(q_i)^T S / phi(q_i)^T z,   S = sum_j phi(k_j) v_j^T,  z = sum_j phi(k_j),  phi(x) = elu(x) + 1
//                                              Katharopoulos et al. 2020, Transformers are RNNs, equations 5, 7 and 9
//
// Non-causal: (S, z) over all keys, then one product per query, both on panels. Causal (section 3.3): (S, z) grows along the
// sequence, position by position as the paper has it; S passes through the registers once per 2 or 4 positions. With fewer heads
// than threads the sequence is cut into segments: each sums its own (S, z), a running sum joins them, and all segments go on at
// once.
// Cost: 2 n d d_v per head; extra memory d d_v per head and segment. Deviations from the paper: no scale; where features would
// underflow, factors that cancel are taken out (linear_attention.h).
//
// Why no chunkwise causal form: steps of 16 positions, their own keys by the masked square phi(Q) phi(K)^T, took 1.42, 1.25, 1.17,
// 1.12 times as long at d 32, 64, 128, 256 and 1.28 times with 4 query heads per key head, d 64 (AVX-512, Zen 4, one thread,
// minima of 400 runs); with AVX2 1.36, 1.25, 1.19, 1.21 and 1.10 times.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/linear/linear_attention.h"
#include "variants/kernels/linear/linear_recurrence.h"

namespace attnbench {
namespace {

constexpr std::int64_t kBlock = kernels::kMaxLinearPanel;  // keys or rows at once where there is no diagonal
constexpr std::int64_t kPanel = kernels::kMaxPositions;    // causal positions at once

std::int64_t key_count(const Problem& p, std::int64_t b) {
  return p.key_lengths.empty() ? p.n_k : p.key_lengths[static_cast<std::size_t>(b)];
}

// ---- How the sequence is cut ---------------------------------------------------------------------------------------------

KeyRange block_at(std::int64_t count, std::int64_t index) {
  return {std::min(count, index * kBlock), std::min(count, (index + 1) * kBlock)};
}

// Key j stands at position j, query row i at problem.position(i). Positions beyond the last row are seen by no row.
std::int64_t position_count(const Problem& p) { return std::max<std::int64_t>(0, p.position(p.n_q - 1) + 1); }

// What segments are made of: kPanel positions, or blocks of keys where there is no diagonal.
std::int64_t unit_count(const Problem& p) {
  return p.causal == Causal::none ? ceil_div(p.n_k, kBlock) : ceil_div(position_count(p), kPanel);
}

// Segments per key/value head: one where the heads alone keep all threads busy.
std::int64_t segment_count(const Problem& p, int threads) {
  return std::clamp<std::int64_t>(ceil_div(threads, p.batch * p.heads_kv), 1, std::max<std::int64_t>(1, unit_count(p)));
}

// ---- Scratch -------------------------------------------------------------------------------------------------------------

std::int64_t state_size(const Problem& p) { return kernels::linear_state_floats(p.d_qk, p.d_v); }

// Per thread.
std::int64_t key_scratch(const Problem& p) { return kernels::key_scratch_floats(p.d_qk, p.d_v, kBlock); }
std::int64_t scratch_size(const Problem& p) {
  if (p.causal != Causal::none) return kernels::scan_scratch_floats(p.d_qk, p.heads_q / p.heads_kv);
  return key_scratch(p) + kernels::row_scratch_floats(p.d_qk, kBlock);
}

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

// Adds keys to (S, z).
void add_keys(const Head& head, KeyRange keys) {
  const auto k = head.task.inputs.keys(), v = head.task.inputs.values();
  kernels::add_keys(head.state(), {k.row(head.b, head.kv, keys.begin), k.row_stride()},
                    {v.row(head.b, head.kv, keys.begin), v.row_stride()}, keys.size(), head.scratch);
}

// Output rows of query head h, which see all of (S, z).
void attend_rows(const Head& head, std::int64_t h, KeyRange rows) {
  const auto q = head.task.inputs.queries();
  const auto out = head.task.out();
  kernels::attend(head.state(), {q.row(head.b, h, rows.begin), q.row_stride()}, {out.row(head.b, h, rows.begin), out.row_stride()},
                  rows.size(), head.scratch + key_scratch(head.problem()));
}

// What stands at `count` positions from `begin` on: keys, unless they ended before, and `rows` of all query heads of the group.
kernels::Positions positions_at(const Head& head, std::int64_t begin, std::int64_t count, bool rows) {
  const auto& p = head.problem();
  const auto q = head.task.inputs.queries(), k = head.task.inputs.keys(), v = head.task.inputs.values();
  const auto out = head.task.out();
  const auto first_head = head.kv * (p.heads_q / p.heads_kv), row = begin - p.position(0);
  kernels::Positions at{.count = count};
  if (begin < key_count(p, head.b)) {
    at.k = {k.row(head.b, head.kv, begin), k.row_stride()};
    at.v = {v.row(head.b, head.kv, begin), v.row_stride()};
  }
  if (rows) {
    at.heads = p.heads_q / p.heads_kv;
    at.q = {q.row(head.b, first_head, row), q.row_stride(), q.stride[1]};
    at.out = {out.row(head.b, first_head, row), out.row_stride(), out.stride[1]};
  }
  return at;
}

// Walks positions [begin, end): (S, z) holds everything before them and grows on the way. Writes their rows if asked to.
void scan(const Head& head, KeyRange positions, bool write_rows) {
  const auto& p = head.problem();
  const auto first_row = p.position(0), keys = key_count(p, head.b);
  for (auto begin = positions.begin, end = begin; begin < positions.end; begin = end) {
    end = std::min(begin + kPanel, positions.end);
    for (const auto cut : {first_row, keys})  // where rows begin and where keys end
      if (begin < cut) end = std::min(end, cut);
    const bool rows = write_rows && begin >= first_row;
    if (rows || begin < keys) kernels::recurrent_scan(head.state(), positions_at(head, begin, end - begin, rows), head.scratch);
  }
}

// Positions of some units, as far as there are rows.
KeyRange positions_of(const Problem& p, KeyRange units) {
  return {units.begin * kPanel, std::min(units.end * kPanel, position_count(p))};
}

// The (S, z) of the keys in some units, from zero.
void sum_units(const Head& head, KeyRange units) {
  const auto& p = head.problem();
  std::fill_n(head.sums, state_size(p), 0.0f);
  if (p.causal != Causal::none) return scan(head, positions_of(p, units), false);
  for (auto unit = units.begin; unit < units.end; ++unit) {
    const auto keys = block_at(key_count(p, head.b), unit);
    if (keys.size() > 0) add_keys(head, keys);
  }
}

// Writes the rows in some units; (S, z) holds everything before them.
void scan_units(const Head& head, KeyRange units) {
  const auto positions = positions_of(head.problem(), units);
  if (positions.end > head.problem().position(0)) scan(head, positions, true);
}

// states: [segments][state_size]. Causal: each becomes the sum of those before it; else the first becomes the sum of all.
void join_states(const Problem& p, float* states, std::int64_t segments) {
  const auto size = state_size(p);
  const auto at = [&](std::int64_t g) { return states + g * size; };
  for (std::int64_t g = 1; g < segments; ++g) kernels::add_state({p.d_qk, p.d_v, at(g - 1)}, {p.d_qk, p.d_v, at(g)});
  if (p.causal == Causal::none) {
    std::copy(at(segments - 1), at(segments), at(0));
    return;
  }
  std::move_backward(at(0), at(segments - 1), at(segments));
  std::fill_n(at(0), size, 0.0f);
}

// Rows above the first key's position see nothing (bottom-right with n_q > n_k).
void clear_blind_rows(const RunTask& task) {
  const auto& p = task.problem;
  const auto fully_masked = std::clamp<std::int64_t>(-p.position(0), 0, p.n_q);
  for (std::int64_t t = 0; t < p.batch * p.heads_q; ++t)
    for (std::int64_t i = 0; i < fully_masked; ++i) std::fill_n(task.out().row(t / p.heads_q, t % p.heads_q, i), p.d_v, 0.0f);
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
  if (segments > 1)
    task.parallel.for_each(heads,
                           [&](std::int64_t t, int) { join_states(p, states.data() + t * segments * state_size(p), segments); });
  if (causal) {
    clear_blind_rows(task);
    task.parallel.for_each(heads * segments, [&](std::int64_t t, int slot) {
      scan_units(head_at(t / segments, t % segments, slot), units(t % segments));
    });
  } else {
    const auto blocks = ceil_div(p.n_q, kBlock);
    task.parallel.for_each(p.batch * p.heads_q * blocks, [&](std::int64_t t, int slot) {
      const auto b = t / (p.heads_q * blocks), h = t / blocks % p.heads_q;
      attend_rows(head_at(b * p.heads_kv + p.kv_head(h), 0, slot), h, block_at(p.n_q, t % blocks));
    });
  }
}

std::size_t workspace(const Problem& p, const Params&, int threads) {
  return workspace_bytes<float>(p.batch * p.heads_kv * segment_count(p, threads) * state_size(p)) +
         workspace_bytes<float>(threads * scratch_size(p));
}

// ---- What it costs -------------------------------------------------------------------------------------------------------

// Every key that some row may see joins S; every row that may see a key meets S and z. As run on one thread per head: causal
// segments, cut only when threads outnumber heads, sum their keys once more.
Cost cost(const Problem& p, const Params&) {
  Cost cost{.bytes = compulsory_bytes(p)};
  const bool causal = p.causal != Causal::none;
  const double d = static_cast<double>(p.d_qk), d_v = static_cast<double>(p.d_v);
  const double rows = static_cast<double>((causal ? std::min(p.n_q, position_count(p)) : p.n_q) * p.heads_q);
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const auto count = key_count(p, b);
    const double keys = static_cast<double>((causal ? std::min(count, position_count(p)) : count) * p.heads_kv);
    cost.multiply_adds += keys * d * d_v + rows * (d * d_v + d);
    cost.exps += (keys + rows) * d;
  }
  return cost;
}

// ---- Float64 reference: the quadratic form, equation 3 with sim(q, k) = phi(q)^T phi(k) ----------------------------------

// phi of every row of one head, each row over e^shift: its largest element where that is below 0, so that nothing underflows.
struct Features {
  std::vector<double> phi, shift;  // [rows][d_qk], [rows]
};

Features exact_features(const TensorView<const float>& x, std::int64_t b, std::int64_t h) {
  Features features;
  features.phi.reserve(static_cast<std::size_t>(x.rows() * x.dim()));
  for (std::int64_t i = 0; i < x.rows(); ++i) {
    const float* row = x.row(b, h, i);
    const double shift = std::min(0.0, static_cast<double>(*std::max_element(row, row + x.dim())));
    features.shift.push_back(shift);
    for (std::int64_t c = 0; c < x.dim(); ++c) {
      const double value = row[c];
      features.phi.push_back(value > 0 ? value + 1 : std::exp(value - shift));
    }
  }
  return features;
}

// q [d_qk] over e^shift, which cancels; keys are brought to the largest shift that the row sees.
void exact_row(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, const double* q, const Features& keys,
               double* out) {
  const auto& p = task.problem;
  const auto v = task.inputs.values();
  double total = 0, top = -std::numeric_limits<double>::infinity();
  std::fill_n(out, p.d_v, 0.0);
  for (std::int64_t j = 0; j < p.n_k; ++j)
    if (problem_attends(p, task.inputs, b, h, i, j)) top = std::max(top, keys.shift[static_cast<std::size_t>(j)]);
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    if (!problem_attends(p, task.inputs, b, h, i, j)) continue;
    const double* phi = keys.phi.data() + j * p.d_qk;
    double weight = 0;
    for (std::int64_t c = 0; c < p.d_qk; ++c) weight += q[c] * phi[c];
    weight *= std::exp(keys.shift[static_cast<std::size_t>(j)] - top);
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
      exact_row(task, b, h, task.rows[r], queries.phi.data() + task.rows[r] * p.d_qk, keys,
                task.out_row(b, h, static_cast<std::int64_t>(r)));
  });
}

}  // namespace

ATTNBENCH_VARIANT(linear) = {
    .name = "linear",
    .summary = "phi(Q) (phi(K)^T V), phi = elu + 1: sums over keys taken once, causal by running sums",
    .paper = "Katharopoulos et al. 2020, Transformers are RNNs, sections 3.2 and 3.3",
    .equation = "o_i = phi(q_i)^T S / phi(q_i)^T z with S = sum_j phi(k_j) v_j^T, z = sum_j phi(k_j), phi(x) = elu(x) + 1",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n d^2)",
    .memory_label = "O(d^2)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths,
    .laws = kRowStochastic | kKeyPermutation | kIndependentHeads | kWeightsReadable,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
