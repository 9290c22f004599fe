// The bf16 dot product of AVX512-BF16 (vdpbf16ps): 32 products of bfloat16 pairs summed into 16 floats by one instruction.
// Outside Highway, whose version 1.0.3 has the instruction on no target of its own.
#pragma once

#include <cstdint>
#include <optional>

namespace attnbench {

struct Bf16DotLoop {
  double (*run)(std::int64_t rounds) = nullptr;
  double flops_per_round = 0;
};

/// Empty on a machine or in a build without the instruction.
std::optional<Bf16DotLoop> bf16_dot_loop();

}  // namespace attnbench
