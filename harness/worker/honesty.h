// Honesty: whether what a variant did agrees with what it declares and is allowed. Each function gives one line that says what does
// not, empty when all does. Verification says whether the output is right; this is about work, memory, threads and clocks.
#pragma once

#include <cstdint>
#include <string>

#include "harness/planning/variant_config.h"
#include "harness/worker/memory_pass.h"

namespace attnbench {

/// The declared cost: finite and not negative; of exact attention also the pairs that the masks leave, the multiply-adds that those
/// pairs take, and at most twice those of all n_q n_k pairs.
std::string cost_fault(const VariantConfig& config, const Problem& problem);

/// What the threads of a process did while calls were timed, in seconds.
struct ThreadTimes {
  double wall = 0;
  double process = 0;  // CPU time of all threads
  double arena = 0;    // of those that the variant was given, and of earlier ones
  double earlier = 0;  // of threads that were there before the variant was loaded
};

/// Threads of its own. A library with a thread pool of its own (`has_library`) may use it, on as many cores as the case has.
std::string threads_fault(const ThreadTimes& use, int threads, bool has_library);

/// Seconds that a variant says so many calls took, and those that went by on the harness's clock meanwhile.
struct ClockPair {
  double claimed = 0, outer = 0;
};

/// What a variant's own stopwatch says for `few` calls and for three times as many. The way to another process is in both, so their
/// difference must show as much time on either clock.
std::string clock_fault(const ClockPair& few, const ClockPair& many);

/// Memory beside inputs, output and what is declared.
std::string memory_fault(const MemoryUse& use, const Cost& cost, int threads);

}  // namespace attnbench
