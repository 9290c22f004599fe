// FMA kernels: loops of multiply-adds that live in registers, for the arithmetic peak of a machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace attnbench {

struct FmaLoop {
  std::string isa;    // as kernels::available_isas() names it
  std::string dtype;  // "f32", "f64", "bf16"
  /// Runs the loop that often; the result is what keeps the compiler from leaving it out.
  double (*run)(std::int64_t rounds) = nullptr;
  double flops_per_round = 0;
};

/// float32 on the instruction set that the kernels run on in this process (kernels::current_isa()).
FmaLoop current_fma_loop();

/// Every instruction set that this machine and this build have, f32 and f64, and bf16 pairs summed into f32 where the machine
/// multiplies those itself (AVX512-BF16). The last instruction set is the portable one without vectors ("SCALAR" or "EMU128").
std::vector<FmaLoop> all_fma_loops();

}  // namespace attnbench
