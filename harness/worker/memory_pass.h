// Memory pass: what a variant needs beyond its inputs and output, in a process that has done nothing else. The workspace is exact,
// taken from the arena; the resident set says whether it is the whole truth; what run() takes from the heap or maps is counted.
#pragma once

#include <cstdint>

#include "harness/planning/variant_config.h"

namespace attnbench {

/// Bytes, but for the count of stray allocations (heap_count.h, on the second call of run()).
struct MemoryUse {
  std::int64_t workspace_declared = 0, workspace_peak = 0, prepared_bytes = 0, output_bytes = 0;
  std::int64_t load_bytes = 0;     // private memory that loading the plugin took, filled in by its caller
  std::int64_t rss_baseline = 0;   // resident with inputs and output in place, before anything of the variant
  std::int64_t rss_peak = 0;       // highest from then on
  std::int64_t children_peak = 0;  // the same of processes that the variant has started, without what they share
  std::int64_t stray_allocations = 0, stray_bytes = 0;
};

MemoryUse measure_memory(const VariantConfig& config, const Problem& problem, const Inputs& inputs, std::uint64_t seed,
                         const Parallel& parallel);

/// Has every thread of an arena join once. A thread that starts takes memory (its stack, its thread-local data, TBB's entry for
/// it), which is the harness's: it is in place before a baseline is read or allocations are counted. Waits 5 s at most.
void wake_threads(const Parallel& parallel);

/// Private bytes in memory: of this process' heap, stacks and mappings without a file.
std::int64_t private_bytes();
/// Resident bytes of this process now, and the highest since it started or since reset_resident_peak().
std::int64_t resident_bytes();
std::int64_t resident_peak();
/// Best effort: where the kernel does not allow it the peak stays that of the whole process.
void reset_resident_peak();

}  // namespace attnbench
