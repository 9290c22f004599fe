#include "variants/kernels/isa.h"

#include <hwy/targets.h>

namespace attnbench::kernels {

std::string current_isa() {
  const auto best = hwy::SupportedTargets() & -hwy::SupportedTargets();
  return hwy::TargetName(best);
}

}  // namespace attnbench::kernels
