// Linear attention with any feature map: o_i = phi(q_i)^T S / phi(q_i)^T z, S = sum_j phi(k_j) v_j^T, z = sum_j phi(k_j).
//
// A FeatureMap turns panels of rows into panels of features; the sums over them are the same for all maps. Features that are
// exponentials are given as logarithms l, so that none can overflow and none that matters underflows: sums hold
// e^(l_j - shift) with one shift for each feature, which follows the keys (a key more than e^20 above it raises it, and what was
// summed is scaled down once), and a query's factor is e^(l + shift), over the largest of its row, which cancels. The shift at a
// position depends on keys up to it only: the future leaves no trace in the past.
#pragma once

#include <cstdint>

#include "variants/kernels/linear/running_sums.h"

namespace attnbench::kernels {

/// What a map gives, and what becomes of it.
enum class FeatureForm {
  values,      // phi itself
  logarithms,  // log phi
  softmax,     // keys: log phi. Queries: logarithms too, whose softmax weighs the means S / z
};

/// Floats from one row of features to the next: whole vectors, an odd number of cache lines, or a column of a panel would fall on
/// few sets of the cache.
constexpr std::int64_t feature_stride(std::int64_t features) { return (padded(features) / 16 | 1) * 16; }

/// Features of a panel: row t at phi + t * stride.
struct FeaturePanel {
  float* phi;
  std::int64_t stride;
  float* logs;  // [rows], 0 before the map writes any: with `values`, e^logs[t] multiplies row t of keys
};

class FeatureMap {
 public:
  virtual ~FeatureMap() = default;
  virtual std::int64_t features() const = 0;
  virtual FeatureForm form() const = 0;
  /// For one panel.
  virtual std::int64_t scratch_floats() const { return 0; }
  virtual void queries(PanelRows<const float> x, std::int64_t count, const FeaturePanel& to, float* scratch) const = 0;
  virtual void keys(PanelRows<const float> x, std::int64_t count, const FeaturePanel& to, float* scratch) const = 0;
};

/// The sums of a feature map.
class FeatureSums final : public RunningSums {
 public:
  FeatureSums(const Problem& problem, const FeatureMap& map)
      : map_(map), features_(map.features()), d_v_(problem.d_v), heads_(problem.heads_q / problem.heads_kv) {}
  std::int64_t state_floats() const override;
  std::int64_t scratch_floats(bool causal) const override;
  void add_keys(float* state, PanelRows<const float> k, Rows<const float> v, std::int64_t count, float* scratch) const override;
  void attend(float* state, PanelRows<const float> q, Rows<float> out, std::int64_t count, float* scratch) const override;
  void scan(float* state, const Positions& positions, std::int64_t first, float* scratch) const override;
  void join(float* from, float* to, bool causal) const override;

 private:
  const FeatureMap& map_;
  std::int64_t features_, d_v_, heads_;
};

/// to[t][r] = sum_c x[t][c] w[c][r] + norm_factor |x[t]|^2 for `columns` columns; w has rows of feature_stride(columns) floats, 0
/// beyond the columns.
struct Projection {
  const float* w;
  std::int64_t dim, columns;
  float norm_factor;
};
void project(const Projection& projection, Rows<const float> x, std::int64_t count, float* to, std::int64_t stride);

/// to[t] = 1, linear x, then for each channel a: square x_a^2, cross x_a x_b for all b > a. dim is at most kMostQuadratic.
struct QuadraticFeatures {
  std::int64_t dim;
  float linear, square, cross;
};
constexpr std::int64_t kMostQuadratic = 96;
void quadratic_features(const QuadraticFeatures& by, Rows<const float> x, std::int64_t count, float* to, std::int64_t stride);

}  // namespace attnbench::kernels
