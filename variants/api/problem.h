// Problem: one attention problem as a plain value, and its canonical string.
//
// The string names the problem everywhere: it is the case id in the store, the reproducer on the command line and the
// label in the report. It parses back to an equal value:
//
//   b1 h8 n1024 d64 f32                      batch 1, 8 heads, n_q = n_k = 1024, d_qk = d_v = 64
//   b2 h32:8 n1:4096 d128 f32 causal-bottom-right      GQA 32 query heads over 8 key/value heads, decode
//   b1 h1 n64 d32:48 f32 causal window=127:0 scale=0.5 softcap=30 klen=40 mask=bool:h
//
// Pairs a:b read query:key for heads and n, and qk:v for d; a single number means both. The words mha, gqa and mqa are understood
// too: "mqa h32" is h32:1, the others say what the heads must be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "variants/api/dtype.h"

namespace attnbench {

enum class Phase { forward };

/// Where the causal diagonal starts when n_q != n_k: top_left lets row i see keys <= i, bottom_right keys <= i + n_k - n_q.
enum class Causal { none, top_left, bottom_right };

enum class MaskKind { none, boolean, additive };

/// A sliding window around the diagonal: a query at position p sees keys in [p - left, p + right]. p follows the causal
/// alignment; without a causal mask it is bottom-right (p = i + n_k - n_q), as in flash-attention's window_size.
struct Window {
  static constexpr std::int64_t kUnbounded = -1;
  std::int64_t left = kUnbounded;
  std::int64_t right = kUnbounded;
  bool operator==(const Window&) const = default;
};

/// Shape of a dense mask [batch or 1, heads_q or 1, n_q, n_k]; its values are an input, not part of the problem.
struct DenseMask {
  MaskKind kind = MaskKind::none;
  bool per_batch = false;
  bool per_head = false;
  bool operator==(const DenseMask&) const = default;
};

struct Problem {
  std::int64_t batch = 1;
  std::int64_t heads_q = 1;
  std::int64_t heads_kv = 1;  // divides heads_q: equal is MHA, 1 is MQA, between is GQA
  std::int64_t n_q = 1;
  std::int64_t n_k = 1;
  std::int64_t d_qk = 1;
  std::int64_t d_v = 1;
  DType dtype = DType::f32;  // of Q, K, V and the output
  Phase phase = Phase::forward;
  Causal causal = Causal::none;
  std::optional<Window> window;
  std::vector<std::int64_t> key_lengths;  // empty, or one length in [0, n_k] per batch entry
  DenseMask mask;
  std::optional<double> scale;    // unset: 1/sqrt(d_qk)
  std::optional<double> softcap;  // c > 0: scores become c tanh(s/c), after the scale and before any mask

  bool operator==(const Problem&) const = default;

  /// The scale in force.
  double effective_scale() const;
  /// The key/value head that query head h reads: h / (heads_q / heads_kv), interleaved.
  std::int64_t kv_head(std::int64_t head_q) const { return head_q / (heads_q / heads_kv); }
  /// Diagonal position of query row i: i (top-left) or i + n_k - n_q (bottom-right, and windows without a causal mask).
  std::int64_t position(std::int64_t row) const { return causal == Causal::top_left ? row : row + n_k - n_q; }
  /// Keys of batch entry b that exist: its key length, or n_k.
  std::int64_t key_count(std::int64_t b) const { return key_lengths.empty() ? n_k : key_lengths[static_cast<std::size_t>(b)]; }
};

/// The canonical string. Two equal problems print the same; causal with n_q == n_k prints `causal` whatever its alignment.
std::string to_string(const Problem& problem);

/// Parses a canonical string; tokens may come in any order and missing ones take their defaults (b1 h1 n1 d1 f32). Where
/// n_q == n_k the two causal alignments are one and top_left stands for both. Throws UserError (error.h) naming the token and what
/// is accepted.
Problem parse_problem(std::string_view text);

/// Throws UserError when a size is not positive or is absurd (a tensor beyond 2^40 elements, more than 2^56 pairs), heads_kv does
/// not divide heads_q, a window bound is negative, a key length lies outside [0, n_k], or scale/softcap is not finite.
/// parse_problem() calls it.
void validate(const Problem& problem);

/// Half-open range of keys.
struct KeyRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end > begin ? end - begin : 0; }
  bool operator==(const KeyRange&) const = default;
};

/// Keys that row `row` of batch entry `batch` may see under causal, window and key length together (always one contiguous
/// range; empty as {0, 0}). The dense mask is not considered.
KeyRange visible_keys(const Problem& problem, std::int64_t batch, std::int64_t row);

/// Number of (query, key) pairs over all batch entries and query heads that causal, window and key lengths leave. Exact.
double visible_pairs(const Problem& problem);

/// Bytes of Q + K + V + O once each, K and V at their own head count, plus the dense mask at its stored shape.
double compulsory_bytes(const Problem& problem);

/// Dense-equivalent FLOPs: 2 b h_q n_q n_k (d_qk + d_v), whatever the mask.
double dense_flops(const Problem& problem);

const char* name_of(Causal causal);  // "none", "top-left", "bottom-right"

}  // namespace attnbench
