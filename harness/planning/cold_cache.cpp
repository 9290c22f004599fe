#include "harness/planning/cold_cache.h"

#include <algorithm>
#include <cmath>

#include "harness/support/cache_sizes.h"

namespace attnbench {
namespace {

constexpr double kFills = 2;  // cache sizes that the sets fill together

}  // namespace

double cache_bytes() {
  static const auto bytes = static_cast<double>(last_level_cache_bytes());
  return bytes > 0 ? bytes : kAssumedCacheBytes;
}

std::int64_t input_sets(const Problem& problem, CacheMode cache, double cache_bytes) {
  if (cache == CacheMode::hot) return 1;
  return static_cast<std::int64_t>(std::max(2.0, std::ceil(kFills * cache_bytes / compulsory_bytes(problem))));
}

double extra_set_bytes(const Problem& problem, CacheMode cache) {
  return static_cast<double>(input_sets(problem, cache, cache_bytes()) - 1) * compulsory_bytes(problem);
}

}  // namespace attnbench
