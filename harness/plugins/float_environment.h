// Float environment: how the calling thread rounds, whether it flushes subnormal numbers to zero, which exceptions it traps. A
// library linked with -ffast-math changes it when it is loaded, and any function may change it; what was changed there would change
// what everything else computes, so the host restores it after loading a library and after every call into one.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace attnbench::plugins {

/// Parts of the environment, as bits.
enum FloatChange : std::uint32_t {
  kFlushToZero = 1u << 0,  // of results, or subnormal operands read as zero (FTZ, DAZ)
  kRoundingMode = 1u << 1,
  kFloatTraps = 1u << 2,  // an exception that ends the process
  kX87Control = 1u << 3,  // precision and rounding of long double on x86
};

/// "flush-to-zero and the rounding mode"; empty for none.
std::string words_of(std::uint32_t changes);

class FloatEnvironment {
 public:
  /// That of the calling thread.
  static FloatEnvironment now();
  void apply() const;
  /// FloatChange bits in which `other` differs.
  std::uint32_t changes(const FloatEnvironment& other) const;

 private:
  std::uint64_t control_ = 0;  // MXCSR without its sticky flags, FPCR, or the rounding mode where there is neither
  std::uint16_t x87_ = 0;
};

/// Restores the environment of the thread when it goes, and adds what had been changed to `seen`.
class FloatGuard {
 public:
  explicit FloatGuard(std::atomic<std::uint32_t>& seen) : before_(FloatEnvironment::now()), seen_(seen) {}
  ~FloatGuard() {
    const auto changes = before_.changes(FloatEnvironment::now());
    if (changes == 0) return;
    before_.apply();
    seen_.fetch_or(changes, std::memory_order_relaxed);
  }
  FloatGuard(const FloatGuard&) = delete;
  FloatGuard& operator=(const FloatGuard&) = delete;

  const FloatEnvironment& before() const { return before_; }

 private:
  FloatEnvironment before_;
  std::atomic<std::uint32_t>& seen_;
};

}  // namespace attnbench::plugins
