// Register budget: a multiply-add takes 4 cycles on every x86 core since Skylake and Zen and two start per cycle, so 8 independent
// chains keep the units busy. 12 chains and 2 constants fit the 16 registers of SSE4 and AVX2 with two to spare for a target that
// multiplies and adds separately, and measure the same as 8 there. Arm cores with four pipes want 16; they have 32 registers.
#include "harness/measure/fma_kernels.h"

#include "harness/measure/bf16_dot.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/measure/fma_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace attnbench {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr bool kManyRegisters = HWY_ARCH_ARM_A64;
constexpr int kChains = kManyRegisters ? 16 : 12;

// The factor lies just below 1 and the addend keeps the chains around 1, away from subnormal numbers and from infinity. Chains are
// variables with names: an array of them is spilled to the stack at -O2.
template <class D>
HWY_INLINE double multiply_adds(D d, std::int64_t rounds) {
  const auto factor = hn::Set(d, 0.999f);
  const auto addend = hn::Set(d, 0.001f);
  auto c0 = hn::Set(d, 1.0f), c1 = hn::Set(d, 1.1f), c2 = hn::Set(d, 1.2f), c3 = hn::Set(d, 1.3f);
  auto c4 = hn::Set(d, 1.4f), c5 = hn::Set(d, 1.5f), c6 = hn::Set(d, 1.6f), c7 = hn::Set(d, 1.7f);
  auto c8 = hn::Set(d, 1.8f), c9 = hn::Set(d, 1.9f), c10 = hn::Set(d, 2.0f), c11 = hn::Set(d, 2.1f);
  auto c12 = c0, c13 = c1, c14 = c2, c15 = c3;
  for (std::int64_t i = 0; i < rounds; ++i) {
    c0 = hn::MulAdd(c0, factor, addend);
    c1 = hn::MulAdd(c1, factor, addend);
    c2 = hn::MulAdd(c2, factor, addend);
    c3 = hn::MulAdd(c3, factor, addend);
    c4 = hn::MulAdd(c4, factor, addend);
    c5 = hn::MulAdd(c5, factor, addend);
    c6 = hn::MulAdd(c6, factor, addend);
    c7 = hn::MulAdd(c7, factor, addend);
    c8 = hn::MulAdd(c8, factor, addend);
    c9 = hn::MulAdd(c9, factor, addend);
    c10 = hn::MulAdd(c10, factor, addend);
    c11 = hn::MulAdd(c11, factor, addend);
    if constexpr (kManyRegisters) {
      c12 = hn::MulAdd(c12, factor, addend);
      c13 = hn::MulAdd(c13, factor, addend);
      c14 = hn::MulAdd(c14, factor, addend);
      c15 = hn::MulAdd(c15, factor, addend);
    }
  }
  auto sum = hn::Add(hn::Add(hn::Add(c0, c1), hn::Add(c2, c3)), hn::Add(hn::Add(c4, c5), hn::Add(c6, c7)));
  sum = hn::Add(sum, hn::Add(hn::Add(c8, c9), hn::Add(c10, c11)));
  if constexpr (kManyRegisters) sum = hn::Add(sum, hn::Add(hn::Add(c12, c13), hn::Add(c14, c15)));
  return static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
}

template <class D>
double flops(D d) {
  return 2.0 * kChains * static_cast<double>(hn::Lanes(d));
}

using F32 = hn::ScalableTag<float>;
using F64 = hn::ScalableTag<double>;

double f32_loop(std::int64_t rounds) { return multiply_adds(F32(), rounds); }
double f64_loop(std::int64_t rounds) { return multiply_adds(F64(), rounds); }

FmaLoop f32() { return {hwy::TargetName(HWY_TARGET), "f32", &f32_loop, flops(F32())}; }
FmaLoop f64() { return {hwy::TargetName(HWY_TARGET), "f64", &f64_loop, flops(F64())}; }

}  // namespace HWY_NAMESPACE
}  // namespace attnbench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench {

HWY_EXPORT(f32);
HWY_EXPORT(f64);

FmaLoop current_fma_loop() {
  kernels::init_dispatch();
  return HWY_DYNAMIC_DISPATCH(f32)();
}

std::vector<FmaLoop> all_fma_loops() {
  std::vector<FmaLoop> loops;
  const auto current = kernels::current_isa();
  for (const auto& isa : kernels::available_isas()) {
    kernels::force_isa(isa);
    loops.push_back(HWY_DYNAMIC_DISPATCH(f32)());
    loops.push_back(HWY_DYNAMIC_DISPATCH(f64)());
  }
  kernels::force_isa(current);
  if (const auto loop = bf16_dot_loop()) loops.push_back({"AVX3", "bf16", loop->run, loop->flops_per_round});
  return loops;
}

}  // namespace attnbench
#endif
