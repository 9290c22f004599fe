// ThreadArena: the TBB arena behind a Parallel. The only place, with its .cpp, that knows TBB.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "variants/api/parallel.h"
#include "variants/api/variant.h"

namespace attnbench {

class ThreadArena {
 public:
  /// An arena of exactly `threads` threads, the caller included, and OpenBLAS at one thread.
  explicit ThreadArena(int threads);
  ~ThreadArena();
  ThreadArena(const ThreadArena&) = delete;
  ThreadArena& operator=(const ThreadArena&) = delete;

  /// Valid as long as the arena.
  const Parallel& parallel() const { return parallel_; }
  /// The CPU that the calling thread is to be pinned to (pinning.h) while it works in the arena, whose other threads are pinned
  /// elsewhere; nullopt where none is.
  std::optional<int> caller_cpu() const;
  /// CPU seconds of the arena's threads and of those that were there when it was made.
  double cpu_seconds() const;
  /// The part of the latter alone: no variant's work, but what libraries of the harness do, as OpenBLAS whose idle thread spins.
  double earlier_cpu_seconds() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  Parallel parallel_;
};

/// The same while a variant runs; nullopt for a library with threads of its own, which it starts from the calling thread: they
/// would all inherit that CPU.
std::optional<int> caller_cpu(const ThreadArena& arena, const Variant& variant);

/// Version of the TBB library in use, "2021.8 (interface 12080)".
std::string tbb_version();

}  // namespace attnbench
