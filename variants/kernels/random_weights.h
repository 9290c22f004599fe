// Weights for variants that need some (projections, scoring layers): drawn from the seed by integer arithmetic alone, so that
// every machine and compiler draws the same.
#pragma once

#include <cstdint>
#include <vector>

namespace attnbench::kernels {

/// `count` floats, uniform with mean 0 and variance 1/fan_in, so that a layer of fan_in inputs keeps their variance. Different
/// streams of one seed are independent.
std::vector<float> random_weights(std::int64_t count, std::int64_t fan_in, std::uint64_t seed, std::uint64_t stream);

/// `count` independent standard normal numbers, by the ratio of uniforms (Kinderman & Monahan 1977): a logarithm only decides what
/// is kept.
std::vector<double> random_normals(std::int64_t count, std::uint64_t seed, std::uint64_t stream);

}  // namespace attnbench::kernels
