// What Linux tells about this machine's caches and cores.
#pragma once

#include <cstdint>
#include <string>

namespace attnbench {

/// Bytes of all last-level caches that the CPUs of this process can use, together; 0 where Linux does not tell.
std::int64_t last_level_cache_bytes();

/// Logical CPUs of the physical core that holds this one, "0,8"; empty where Linux does not tell.
std::string thread_siblings(int cpu);

/// Physical cores that this process may use; 0 where Linux does not tell.
int physical_cores();

}  // namespace attnbench
