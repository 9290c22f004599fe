// Memory pass: what a variant needs beyond its inputs and output, in a process that has done nothing else. The workspace is exact,
// taken from the arena; the resident set says whether it is the whole truth; what run() takes from the heap or maps is counted.
#pragma once

#include <cstdint>

#include "harness/planning/variant_config.h"
#include "harness/protocol/measurement.h"

namespace attnbench {

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
