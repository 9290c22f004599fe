// Which instruction set the SIMD kernels run on in this process.
//
// The best one that the machine has, unless the environment variable ATTNBENCH_ISA names another. The choice is made on the
// first use of any kernel, or of current_isa(); a program that wants a wrong value reported early asks current_isa() first.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace attnbench::kernels {

/// Name of the target that the kernels really run on, as Highway spells it: "AVX3" (AVX-512), "AVX2", "SSE4", "NEON", or the
/// baseline of the build (targets.h). Asked from inside the dispatched code. Throws UserError when ATTNBENCH_ISA holds a name that
/// is unknown or not available here.
std::string current_isa();

/// Targets that this build and this machine both have, best first.
std::vector<std::string> available_isas();

/// Runs all kernels on one target from now on, "" for the best. Not while a kernel runs. Throws UserError, naming the available
/// ones, when `name` is not among them.
void force_isa(std::string_view name);

/// Reads ATTNBENCH_ISA once per process. Every entry to the kernels calls it before it dispatches; costs one load afterwards.
void init_dispatch();

}  // namespace attnbench::kernels
