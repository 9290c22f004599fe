// Attention between learned projections, as nn.MultiheadAttention computes it with its biases at zero:
//
//   O = concat_h(attention(X_q W_q^T, X_k W_k^T, X_v W_v^T)) W_o^T          Vaswani et al. 2017, section 3.2.2
//
// the inputs being read as head-split views of X [b, n, h d], as our own variant multi_head reads them. Weights come from the seed;
// the float64 reference shares no code with any library.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "attnbench/plugin.h"

namespace attnbench::external {

/// W_q, W_k, W_v, W_o, each [width, width] row-major with width = heads d; one row per output feature.
struct ProjectionWeights {
  std::int64_t width = 0;
  std::array<std::vector<float>, 4> matrices;
};

/// Uniform with variance 1/width, so that projections keep the scale of their inputs. The same seed gives the same weights.
ProjectionWeights draw_weights(const attnbench_problem& problem, std::uint64_t seed);

/// Adds the four projections' multiply-adds and traffic.
void add_projection_cost(const attnbench_problem& problem, attnbench_cost& cost);

/// Writes the query rows `rows` of every batch entry and head to out, [batch][heads][count][d].
void multi_head_oracle(const ProjectionWeights& weights, const attnbench_task& task, const std::int64_t* rows, std::uint64_t count,
                       double* out);

}  // namespace attnbench::external
