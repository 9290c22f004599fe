// KeyPattern: which keys each query row attends to, said in a form that the tile engine can skip work by.
//
// Rows come in groups that share key segments; a segment is a regular sequence of keys t = 0, 1, ..., count - 1, and each row
// sees one contiguous range of t in it. Segments of one group must be disjoint. The engine intersects all this with the problem's
// own causal, window and key-length masks, so a pattern says only what is its own.
#pragma once

#include <algorithm>
#include <cstdint>

#include "variants/api/problem.h"

namespace attnbench::kernels {

/// Query rows first, first + step, ..., or those of a list.
struct RowRange {
  std::int64_t first = 0;
  std::int64_t step = 1;
  std::int64_t count = 0;
  const std::int32_t* list = nullptr;
  std::int64_t row(std::int64_t index) const { return list ? list[index] : first + index * step; }
};

/// Runs of `run` adjacent keys, `step` apart: key(t) = first + (t / run) step + t % run. All keys of a contiguous segment are
/// one run; run = 1 is a column every `step` keys. A list of keys, ascending, takes the place of all that.
struct KeySegment {
  std::int64_t first = 0;
  std::int64_t run = 1;
  std::int64_t step = 1;
  std::int64_t count = 0;
  const std::int32_t* list = nullptr;

  static KeySegment listed(const std::int32_t* keys, std::int64_t count) { return {0, 1, 1, count, keys}; }
  static KeySegment contiguous(std::int64_t begin, std::int64_t end) {
    const std::int64_t count = std::max<std::int64_t>(0, end - begin);
    return {begin, std::max<std::int64_t>(1, count), std::max<std::int64_t>(1, count), count};
  }
  std::int64_t key(std::int64_t t) const { return list ? list[t] : first + t / run * step + t % run; }
  /// The first t whose key is at least `key`, count if there is none.
  std::int64_t index_of(std::int64_t key) const {
    if (list) return std::lower_bound(list, list + count, key) - list;
    const auto distance = key - first;
    if (distance <= 0) return 0;
    if (run >= count) return std::min(count, distance);  // contiguous: no division
    return std::min(count, distance / step * run + std::min(distance % step, run));
  }
};

class KeyPattern {
 public:
  virtual ~KeyPattern() = default;

  virtual std::int64_t groups() const = 0;
  virtual RowRange group(std::int64_t g) const = 0;
  virtual std::int64_t segments(std::int64_t g) const = 0;
  virtual KeySegment segment(std::int64_t g, std::int64_t s) const = 0;
  /// Range of t that `row` of group g sees in segment s; may exceed [0, count).
  virtual KeyRange visible(std::int64_t g, std::int64_t s, std::int64_t row) const = 0;
};

/// Range of t that a row sees in a segment, under the pattern's range and the problem's causal, window and key lengths.
KeyRange visible_in_segment(const KeySegment& segment, KeyRange pattern, KeyRange problem);

/// (query, key) pairs over all batch entries and query heads that the pattern and the problem's masks leave (dense masks apart).
/// Exact; O(rows x segments).
double pattern_pairs(const Problem& problem, const KeyPattern& pattern);

/// Every row, every key: plain attention.
class AllKeys final : public KeyPattern {
 public:
  explicit AllKeys(const Problem& problem) : n_q_(problem.n_q), n_k_(problem.n_k) {}
  std::int64_t groups() const override { return 1; }
  RowRange group(std::int64_t) const override { return {0, 1, n_q_}; }
  std::int64_t segments(std::int64_t) const override { return 1; }
  KeySegment segment(std::int64_t, std::int64_t) const override { return KeySegment::contiguous(0, n_k_); }
  KeyRange visible(std::int64_t, std::int64_t, std::int64_t) const override { return {0, n_k_}; }

 private:
  std::int64_t n_q_, n_k_;
};

}  // namespace attnbench::kernels
