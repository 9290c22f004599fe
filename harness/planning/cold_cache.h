// Cold cache: how many sets of inputs and outputs the timed calls take turns through, so that a call finds nothing of its set in
// the last-level cache. What a variant keeps for itself (workspace, prepared weights) is used by every call and stays warm, as it
// would between the layers of a model.
#pragma once

#include "harness/planning/sampling.h"
#include "variants/api/problem.h"

namespace attnbench {

/// The last-level caches that this process can use; kAssumedCacheBytes where Linux does not tell.
double cache_bytes();
constexpr double kAssumedCacheBytes = 64.0 * 1024 * 1024;  // more than most desktop processors of 2024 have for one core

/// 1 when hot; when cold at least 2, and so many that the sets together fill the cache twice: replacement is not strictly by age,
/// so that a walk through just one cache size still finds a part of it.
std::int64_t input_sets(const Problem& problem, CacheMode cache, double cache_bytes);

/// Bytes that the sets beyond the first take.
double extra_set_bytes(const Problem& problem, CacheMode cache);

}  // namespace attnbench
