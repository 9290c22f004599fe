// The sequence of a linear attention: what its sums over keys are made of is a RunningSums; how the sequence is cut into panels,
// positions and segments and shared out over threads is here, the same for all.
//
// Non-causal: the sums are taken over all keys, panel by panel, then the rows meet them. Causal: they grow along the sequence,
// position by position (Katharopoulos et al. 2020, Transformers are RNNs, section 3.3). With fewer heads than threads the sequence
// is cut into segments: each takes its own sums, a running sum joins them, and all segments go on at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "variants/api/variant.h"
#include "variants/kernels/linear/linear_recurrence.h"

namespace attnbench::kernels {

/// A panel of rows in memory; row t stands at position `first` + t of the sequence.
template <class T>
struct PanelRows {
  Rows<T> rows;
  std::int64_t first;
};

/// The sums over the keys of one key/value head, in memory that the caller holds, and how keys and rows meet them. Zeros are the
/// sums of no key.
class RunningSums {
 public:
  virtual ~RunningSums() = default;

  virtual std::int64_t state_floats() const = 0;
  /// Per thread, for the calls below; the sequence is walked causally or not.
  virtual std::int64_t scratch_floats(bool causal) const = 0;

  /// Adds `count` keys, up to kMaxLinearPanel.
  virtual void add_keys(float* state, PanelRows<const float> k, Rows<const float> v, std::int64_t count, float* scratch) const = 0;
  /// `count` output rows, up to kMaxLinearPanel, from the keys in `state`.
  virtual void attend(float* state, PanelRows<const float> q, Rows<float> out, std::int64_t count, float* scratch) const = 0;
  /// Writes each row from the keys in `state` and those up to its own position, `first` + t; the keys join `state`.
  virtual void scan(float* state, const Positions& positions, std::int64_t first, float* scratch) const = 0;
  /// `to` takes in the keys of `from`, which stays; both were made by the same one of add_keys() and scan().
  virtual void join(float* from, float* to, bool causal) const = 0;
};

/// Computes task.output. Takes linear_workspace() bytes of task.workspace.
void attend_linearly(const RunTask& task, const RunningSums& sums);

std::size_t linear_workspace(const Problem& problem, const RunningSums& sums, int threads);

/// Keys that join some sums and rows that meet some, over all batch entries and heads. As on one thread per head: causal segments,
/// cut only when threads outnumber heads, take their keys once more.
struct LinearCounts {
  double keys = 0, rows = 0;
  double depth = 1;  // positions with keys, where they follow one another
};
LinearCounts linear_counts(const Problem& problem);

}  // namespace attnbench::kernels
