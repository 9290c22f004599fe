// The float64 truth. Dense masked softmax attention, one query row at a time, written for clarity and shared by every exact and
// masked variant; it shares no code with any run(). Sums over keys are plain float64 in key order.
#pragma once

#include <functional>
#include <limits>

#include "variants/api/variant.h"

namespace attnbench {

/// Whether the problem's own causal, window, key-length and boolean masks let row i of (b, h) see key j. Written from the
/// definitions one pair at a time, independently of visible_keys().
bool problem_attends(const Problem& problem, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j);

/// The same, and an additive mask of -inf masks a key too.
bool sees_key(const Problem& problem, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j);

/// Exact softmax attention of row i of (b, h) over `keys` and no others: softcap(scale q.k) + additive mask, softmax, times V.
/// Writes out[d_v], exactly 0 without keys; scores[keys.size()] is scratch.
void attend_keys(const Problem& problem, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i,
                 std::span<const std::int64_t> keys, double* scores, double* out);

/// Exact softmax attention on task.rows: softcap(scale q.k) + additive mask, softmax over the visible keys, times V. A row that
/// sees no key gives exactly 0; keys a row cannot see are never read. `attends` adds a variant's own pattern (null: none).
void dense_oracle(const OracleTask& task, AttendsFunction attends = nullptr);

/// The logarithm of the sum of exp(score) over the keys that each row of task.rows sees, scores as in attend_keys(); -inf for a row
/// that sees none. task.out is [b][h_q][rows.size()], dense.
void dense_log_sum_exp(const OracleTask& task, AttendsFunction attends = nullptr);

/// A query row and the keys it sees.
struct OracleRow {
  std::int64_t b, h, i;
  std::span<const std::int64_t> keys;
};

/// For variants that weigh the keys in their own way: calls weigh(row, weights) for each row of task.rows with
/// weights[t] = softcap(scale q.k) + additive mask of keys[t], takes what it leaves there as weights and writes their sum times V.
/// A weight of 0 leaves its key's value unread. weigh() is called from the threads of the task.
using WeighRow = std::function<void(const OracleRow& row, std::span<double> weights)>;
void weighted_oracle(const OracleTask& task, const WeighRow& weigh);

/// scores = exp(scores) / (exp(sink) + sum exp(scores)); all 0 where every score is -inf.
void softmax_of(std::span<double> scores, double sink = -std::numeric_limits<double>::infinity());

/// softcap(s), or s without one.
double softcapped(const Problem& problem, double s);

/// What an additive mask adds to the score of key j; 0 without one.
double bias_of(const Problem& problem, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j);

/// The reference a variant is judged against: its own oracle, or the dense one with its pattern.
void reference(const Variant& variant, const OracleTask& task);

}  // namespace attnbench
