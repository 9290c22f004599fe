// What the synthetic datasets share: a generator is a function that fills Q, K and V; seeds, masks, names and versions are
// handled here.
#pragma once

#include <cstdint>

#include "datasets/catalogue.h"
#include "datasets/random.h"

namespace attnbench {

struct GeneratorTask {
  const Problem& problem;
  const Params& params;
  std::uint64_t seed;
  NamedTensors& inputs;  // shaped and zero
};
using FillFunction = void (*)(const GeneratorTask& task);

/// Part of every generator's fingerprint: raise it whenever a generator gives other bytes for the same seed.
constexpr int kGeneratorVersion = 1;

std::unique_ptr<Dataset> make_generator(const DatasetSpec& spec, FillFunction fill);

/// The open function of a DatasetKind.
template <FillFunction fill>
std::unique_ptr<Dataset> open_generator(const DatasetSpec& spec) {
  return make_generator(spec, fill);
}

/// Calls body(place, row) for every row of a tensor; row points at its shape[3] elements.
template <class Body>
void for_each_row(const Tensor& tensor, Body body) {
  const auto view = tensor.view();
  for (std::int64_t b = 0; b < view.batch(); ++b)
    for (std::int64_t h = 0; h < view.heads(); ++h)
      for (std::int64_t i = 0; i < view.rows(); ++i) body(Place{b, h, i}, view.row(b, h, i));
}

/// Independent standard normal elements.
void fill_normal(const Tensor& tensor, const RandomStream& stream);

}  // namespace attnbench
