// Which instruction set the SIMD kernels run on in this process.
#pragma once

#include <string>
#include <vector>

namespace attnbench::kernels {

/// Name of the target in force: "AVX3_DL", "AVX3", "AVX2", "SSE4", "NEON", "EMU128" ... ATTNBENCH_ISA forces one (see force_isa).
std::string current_isa();

}  // namespace attnbench::kernels
