#include "datasets/fills.h"

#include <algorithm>
#include <cmath>

#include "datasets/generator.h"
#include "datasets/portable_math.h"
#include "datasets/random.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

double exp_of(double x) { return portable_exp(std::clamp(x, -700.0, 700.0)); }

double sigmoid(double x) { return 1 / (1 + exp_of(-x)); }

double softplus(double x) {
  if (x < -30) return exp_of(x);  // 1 + exp(x) would be 1
  return std::max(x, 0.0) + portable_log(1 + exp_of(x < 0 ? x : -x));
}

double between(double low, double high, double uniform) { return low + (high - low) * uniform; }

// What a Mamba-2 layer draws for a head: its decay rate in (1, 16), and the mean c of its step size, softplus(c) in (0.001, 0.1).
struct MambaHead {
  double rate, mean;
};

MambaHead mamba_head(const RandomStream& heads, std::int64_t h) {
  const double step = exp_of(between(portable_log(1e-3), portable_log(1e-1), heads.uniform({0, h, 0}, 1)));
  return {between(1, 16, heads.uniform({0, h, 0}, 0)), portable_log(exp_of(step) - 1)};
}

// An element of head h with the standard normal number z.
double value_of(const Fill& fill, const RandomStream& heads, std::int64_t h, double z) {
  switch (fill.kind) {
    case Fill::Kind::normal: return fill.a + fill.b * z;
    case Fill::Kind::sigmoid: return sigmoid(fill.a + z);
    case Fill::Kind::log_sigmoid: return -softplus(-(fill.a + z)) / fill.b;
    case Fill::Kind::softplus: return softplus(fill.a + z);
    case Fill::Kind::constant: return fill.a;
    case Fill::Kind::per_head: return between(fill.a, fill.b, heads.uniform({0, h, 0}));
    case Fill::Kind::mamba_decay: {
      const auto head = mamba_head(heads, h);
      return -head.rate * softplus(head.mean + z);
    }
    case Fill::Kind::dataset: break;
  }
  return 0;
}

}  // namespace

Tensor make_fill(const InputSpec& spec, std::uint64_t seed) {
  if (spec.fill.kind == Fill::Kind::dataset)
    throw UserError("the input '" + spec.name + "' comes from a file only: give --dataset file:PATH with an array of that name");
  const RandomStream elements(seed, "extra " + spec.name), heads(seed, "extra " + spec.name + " of a head");
  Tensor tensor(spec.shape, spec.dtype);
  fill_normal(tensor, elements);
  for_each_row(tensor, [&](const Place& at, float* row) {
    std::transform(row, row + spec.shape[3], row,
                   [&](float z) { return static_cast<float>(value_of(spec.fill, heads, at.head, static_cast<double>(z))); });
  });
  return tensor;
}

}  // namespace attnbench
