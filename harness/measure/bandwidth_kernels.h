// Bandwidth kernels: sweeps over memory that keep every load port busy and do next to nothing with what comes in.
#pragma once

#include <cstddef>
#include <cstdint>

namespace attnbench {

/// Bytes that a sweep's length must be a multiple of: what eight of the longest vectors hold.
constexpr std::size_t kSweepBlock = 512;

/// Reads `bytes` from a 64-byte aligned start, `sweeps` times over. The result is what keeps the compiler from leaving it out.
std::uint32_t read_sweeps(const std::byte* data, std::size_t bytes, std::int64_t sweeps);

/// a[i] = b[i] + factor c[i] over arrays of `bytes` each, `sweeps` times over, as McCalpin's STREAM triad; plain stores, so memory
/// also carries the lines of `a` in before they are written, which is not counted.
void triad_sweeps(float* a, const float* b, const float* c, std::size_t bytes, std::int64_t sweeps);

}  // namespace attnbench
