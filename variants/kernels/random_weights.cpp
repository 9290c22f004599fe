#include "variants/kernels/random_weights.h"

#include <cmath>

#include "variants/api/integers.h"

namespace attnbench::kernels {
namespace {

std::uint64_t mix(std::uint64_t x) { return splitmix64(x); }

}  // namespace

std::vector<float> random_weights(std::int64_t count, std::int64_t fan_in, std::uint64_t seed, std::uint64_t stream) {
  const double half_width = std::sqrt(3.0 / static_cast<double>(fan_in));  // uniform on (-a, a) has variance a^2 / 3
  const std::uint64_t start = mix(mix(seed) + stream);
  std::vector<float> weights(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto bits = static_cast<double>(mix(start + i) >> 40) + 0.5;  // 24 bits, centred: (0, 2^24)
    weights[i] = static_cast<float>(half_width * (bits / 0x1p23 - 1.0));
  }
  return weights;
}

std::vector<double> random_normals(std::int64_t count, std::uint64_t seed, std::uint64_t stream) {
  std::uint64_t state = mix(mix(seed) + stream);
  const auto uniform = [&] { return (static_cast<double>(splitmix64(state) >> 11) + 0.5) * 0x1p-53; };  // in (0, 1)
  const double width = 2 * std::sqrt(2 / 2.718281828459045);
  std::vector<double> normals;
  normals.reserve(static_cast<std::size_t>(count));
  while (static_cast<std::int64_t>(normals.size()) < count) {
    const double u = uniform(), x = width * (uniform() - 0.5) / u;
    if (x * x <= -4 * std::log(u)) normals.push_back(x);
  }
  return normals;
}

}  // namespace attnbench::kernels
