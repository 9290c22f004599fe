// Log-linear attention: a linear recurrence that keeps a state for each of log n stretches of the past and weighs them apart.
//
//   o_t = sum_l lambda_t^(l) s q_t^T S_t^(l),   S_t^(l) = sum over the keys j at level l of e^{g_{j+1} + ... + g_t} k_j v_j^T
//   level(t, j) = 0 where j = t, else the number of bits of t xor j     Guo et al. 2025, Log-Linear Attention, section 3
//
// that is, key t alone, then stretches of 1, 2, 4, ... keys, each as old as it is long. Extra inputs: `log_decay` [b, h_kv, n_k, 1]
// holds g <= 0, made as a new Mamba-2 layer's; `level_scale` [b, h_q, n_q, levels] holds lambda, made as softplus(Z). With
// lambda = 1 it is simple decay. Where keys have ended nothing fades; stretches go on by position.
//
// Positions go in chunks of 64. Within a chunk a masked square of scores; older chunks are binary digits: chunk c reads one state
// for each bit set in c, and when it is done its own sum is carried as in c + 1. All products are BLAS ones, but for the diagonal
// blocks, where a key that a row must not see must not be multiplied by 0 either.
//
// Not fast yet: 20 GFLOP/s of declared work where blockwise makes 121 (AVX-512, one thread, b1 h2 n1024 d64), 1.7 times as long as
// blockwise; the masked squares are weighed by plain loops.
//
// Cost: n (log2(n / 64) / 2 + 2) d d_v + 64 n (d + d_v / 2) per head, about; extra memory log2(n / 64) d d_v per thread.
#include <cblas.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/linear/sequence.h"
#include "variants/kernels/simd/vector_ops.h"

namespace attnbench {
namespace {

constexpr std::int64_t kChunk = 64, kChunkBits = 6;
constexpr std::int64_t kBlock = 16;  // rows of a diagonal block

std::int64_t level(std::int64_t t, std::int64_t j) { return std::bit_width(static_cast<std::uint64_t>(t ^ j)); }
std::int64_t level_count(const Problem& p) { return level(std::max<std::int64_t>(kernels::position_count(p), 1) - 1, 0) + 1; }
std::int64_t chunk_count(const Problem& p) { return ceil_div(kernels::position_count(p), kChunk); }
std::int64_t state_count(const Problem& p) { return level(std::max<std::int64_t>(chunk_count(p), 1) - 1, 0) + 1; }

std::vector<InputSpec> extras(const Problem& p, const Params&) {
  return {{.name = "log_decay",
           .shape = {p.batch, p.heads_kv, p.n_k, 1},
           .fill = Fill::mamba_decay(),
           .help = "logarithm of the gate at each key, at most 0"},
          {.name = "level_scale",
           .shape = {p.batch, p.heads_q, p.n_q, level_count(p)},
           .fill = Fill::softplus(0),
           .help = "what each row makes of each level"}};
}

// Scratch of one thread.
std::int64_t scratch_floats(const Problem& p) {
  return (state_count(p) + 1) * p.d_qk * p.d_v + 2 * kChunk * kChunk + kChunk * p.d_qk;
}

// One key/value head at one chunk: positions [begin, end), of which the first `keys` have keys.
struct Chunk {
  const RunTask& task;
  std::int64_t b, kv, begin, end, keys;
  float *states, *fresh, *gamma, *scores, *panel;  // states [state_count][d_qk][d_v], fresh [d_qk][d_v], squares [kChunk][kChunk]

  const Problem& problem() const { return task.problem; }
  std::int64_t index() const { return begin / kChunk; }
  std::int64_t state_floats() const { return problem().d_qk * problem().d_v; }
};

// c += or = a b, [m][k] times [k][n], the first given transposed where `columns` says so.
void multiply(CBLAS_TRANSPOSE columns, std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_stride,
              const float* b, std::int64_t b_stride, float beta, float* c, std::int64_t c_stride) {
  cblas_sgemm(CblasRowMajor, columns, CblasNoTrans, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), 1.0f, a,
              static_cast<int>(a_stride), b, static_cast<int>(b_stride), beta, c, static_cast<int>(c_stride));
}

// gamma[t][j] = the product of the gates after j up to t, j <= t; prefix[t] that of all gates of the chunk up to t.
void multiply_gates(const Chunk& chunk, float* prefix) {
  float gates[kChunk] = {};
  const auto g = chunk.task.inputs.extra("log_decay");
  for (std::int64_t t = 0; t < chunk.keys; ++t) gates[t] = *g.row(chunk.b, chunk.kv, chunk.begin + t);
  kernels::exp(gates, gates, kChunk);
  double product = 1;
  for (std::int64_t t = 0; t < chunk.end - chunk.begin; ++t) {
    float* row = chunk.gamma + t * kChunk;
    for (std::int64_t j = 0; j < t; ++j) row[j] = row[j - kChunk] * gates[t];
    row[t] = 1;
    prefix[t] = static_cast<float>(product *= static_cast<double>(gates[t]));
  }
}

// Scores of rows [first, last) of the chunk become what each key up to the row's own weighs.
void weigh(const Chunk& chunk, std::int64_t h, std::int64_t first, std::int64_t last) {
  const auto& p = chunk.problem();
  const float scale = static_cast<float>(p.effective_scale());
  for (std::int64_t t = first; t < last; ++t) {
    const float* lambda = chunk.task.inputs.extra("level_scale").row(chunk.b, h, chunk.begin + t - p.position(0));
    float* row = chunk.scores + t * kChunk;
    for (std::int64_t j = 0; j < std::min(t + 1, chunk.keys); ++j)
      row[j] *= scale * chunk.gamma[t * kChunk + j] * lambda[level(t, j)];
  }
}

// out[t] = sum over the chunk's own keys up to t, rows [first, last).
void read_own(const Chunk& chunk, float* out, std::int64_t stride, std::int64_t first, std::int64_t last) {
  const auto v = chunk.task.inputs.values();
  const auto d_v = chunk.problem().d_v;
  for (auto t = first; t < last; ++t) std::fill_n(out + (t - first) * stride, d_v, 0.0f);
  for (std::int64_t block = first / kBlock * kBlock; block < last; block += kBlock) {
    const auto top = std::max(block, first), bottom = std::min(block + kBlock, last), whole = std::min(block, chunk.keys);
    if (whole > 0)
      multiply(CblasNoTrans, bottom - top, d_v, whole, chunk.scores + top * kChunk, kChunk, v.row(chunk.b, chunk.kv, chunk.begin),
               v.row_stride(), 0, out + (top - first) * stride, stride);
    for (auto t = top; t < bottom; ++t)
      for (auto j = block; j < std::min(t + 1, chunk.keys); ++j)
        kernels::axpy(chunk.scores[t * kChunk + j], v.row(chunk.b, chunk.kv, chunk.begin + j), out + (t - first) * stride, d_v);
  }
}

// out[t] += lambda e^G_t s q_t^T S of the state of one bit of the chunk's index.
void read_state(const Chunk& chunk, std::int64_t h, std::int64_t bit, const float* prefix, float* out, std::int64_t stride,
                std::int64_t first, std::int64_t last) {
  const auto& p = chunk.problem();
  for (auto t = first; t < last; ++t) {
    const auto i = chunk.begin + t - p.position(0);
    const float factor = static_cast<float>(p.effective_scale()) * prefix[t] *
                         chunk.task.inputs.extra("level_scale").row(chunk.b, h, i)[kChunkBits + bit + 1];
    const float* q = chunk.task.inputs.queries().row(chunk.b, h, i);
    float* to = chunk.panel + (t - first) * p.d_qk;
    for (std::int64_t c = 0; c < p.d_qk; ++c) to[c] = factor * q[c];
  }
  multiply(CblasNoTrans, last - first, p.d_v, p.d_qk, chunk.panel, p.d_qk, chunk.states + bit * chunk.state_floats(), p.d_v, 1, out,
           stride);
}

void read_head(const Chunk& chunk, std::int64_t h, const float* prefix) {
  const auto& p = chunk.problem();
  const auto q = chunk.task.inputs.queries(), k = chunk.task.inputs.keys();
  const auto first = std::max<std::int64_t>(0, p.position(0) - chunk.begin), last = chunk.end - chunk.begin;
  if (first >= last) return;
  const auto i = chunk.begin + first - p.position(0);
  if (chunk.keys > 0)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(last - first), static_cast<int>(chunk.keys),
                static_cast<int>(p.d_qk), 1.0f, q.row(chunk.b, h, i), static_cast<int>(q.row_stride()),
                k.row(chunk.b, chunk.kv, chunk.begin), static_cast<int>(k.row_stride()), 0.0f, chunk.scores + first * kChunk,
                static_cast<int>(kChunk));
  weigh(chunk, h, first, last);
  const auto out = chunk.task.out();
  read_own(chunk, out.row(chunk.b, h, i), out.row_stride(), first, last);
  for (std::int64_t bit = 0; chunk.index() >> bit; ++bit)
    if (chunk.index() >> bit & 1) read_state(chunk, h, bit, prefix, out.row(chunk.b, h, i), out.row_stride(), first, last);
}

// All states fade; the chunk's own keys join those of its trailing set bits, as a one added to its index.
void carry(const Chunk& chunk, float fade) {
  const auto& p = chunk.problem();
  const auto size = chunk.state_floats(), c = chunk.index();
  for (std::int64_t bit = 0; c >> bit; ++bit)
    if (c >> bit & 1) kernels::scale(fade, chunk.states + bit * size, size);
  std::int64_t bit = 0;
  std::fill_n(chunk.fresh, size, 0.0f);
  if (chunk.keys > 0) {
    const float* to_end = chunk.gamma + (chunk.end - chunk.begin - 1) * kChunk;
    for (std::int64_t j = 0; j < chunk.keys; ++j) {
      const float* k = chunk.task.inputs.keys().row(chunk.b, chunk.kv, chunk.begin + j);
      for (std::int64_t e = 0; e < p.d_qk; ++e) chunk.panel[j * p.d_qk + e] = to_end[j] * k[e];
    }
    const auto v = chunk.task.inputs.values();
    multiply(CblasTrans, p.d_qk, p.d_v, chunk.keys, chunk.panel, p.d_qk, v.row(chunk.b, chunk.kv, chunk.begin), v.row_stride(), 0,
             chunk.fresh, p.d_v);
  }
  for (; c >> bit & 1; ++bit) kernels::axpy(1, chunk.states + bit * size, chunk.fresh, size);
  std::copy_n(chunk.fresh, size, chunk.states + bit * size);
}

void run_head(const RunTask& task, std::int64_t b, std::int64_t kv, float* scratch) {
  const auto& p = task.problem;
  const auto size = p.d_qk * p.d_v, group = p.heads_q / p.heads_kv;
  float *fresh = scratch + state_count(p) * size, *gamma = fresh + size, *scores = gamma + kChunk * kChunk;
  for (std::int64_t begin = 0; begin < kernels::position_count(p); begin += kChunk) {
    const auto end = std::min(begin + kChunk, kernels::position_count(p));
    const Chunk chunk{task,
                      b,
                      kv,
                      begin,
                      end,
                      std::clamp<std::int64_t>(p.key_count(b) - begin, 0, end - begin),
                      scratch,
                      fresh,
                      gamma,
                      scores,
                      scores + kChunk * kChunk};
    float prefix[kChunk];
    multiply_gates(chunk, prefix);
    for (std::int64_t h = kv * group; h < (kv + 1) * group; ++h) read_head(chunk, h, prefix);
    if (end < kernels::position_count(p)) carry(chunk, prefix[end - begin - 1]);
  }
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto scratch = task.workspace.allocate<float>(task.parallel.threads() * scratch_floats(p));
  kernels::clear_fully_masked_rows(task);
  task.parallel.for_each(p.batch * p.heads_kv, [&](std::int64_t t, int slot) {
    run_head(task, t / p.heads_kv, t % p.heads_kv, scratch.data() + slot * scratch_floats(p));
  });
}

std::size_t workspace(const Problem& p, const Params&, int threads) { return workspace_bytes<float>(threads * scratch_floats(p)); }

// Whole chunks: scores, half of the weighted values, a state per bit read, the sum and its carry.
Cost cost(const Problem& p, const Params& params) {
  Cost cost{.bytes = compulsory_bytes(p), .depth = static_cast<double>(std::max<std::int64_t>(1, chunk_count(p)))};
  for (const auto& extra : extras(p, params)) cost.bytes += static_cast<double>(extra.bytes());
  const double d = static_cast<double>(p.d_qk), d_v = static_cast<double>(p.d_v);
  for (std::int64_t begin = 0; begin < kernels::position_count(p); begin += kChunk) {
    const auto end = std::min(begin + kChunk, kernels::position_count(p));
    const double rows = static_cast<double>(std::max<std::int64_t>(0, end - std::max(begin, p.position(0))) * p.heads_q);
    const double bits = std::popcount(static_cast<std::uint64_t>(begin / kChunk));
    for (std::int64_t b = 0; b < p.batch; ++b) {
      const double keys = static_cast<double>(std::clamp<std::int64_t>(p.key_count(b) - begin, 0, end - begin));
      cost.multiply_adds += rows * (keys * (d + d_v / 2) + bits * d * d_v) + keys * static_cast<double>(p.heads_kv) * d * d_v;
      cost.exps += keys * static_cast<double>(p.heads_kv);
    }
  }
  return cost;
}

// ---- Float64 reference: pair by pair ---------------------------------------------------------------------------------------

void exact_row(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, double* out) {
  const auto& p = task.problem;
  const auto kv = p.kv_head(h), position = p.position(i);
  const float *q = task.inputs.queries().row(b, h, i), *lambda = task.inputs.extra("level_scale").row(b, h, i);
  std::fill_n(out, p.d_v, 0.0);
  double faded = 1;
  for (auto j = std::min(position + 1, p.key_count(b)) - 1; j >= 0; --j) {
    const float *k = task.inputs.keys().row(b, kv, j), *v = task.inputs.values().row(b, kv, j);
    double weight = 0;
    for (std::int64_t c = 0; c < p.d_qk; ++c) weight += static_cast<double>(q[c]) * static_cast<double>(k[c]);
    int bits = 0;
    for (auto apart = position ^ j; apart != 0; apart /= 2) ++bits;
    weight *= p.effective_scale() * faded * static_cast<double>(lambda[bits]);
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weight * static_cast<double>(v[c]);
    faded *= std::exp(static_cast<double>(*task.inputs.extra("log_decay").row(b, kv, j)));
  }
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int) {
    for (std::size_t r = 0; r < task.rows.size(); ++r)
      exact_row(task, t / p.heads_q, t % p.heads_q, task.rows[r],
                task.out_row(t / p.heads_q, t % p.heads_q, static_cast<std::int64_t>(r)));
  });
}

}  // namespace

ATTNBENCH_VARIANT(log_linear) = {
    .name = "log_linear",
    .summary = "a recurrence with a state for each of log n stretches of the past, weighed apart by each row",
    .paper = "Guo et al. 2025, Log-Linear Attention, section 3",
    .equation = "o_t = sum_l lambda_t^(l) s q_t^T S_t^(l)\nlevel(t, j) = 0 where j = t, else the number of bits of t xor j",
    .computes = Computes::own_definition,
    .time_label = "O(n log n d^2)",
    .memory_label = "O(L d^2)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths | kScale,
    .laws = kIndependentHeads | kWeightsReadable,
    .needs = kCausal,
    .rates = {15e9, 0.2e9},
    .extras = extras,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
