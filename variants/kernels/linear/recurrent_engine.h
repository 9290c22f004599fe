// The walk of a recurrence with a matrix state through a whole problem: every batch entry and head, both causal alignments, key
// lengths, grouped heads.
//
// Key j stands at position j, query row i at problem.position(i). A row reads the state after the key at its position; where keys
// have ended the state stays as it is, decay included, for what is not there cannot do anything. With fewer heads than threads
// the columns of v are shared out: columns of S never meet, not even with the delta rule.
#pragma once

#include <cstddef>
#include <cstdint>

#include "variants/api/variant.h"
#include "variants/kernels/linear/gated_recurrence.h"

namespace attnbench::kernels {

/// Fills what the keys at some positions have beside their rows, element 0 for the first of them; weights are 1 before, the rest is
/// what it was left at, zero or null before the first key. Rows behind the last key are under its floor.
using FactorsFunction = void (*)(const RunTask& task, std::int64_t b, std::int64_t kv, KeyRange positions,
                                 PositionFactors& factors);

// ---- For such a function -------------------------------------------------------------------------------------------------

/// decay = e^g of g [b, h_kv, n_k, 1].
void set_decays(const TensorView<const float>& g, std::int64_t b, std::int64_t kv, KeyRange positions, PositionFactors& factors);
/// weight = factor x of x [b, h_kv, n_k, 1].
void set_weights(const TensorView<const float>& x, float factor, std::int64_t b, std::int64_t kv, KeyRange positions,
                 PositionFactors& factors);

// ---- The walk ------------------------------------------------------------------------------------------------------------

/// Computes task.output; `log_decay` [b, h_kv, n_k, d_qk] where decays are per channel. Takes recurrence_workspace() bytes.
void run_recurrence(const RunTask& task, const Recurrence& recurrence, FactorsFunction factors,
                    TensorView<const float> log_decay = {});

std::size_t recurrence_workspace(const Problem& problem, int threads);

/// Multiply-adds of the recurrence as it is written, keys and rows that meet nothing left out: d_qk d_v for each write, erasure and
/// read. Bytes are the least, those of `extras` with them.
Cost recurrence_cost(const Problem& problem, const Recurrence& recurrence, const std::vector<InputSpec>& extras);

}  // namespace attnbench::kernels
