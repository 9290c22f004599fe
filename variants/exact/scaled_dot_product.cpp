// Scaled dot-product attention as matrix products: what a careful user of BLAS would write.
//
//   S = scale Q K^T,  P = softmax(S + mask),  O = P V            Vaswani et al. 2017, section 3.2.1, equation 1
//
// One task computes one block of query rows of one head: its scores by sgemm, a softmax per row while they are in cache, the
// weighted values by sgemm, every product on one thread. So the n x n matrix exists one [rows, n_k] block per thread at a time.
// Keys that no row of a block may see (causal, window, key length) are cut off the block's range: causal costs half.
// Cost: n_q n_k (d_qk + d_v) multiply-adds per head, counted for whole blocks; extra memory: one block of scores per thread.
#include <cblas.h>

#include <algorithm>

#include "variants/api/integers.h"
#include "variants/api/variant.h"
#include "variants/kernels/softmax/attention_row.h"
#include "variants/kernels/softmax/weighted_values.h"

namespace attnbench {
namespace {

// Query rows per block: enough to repay BLAS's packing of K and V, yet 128 x 1024 or 64 x 2048 scores take half a 1 MB L2.
// (Measured, one thread, d 64: 128 rows beat 64 by 4 % at n = 1024, 64 beat 128 by 6 % at n = 2048 and 4096; 32 always lose.)
std::int64_t block_rows(const Problem& p) { return p.n_k <= 1024 ? 128 : 64; }

std::int64_t block_count(const Problem& p) { return ceil_div(p.n_q, block_rows(p)); }
std::int64_t block_end(const Problem& p, std::int64_t begin) { return std::min(p.n_q, begin + block_rows(p)); }

// scores[row, keys] = scale q_row . k_j
void score_block(const RunTask& task, std::int64_t b, std::int64_t h, std::int64_t begin, KeyRange keys, float* scores) {
  const auto& p = task.problem;
  const auto q = task.inputs.queries();
  const auto k = task.inputs.keys();
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(block_end(p, begin) - begin), static_cast<int>(keys.size()),
              static_cast<int>(p.d_qk), static_cast<float>(p.effective_scale()), q.row(b, h, begin),
              static_cast<int>(q.row_stride()), k.row(b, p.kv_head(h), keys.begin), static_cast<int>(k.row_stride()), 0.0f, scores,
              static_cast<int>(keys.size()));
}

void attend_block(const RunTask& task, std::int64_t b, std::int64_t h, std::int64_t begin, float* scores, float* panel) {
  const auto& p = task.problem;
  const auto v = task.inputs.values();
  const auto out = task.out();
  const auto end = block_end(p, begin);
  const auto keys = kernels::keys_seen_by_any(p, b, begin, end);
  const auto all = kernels::keys_seen_by_all(p, b, begin, end);
  if (keys.size() > 0) score_block(task, b, h, begin, keys, scores);
  for (auto i = begin; i < end; ++i) kernels::scores_to_weights(p, task.inputs, b, h, i, keys, scores + (i - begin) * keys.size());
  kernels::weighted_values({.weights = scores,
                            .weight_stride = keys.size(),
                            .rows = end - begin,
                            .values = v.row(b, p.kv_head(h), keys.begin),
                            .value_stride = v.row_stride(),
                            .keys = keys.size(),
                            .d_v = p.d_v,
                            .out = out.row(b, h, begin),
                            .out_stride = out.row_stride(),
                            .seen_by_all = {all.begin - keys.begin, all.end - keys.begin},
                            .panel = panel});
}

std::int64_t scores_size(const Problem& p) { return std::min(block_rows(p), p.n_q) * p.n_k; }

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto blocks = block_count(p);
  const auto panel_size = kernels::value_panel_size(p.n_k, p.d_v);
  const auto scores = task.workspace.allocate<float>(task.parallel.threads() * scores_size(p));
  const auto panels = task.workspace.allocate<float>(task.parallel.threads() * panel_size);
  task.parallel.for_each(p.batch * p.heads_q * blocks, [&](std::int64_t t, int slot) {
    const auto block = blocks - 1 - t % blocks;  // the longest causal blocks first: the threads finish together
    attend_block(task, t / (p.heads_q * blocks), t / blocks % p.heads_q, block * block_rows(p),
                 scores.data() + slot * scores_size(p), panels.data() + slot * panel_size);
  });
}

std::size_t workspace(const Problem& p, const Params&, int threads) {
  return workspace_bytes<float>(threads * scores_size(p)) +
         workspace_bytes<float>(threads * kernels::value_panel_size(p.n_k, p.d_v));
}

// Scores computed, masked ones inside a block's key range included.
double computed_scores(const Problem& p) {
  const auto distinct = p.key_lengths.empty() ? 1 : p.batch;
  double scores = 0;
  for (std::int64_t b = 0; b < distinct; ++b)
    for (std::int64_t begin = 0; begin < p.n_q; begin += block_rows(p)) {
      const auto end = block_end(p, begin);
      scores += static_cast<double>(end - begin) * static_cast<double>(kernels::keys_seen_by_any(p, b, begin, end).size());
    }
  return scores * static_cast<double>(p.heads_q) * static_cast<double>(p.batch / distinct);
}

// bytes counts the score blocks too, although they leave the cache only where they are larger than it.
Cost cost(const Problem& p, const Params&) {
  const double scores = computed_scores(p), pairs = visible_pairs(p);
  return {.multiply_adds = scores * static_cast<double>(p.d_qk + p.d_v),
          .exps = pairs * (p.softcap ? 2 : 1),
          .bytes = compulsory_bytes(p) + 2 * 4 * scores,
          .pairs = pairs};
}

}  // namespace

ATTNBENCH_VARIANT(scaled_dot_product) = {
    .name = "scaled_dot_product",
    .summary = "BLAS products and a vectorised softmax per block of query rows; each block's scores are stored",
    .paper = "Vaswani et al. 2017, Attention Is All You Need, section 3.2.1",
    .equation = "O = softmax(Q K^T / sqrt(d) + mask) V, one block of query rows at a time",
    .computes = Computes::exact_softmax,
    .time_label = "O(n^2 d)",
    .memory_label = "O(n) per thread",
    .supports = kEverything,
    .laws = kSoftmaxLaws,
    .rates = {40e9, 0.5e9},
    .cost = cost,
    .workspace = workspace,
    .run = run,
};

}  // namespace attnbench
