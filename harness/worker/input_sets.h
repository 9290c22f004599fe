// Input sets: the inputs and outputs that timed calls take turns through. One set keeps the cache hot; many, larger together than
// the last-level cache, keep it cold (planning/cold_cache.h). All hold the same numbers, so every call does the same work.
#pragma once

#include <cstddef>
#include <memory>

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

  /// The set for the next call: after the last comes the first again.
  Set next();
  std::int64_t count() const { return count_; }
  /// Fills all outputs with the NaN of GuardedOutput.
  void poison_outputs();

 private:
  Set set(std::int64_t index) const;

  Inputs first_;
  Shape output_shape_;
  std::int64_t count_ = 1;
  std::int64_t next_ = 0;
  std::size_t inputs_bytes_ = 0;  // of a copy
  std::size_t output_bytes_ = 0;
  Tensor outputs_;  // one after the other, as bytes
  Tensor copies_;   // of q, k, v and the mask, set after set
};

}  // namespace attnbench
