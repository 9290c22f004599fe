// Dot-product attention without a scale, in three passes over the whole stored matrix, as eager frameworks compute it.
//
//   S = Q K^T,  P = softmax(S + mask),  O = P V            Luong et al. 2015, section 3.1, equation 7, score "dot"
//
// The scale is 1 by definition, so a problem that sets its own is refused; softcap and masks apply as everywhere. Each pass is
// shared out over blocks of query rows: sgemm, a vectorised softmax per row, sgemm, each product on one thread. Keys that no row
// of a block may see (causal, window, key length) are left out of all three.
// Cost: n_q n_k (d_qk + d_v) multiply-adds per head, counted for whole blocks; extra memory: n_q n_k per head. What passing
// over the matrix three times costs is seen beside scaled_dot_product, which keeps a block of it in cache.
#include <cblas.h>

#include <algorithm>

#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/softmax/attention_row.h"
#include "variants/kernels/softmax/weighted_values.h"

namespace attnbench {
namespace {

constexpr std::int64_t kRows = 128;  // rows per product: enough to repay BLAS's packing of K and V

std::int64_t block_count(const Problem& p) { return ceil_div(p.n_q, kRows); }

// One block of query rows of one head, and the keys at least one of them may see.
struct Block {
  std::int64_t b, h, begin, end;
  KeyRange keys;
  std::int64_t rows() const { return end - begin; }
};

Block block_at(const Problem& p, std::int64_t index) {
  const auto blocks = block_count(p);
  const auto b = index / (p.heads_q * blocks), begin = index % blocks * kRows, end = std::min(p.n_q, begin + kRows);
  return {b, index / blocks % p.heads_q, begin, end, kernels::keys_seen_by_any(p, b, begin, end)};
}

// Where row i of (b, h) stores its score of key 0.
float* stored_row(const Problem& p, float* matrix, std::int64_t b, std::int64_t h, std::int64_t i) {
  return matrix + ((b * p.heads_q + h) * p.n_q + i) * p.n_k;
}

void score(const RunTask& task, const Block& block, float* matrix) {
  const auto& p = task.problem;
  const auto q = task.inputs.queries();
  const auto k = task.inputs.keys();
  if (block.keys.size() == 0) return;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(block.rows()), static_cast<int>(block.keys.size()),
              static_cast<int>(p.d_qk), 1.0f, q.row(block.b, block.h, block.begin), static_cast<int>(q.row_stride()),
              k.row(block.b, p.kv_head(block.h), block.keys.begin), static_cast<int>(k.row_stride()), 0.0f,
              stored_row(p, matrix, block.b, block.h, block.begin) + block.keys.begin, static_cast<int>(p.n_k));
}

void normalise(const RunTask& task, const Block& block, float* matrix) {
  const auto& p = task.problem;
  for (auto i = block.begin; i < block.end; ++i)
    kernels::scores_to_weights(p, task.inputs, block.b, block.h, i, block.keys,
                               stored_row(p, matrix, block.b, block.h, i) + block.keys.begin);
}

void weigh(const RunTask& task, const Block& block, float* matrix, float* panel) {
  const auto& p = task.problem;
  const auto v = task.inputs.values();
  const auto out = task.out();
  const auto all = kernels::keys_seen_by_all(p, block.b, block.begin, block.end);
  kernels::weighted_values({.weights = stored_row(p, matrix, block.b, block.h, block.begin) + block.keys.begin,
                            .weight_stride = p.n_k,
                            .rows = block.rows(),
                            .values = v.row(block.b, p.kv_head(block.h), block.keys.begin),
                            .value_stride = v.row_stride(),
                            .keys = block.keys.size(),
                            .d_v = p.d_v,
                            .out = out.row(block.b, block.h, block.begin),
                            .out_stride = out.row_stride(),
                            .seen_by_all = {all.begin - block.keys.begin, all.end - block.keys.begin},
                            .panel = panel});
}

std::int64_t matrix_size(const Problem& p) { return p.batch * p.heads_q * p.n_q * p.n_k; }

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto panel_size = kernels::value_panel_size(p.n_k, p.d_v);
  const auto matrix = task.workspace.allocate<float>(matrix_size(p)).data();
  const auto panels = task.workspace.allocate<float>(task.parallel.threads() * panel_size).data();
  const auto blocks = p.batch * p.heads_q * block_count(p);
  task.parallel.for_each(blocks, [&](std::int64_t t, int) { score(task, block_at(p, t), matrix); });
  task.parallel.for_each(blocks, [&](std::int64_t t, int) { normalise(task, block_at(p, t), matrix); });
  task.parallel.for_each(blocks,
                         [&](std::int64_t t, int slot) { weigh(task, block_at(p, t), matrix, panels + slot * panel_size); });
}

std::size_t workspace(const Problem& p, const Params&, int threads) {
  return workspace_bytes<float>(matrix_size(p)) + workspace_bytes<float>(threads * kernels::value_panel_size(p.n_k, p.d_v));
}

// multiply_adds counts whole blocks, masked scores in a block's key range included. The stored scores are written by the first
// pass, read and written by the second, read by the third.
Cost cost(const Problem& p, const Params&) {
  double scores = 0;
  for (std::int64_t t = 0; t < p.batch * p.heads_q * block_count(p); ++t) {
    const auto block = block_at(p, t);
    scores += static_cast<double>(block.rows()) * static_cast<double>(block.keys.size());
  }
  const double pairs = visible_pairs(p);
  return {.multiply_adds = scores * static_cast<double>(p.d_qk + p.d_v),
          .exps = pairs * (p.softcap ? 2 : 1),
          .bytes = compulsory_bytes(p) + 4 * 4 * scores,
          .pairs = pairs};
}

void oracle(const OracleTask& task) {
  Problem unscaled = task.problem;
  unscaled.scale = 1.0;
  dense_oracle({unscaled, task.params, task.inputs, task.prepared, task.rows, task.out, task.parallel});
}

}  // namespace

ATTNBENCH_VARIANT(dot_product) = {
    .name = "dot_product",
    .summary = "softmax(Q K^T) V without a scale: BLAS products, the whole weight matrix stored in three passes",
    .paper = "Luong et al. 2015, Effective Approaches to Attention-based Neural Machine Translation, section 3.1",
    .equation = "O = softmax(Q K^T + mask) V",
    .computes = Computes::own_definition,
    .time_label = "O(n^2 d)",
    .memory_label = "O(n^2)",
    .supports = kEverything & ~kScale,
    .laws = kSoftmaxLaws,
    .rates = {10e9, 0.4e9},  // three passes over a stored matrix
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
