// Blockwise attention: exact softmax attention whose n x n matrix never exists.
//
//   for each block of queries, for each tile of keys:            Dao et al. 2022, FlashAttention, algorithm 1
//     S = scale Q K^T                                            Milakov & Gimelshein 2018, algorithm 3 (online softmax)
//     m' = max(m, rowmax S),  P = exp(S - m')                    Rabe & Staats 2021, section 2
//     l  = exp(m - m') l + rowsum P,  O = exp(m - m') O + P V,  m = m'
//   O / l
//
// Cost: n_q n_k (d_qk + d_v) multiply-adds and n_q n_k exps, as for plain attention; extra memory one tile per thread.
// Deviations: exponentials are powers of 2, with scale and log2(e) applied after the maximum is subtracted; heads that share keys
// (GQA) are computed together; key tiles that a causal, window or key-length mask empties are skipped; where few rows share a
// key/value head (decoding), K and V stream past all of them at once and the key range is split over tasks (Dao et al. 2023,
// Flash-Decoding).
#include "variants/api/variant.h"
#include "variants/kernels/softmax/decode.h"
#include "variants/kernels/softmax/tile_engine.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    integer_param("query_block", 0, 0, 1 << 20, "query rows per task; 0 lets the engine choose, more than it can hold is cut"),
    integer_param("key_block", 0, 0, kernels::kMaxKeyBlock, "keys per tile; 0 lets the engine choose"),
};

kernels::TileOptions options(const Params& params) {
  return {.query_block = params.integer("query_block"), .key_block = params.integer("key_block")};
}

// Block sizes are the tile engine's: whoever sets one gets it.
bool decodes(const Problem& p, const Params& params) {
  const auto blocks = options(params);
  return blocks.query_block == 0 && blocks.key_block == 0 && kernels::is_decoding(p);
}

void run(const RunTask& task) {
  if (decodes(task.problem, task.params)) return kernels::decode(task);
  kernels::attend(task, kernels::AllKeys(task.problem), options(task.params));
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  if (decodes(p, params)) return kernels::decode_workspace(p, threads);
  return kernels::tile_workspace(p, kernels::AllKeys(p), threads, options(params));
}

Cost cost(const Problem& p, const Params&) {
  const double pairs = visible_pairs(p);
  return {
      .multiply_adds = pairs * (p.d_qk + p.d_v), .exps = pairs * (p.softcap ? 2 : 1), .bytes = compulsory_bytes(p), .pairs = pairs};
}

}  // namespace

ATTNBENCH_VARIANT(blockwise) = {
    .name = "blockwise",
    .summary = "exact attention in tiles with an online softmax; no n x n matrix",
    .paper = "Dao et al. 2022, FlashAttention, algorithm 1; Milakov & Gimelshein 2018; Rabe & Staats 2021",
    .equation =
        "for each tile of keys: S = Q K^T / sqrt(d), m' = max(m, rowmax S), P = exp(S - m'),\n"
        "l = exp(m - m') l + rowsum P, O = exp(m - m') O + P V, m = m'; at the end O / l",
    .computes = Computes::exact_softmax,
    .time_label = "O(n^2 d)",
    .memory_label = "O(1)",
    .supports = kEverything,
    .laws = kSoftmaxLaws,
    .rates = {40e9, 0.5e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .run = run,
};

}  // namespace attnbench
