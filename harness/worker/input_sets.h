// Input sets: the inputs and outputs that timed calls take turns through. One set keeps the cache hot; many, larger together than
// the last-level cache, keep it cold (planning/cold_cache.h). All hold the same numbers, so every call does the same work.
#pragma once

#include <cstddef>
#include <vector>

#include "variants/api/variant.h"

namespace attnbench {

class InputSets {
 public:
  struct Set {
    Inputs inputs;
    TensorRef output;  // its pages are there
  };

  /// `count` sets: `first` itself and copies of it, each 64-byte aligned. `first` must outlive this. Throws std::bad_alloc.
  InputSets(const Inputs& first, const Problem& problem, std::int64_t count);
  InputSets(const InputSets&) = delete;
  InputSets& operator=(const InputSets&) = delete;

  /// The set for the next call: after the last comes the first again. Valid as long as this.
  const Set& next();
  std::int64_t count() const { return static_cast<std::int64_t>(sets_.size()); }
  /// Fills all outputs with the NaN of GuardedOutput.
  void poison_outputs();

 private:
  std::vector<Set> sets_;
  std::vector<std::vector<NamedTensor>> extras_;  // of each set
  std::size_t next_ = 0;
  Tensor outputs_;  // one after the other, as bytes
  Tensor copies_;   // of the inputs, set after set
};

}  // namespace attnbench
