// Integers: divisions that round the way their names say, and the one pseudo-random stream of the suite's own choices.
#pragma once

#include <cstdint>

namespace attnbench {

/// a / b rounded up; a > -b, b > 0.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// a / b rounded towards minus infinity, and what is left then: in [0, b). b > 0.
constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }
constexpr std::int64_t floor_mod(std::int64_t a, std::int64_t b) { return a - floor_div(a, b) * b; }

/// The next number of SplitMix64 (Steele, Lea and Flood 2014, Fast Splittable Pseudorandom Number Generators, figure 16): the same
/// stream on every machine.
constexpr std::uint64_t splitmix64(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace attnbench
