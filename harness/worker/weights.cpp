#include "harness/worker/weights.h"

#include <algorithm>

#include "variants/api/variant_call.h"

namespace attnbench {
namespace {

// Every row of V becomes zero, except that key first + c carries a 1 in column c.
void fill_identity_block(TensorView<float> v, std::int64_t first) {
  for (std::int64_t b = 0; b < v.batch(); ++b)
    for (std::int64_t h = 0; h < v.heads(); ++h)
      for (std::int64_t j = 0; j < v.rows(); ++j) {
        std::fill_n(v.row(b, h, j), v.dim(), 0.0f);
        if (j >= first && j - first < v.dim()) v.row(b, h, j)[j - first] = 1;
      }
}

}  // namespace

std::vector<float> read_weights(const VariantConfig& config, const Problem& p, const Inputs& inputs, std::uint64_t seed,
                                const Parallel& parallel) {
  const Tensor identity({p.batch, p.heads_kv, p.n_k, p.d_v});
  const Tensor output(output_shape(p));
  Inputs probe = inputs;
  probe.v = identity.ref();
  VariantCall call(*config.variant, config.params, p, seed, parallel);

  std::vector<float> weights(static_cast<std::size_t>(p.batch * p.heads_q * p.n_q * p.n_k));
  for (std::int64_t first = 0; first < p.n_k; first += p.d_v) {
    fill_identity_block(identity.view(), first);
    call.run(probe, output.ref());
    const auto columns = std::min(p.d_v, p.n_k - first);
    for (std::int64_t b = 0; b < p.batch; ++b)
      for (std::int64_t h = 0; h < p.heads_q; ++h)
        for (std::int64_t i = 0; i < p.n_q; ++i)
          std::copy_n(output.view().row(b, h, i), columns, weights.data() + ((b * p.heads_q + h) * p.n_q + i) * p.n_k + first);
  }
  return weights;
}

}  // namespace attnbench
