// Random inputs for any problem, made by the standard library's mt19937: the contract and the tests need no dataset to be right.
#pragma once

#include <cstdint>
#include <limits>
#include <random>

#include "variants/api/variant.h"

namespace attnbench::contract {

inline void fill_normal(Tensor& tensor, std::mt19937& generator) {
  std::normal_distribution<float> normal;
  for (std::int64_t t = 0; t < element_count(tensor.shape()); ++t) tensor.data()[t] = normal(generator);
}

/// A dense mask that hides about a third of the pairs, and every key from the last row.
inline Tensor random_mask(const Problem& p, std::mt19937& generator) {
  const Shape shape{p.mask.per_batch ? p.batch : 1, p.mask.per_head ? p.heads_q : 1, p.n_q, p.n_k};
  const bool boolean = p.mask.kind == MaskKind::boolean;
  Tensor mask(shape, boolean ? DType::u8 : DType::f32);
  std::normal_distribution<float> normal;
  for (std::int64_t t = 0; t < element_count(shape); ++t) {
    const bool attends = generator() % 3 != 0 && (p.n_q == 1 || t / p.n_k % p.n_q != p.n_q - 1);
    const float bias = normal(generator);
    if (boolean) mask.data<std::uint8_t>()[t] = attends;
    else mask.data()[t] = attends ? bias : -std::numeric_limits<float>::infinity();
  }
  return mask;
}

/// N(0,1) queries, keys and values, and the mask the problem asks for.
inline NamedTensors random_inputs(const Problem& p, std::uint32_t seed = 1) {
  std::mt19937 generator(seed);
  auto tensors = empty_inputs(p);
  for (auto* tensor : {&tensors.q, &tensors.k, &tensors.v}) fill_normal(*tensor, generator);
  if (p.mask.kind != MaskKind::none) tensors.mask = random_mask(p, generator);
  return tensors;
}

}  // namespace attnbench::contract
