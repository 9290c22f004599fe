// Random numbers that depend on where they are used and on nothing else: Philox4x32-10, a counter-based generator
// (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", SC11, section 3.3).
//
// A number is a function of (seed, purpose, batch, head, position, channel): no state, so any order and any number of threads
// give the same bits, and the first n tokens of a longer sequence are those of the shorter one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace attnbench {

using Philox4 = std::array<std::uint32_t, 4>;

/// One Philox4x32-10 block: 128 random bits from a 128-bit counter and a 64-bit key.
Philox4 philox(Philox4 counter, std::array<std::uint32_t, 2> key);

/// Quantile of the standard normal distribution, 0 < p < 1: algorithm AS 241 (Wichura 1988), on portable arithmetic.
double normal_quantile(double p);

/// 64-bit FNV-1a hash, continued from `hash`.
std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = 0xcbf29ce484222325u);

/// Where a number is used. Positions count up to 2^32: a head of more tokens fits no memory.
struct Place {
  std::int64_t batch = 0, head = 0, position = 0;
};

class RandomStream {
 public:
  /// Streams of different purposes ("gaussian queries") are independent.
  RandomStream(std::uint64_t seed, std::string_view purpose);

  /// Uniform in the open interval (0, 1), a multiple of 2^-33.
  double uniform(const Place& at, std::int64_t channel = 0) const;
  /// The same for channels 0 .. count - 1.
  void uniforms(const Place& at, double* to, std::int64_t count) const;
  /// Standard normal values of channels 0 .. count - 1.
  void normals(const Place& at, float* to, std::int64_t count) const;

 private:
  template <class Use>
  void for_each_word(const Place& at, std::int64_t count, Use use) const;  // use(channel, 32 random bits)
  Philox4 block(const Place& at, std::int64_t index) const;                // channels 4 index .. 4 index + 3
  std::array<std::uint32_t, 2> key_;
};

}  // namespace attnbench
