// Resident memory of this process, as proc(5) tells it: what a library took is only visible from outside.
#pragma once

#include <cstdint>

namespace attnbench::external {

/// Bytes resident now.
std::uint64_t resident_bytes();
/// Sets the peak back to what is resident now, where the system lets us; else it stays that of the whole process.
void reset_resident_peak();
/// Most bytes resident at once since then.
std::uint64_t resident_peak();

}  // namespace attnbench::external
