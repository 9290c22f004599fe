// Workspace: the only scratch memory a variant may use inside run().
//
// A bump arena of 64-byte aligned blocks, each followed by guard bytes. The harness sizes it with the variant's declared
// workspace(), resets it before every call, poisons it with NaN before verified calls and reads the exact peak afterwards.
// Asking for more than was declared still works (the run goes on) but is recorded as a broken declaration.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "variants/api/tensor.h"

namespace attnbench {

/// Bytes that allocate<T>(count) takes from the workspace: count elements rounded up to whole 64-byte lines.
template <class T>
constexpr std::size_t workspace_bytes(std::int64_t count) {
  const auto bytes = static_cast<std::size_t>(count) * sizeof(T);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

class Workspace {
 public:
  /// Reserves and touches room for `declared` bytes (sum of workspace_bytes()) plus guards.
  explicit Workspace(std::size_t declared);
  /// Hands every request on, in whole 64-byte lines, to another workspace: that of a plugin's host, which counts them.
  using Source = void* (*)(void* context, std::size_t bytes);
  Workspace(Source source, void* context);
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  /// `count` uninitialised elements, 64-byte aligned, valid until reset(). Call from the calling thread only, before parallel work.
  template <class T>
  std::span<T> allocate(std::int64_t count) {
    return {static_cast<T*>(allocate_bytes(workspace_bytes<T>(count))), static_cast<std::size_t>(count)};
  }

  /// Forgets all allocations; keeps memory, peak and fault flags.
  void reset();
  /// Fills the whole arena, and later whatever is taken beyond the declared bytes, with `value`, so that a variant that trusts old
  /// contents is found out.
  void poison(float value = std::numeric_limits<float>::quiet_NaN());

  std::size_t declared() const { return declared_; }
  /// Largest number of bytes in use at once since construction, guards excluded.
  std::size_t peak() const { return peak_; }
  /// True once more than declared() was asked for.
  bool overflowed() const { return overflowed_; }
  /// Whether every guard written since the last reset() is untouched.
  bool guards_intact() const;

 private:
  void* allocate_bytes(std::size_t bytes);

  std::size_t declared_;
  std::size_t capacity_;
  Memory memory_;
  Source source_ = nullptr;  // when set, nothing below is used
  void* context_ = nullptr;
  std::size_t offset_ = 0;  // next free byte, guards included
  std::size_t used_ = 0;    // payload bytes in use
  std::size_t peak_ = 0;
  bool overflowed_ = false;
  std::optional<float> poison_;     // what poison() filled with
  std::vector<std::byte*> guards_;  // start of each guard line since reset()
  std::vector<Memory> spilled_;     // blocks beyond capacity, freed at reset()
};

}  // namespace attnbench
