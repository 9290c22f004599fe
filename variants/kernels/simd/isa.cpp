#include "variants/kernels/simd/isa.h"

#include <cstdlib>

#include "variants/api/error.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/simd/isa.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
const char* target_name() { return hwy::TargetName(HWY_TARGET); }
}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(target_name);

// Targets built and present, as the machine reports them when nothing is disabled.
std::vector<std::int64_t> available_targets() {
  static const std::vector<std::int64_t> targets = hwy::SupportedAndGeneratedTargets();
  return targets;
}

std::string joined_names() {
  std::string names;
  for (const auto target : available_targets()) names += (names.empty() ? "" : ", ") + std::string(hwy::TargetName(target));
  return names;
}

}  // namespace

void force_isa(std::string_view name) {
  std::int64_t chosen = 0;
  for (const auto target : available_targets())
    if (name == hwy::TargetName(target)) chosen = target;
  if (chosen == 0 && !name.empty())
    throw UserError("instruction set '" + std::string(name) + "' (ATTNBENCH_ISA) is not available here; choose one of " +
                    joined_names() + ", or unset it");
  hwy::DisableTargets(chosen == 0 ? 0 : ~chosen);
}

void init_dispatch() {
  static const bool settled = [] {
    available_targets();
    if (const char* name = std::getenv("ATTNBENCH_ISA")) force_isa(name);
    return true;
  }();
  (void)settled;
}

std::string current_isa() {
  init_dispatch();
  return HWY_DYNAMIC_DISPATCH(target_name)();
}

std::vector<std::string> available_isas() {
  init_dispatch();
  std::vector<std::string> names;
  for (const auto target : available_targets()) names.emplace_back(hwy::TargetName(target));
  return names;
}

}  // namespace attnbench::kernels
#endif
