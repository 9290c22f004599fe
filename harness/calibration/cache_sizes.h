// Sizes of this machine's caches.
#pragma once

#include <cstdint>

namespace attnbench {

/// Bytes of all last-level caches that the CPUs of this process can use, together; 0 where Linux does not tell.
std::int64_t last_level_cache_bytes();

}  // namespace attnbench
