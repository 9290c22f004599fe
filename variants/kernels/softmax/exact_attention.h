// Attention over all keys the problem shows, by whichever engine is faster: decoding where few query rows share a key/value head,
// tiles elsewhere. What the variants of the family `exact` are made of: they differ in their ScoreTerms.
#pragma once

#include "variants/kernels/softmax/decode.h"
#include "variants/kernels/softmax/tile_engine.h"

namespace attnbench::kernels {

inline void attend_all(const RunTask& task, const ScoreTerms& terms) {
  if (is_decoding(task.problem)) return decode(task, terms);
  attend(task, AllKeys(task.problem), {.fold_heads = terms.folds_heads()}, terms);
}

/// Bytes attend_all() takes; folds_heads as its terms have it.
inline std::size_t all_keys_workspace(const Problem& p, int threads, bool folds_heads = true) {
  if (is_decoding(p)) return decode_workspace(p, threads);
  return tile_workspace(p, AllKeys(p), threads, {.fold_heads = folds_heads});
}

/// What attend_all() does; the terms' own arithmetic apart.
inline Cost all_keys_cost(const Problem& p) {
  const double pairs = visible_pairs(p);
  return {.multiply_adds = pairs * static_cast<double>(p.d_qk + p.d_v),
          .exps = pairs * (p.softcap ? 2 : 1),
          .bytes = compulsory_bytes(p),
          .pairs = pairs};
}

}  // namespace attnbench::kernels
