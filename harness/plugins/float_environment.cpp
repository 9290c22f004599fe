#include "harness/plugins/float_environment.h"

#include <cfenv>
#include <vector>

#ifdef __x86_64__
#include <xmmintrin.h>
#endif

namespace attnbench::plugins {
namespace {

#if defined(__x86_64__)

// MXCSR (Intel SDM volume 1, 10.2.3): 0-5 sticky exception flags, 6 denormals are zero, 7-12 exception masks, 13-14 rounding,
// 15 flush to zero.
constexpr std::uint64_t kSticky = 0x3f, kFlush = 1u << 15 | 1u << 6, kRounding = 3u << 13, kTraps = 0x3fu << 7;

std::uint64_t read_control() { return _mm_getcsr() & ~kSticky; }
void write_control(std::uint64_t control) { _mm_setcsr(static_cast<unsigned>(control)); }
std::uint16_t read_x87() {
  std::uint16_t word = 0;
  __asm__ volatile("fnstcw %0" : "=m"(word));
  return word;
}
void write_x87(std::uint16_t word) { __asm__ volatile("fldcw %0" : : "m"(word)); }

#elif defined(__aarch64__)

// FPCR (Arm ARM, C5.2.8): 8-12 and 15 trap enables, 19 FZ16, 22-23 rounding, 24 FZ, 0 FIZ.
constexpr std::uint64_t kFlush = 1u << 24 | 1u << 19 | 1u, kRounding = 3u << 22, kTraps = 0x9fu << 8;

std::uint64_t read_control() {
  std::uint64_t control = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  return control;
}
void write_control(std::uint64_t control) { __asm__ volatile("msr fpcr, %0" : : "r"(control)); }
std::uint16_t read_x87() { return 0; }
void write_x87(std::uint16_t) {}

#else

constexpr std::uint64_t kFlush = 0, kRounding = ~0ull, kTraps = 0;

std::uint64_t read_control() { return static_cast<std::uint64_t>(std::fegetround()); }
void write_control(std::uint64_t control) { std::fesetround(static_cast<int>(control)); }
std::uint16_t read_x87() { return 0; }
void write_x87(std::uint16_t) {}

#endif

}  // namespace

std::string words_of(std::uint32_t changes) {
  std::vector<std::string> words;
  if (changes & kFlushToZero) words.emplace_back("flush-to-zero");
  if (changes & kRoundingMode) words.emplace_back("the rounding mode");
  if (changes & kFloatTraps) words.emplace_back("floating-point traps");
  if (changes & kX87Control) words.emplace_back("the x87 control word");
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  return text;
}

FloatEnvironment FloatEnvironment::now() {
  FloatEnvironment environment;
  environment.control_ = read_control();
  environment.x87_ = read_x87();
  return environment;
}

void FloatEnvironment::apply() const {
  write_control(control_);
  write_x87(x87_);
}

std::uint32_t FloatEnvironment::changes(const FloatEnvironment& other) const {
  const auto differ = control_ ^ other.control_;
  return (differ & kFlush ? kFlushToZero : 0u) | (differ & kRounding ? kRoundingMode : 0u) | (differ & kTraps ? kFloatTraps : 0u) |
         (x87_ != other.x87_ ? kX87Control : 0u);
}

}  // namespace attnbench::plugins
