// What tests of selection variants share: the distance to the reference on the rows it decides, and exact attention where all is
// kept.
#pragma once

#include "datasets/fills.h"
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {

/// random_arrays(), and the extra inputs that the variant declares.
inline NamedTensors all_arrays(const Call& call, unsigned seed = 1) {
  auto arrays = random_arrays(call.problem, seed);
  for (const auto& spec : extras_of(call.variant, call.problem, call.params)) arrays.extras.set(spec.name, make_fill(spec, seed));
  return arrays;
}

/// Reference of all rows, [b, h_q, n_q, d_v], with undecided rows taken from the output.
inline std::vector<double> decided_reference(Call& call, const Inputs& inputs, const Tensor& out) {
  const auto& p = call.problem;
  std::vector<std::int64_t> rows(static_cast<std::size_t>(p.n_q));
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<double> want(static_cast<std::size_t>(element_count(out.shape())));
  std::vector<std::uint8_t> undecided(want.size() / static_cast<std::size_t>(p.d_v), 0);
  reference(call.variant, {p, call.params, inputs, call.prepared, rows, want.data(), call.arena.parallel(), undecided.data()});
  for (std::size_t t = 0; t < want.size(); ++t)
    if (undecided[t / static_cast<std::size_t>(p.d_v)]) want[t] = static_cast<double>(out.data()[t]);
  CHECK(std::count(undecided.begin(), undecided.end(), 1) <= 1 + static_cast<std::ptrdiff_t>(undecided.size()) / 20);
  return want;
}

/// The run agrees with its reference, on random inputs.
inline void check_decided(Call&& call, unsigned seed = 1) {
  const auto arrays = all_arrays(call, seed);
  const auto inputs = arrays.inputs(call.problem);
  const auto out = call.run(inputs);
  CHECK(relative_rms(out, decided_reference(call, inputs, out)) <= kTolerance);
}

/// Both the run and its reference are exact attention.
inline void check_equals_exact(Call&& call) {
  const auto arrays = all_arrays(call);
  const auto inputs = arrays.inputs(call.problem);
  Call exact("naive", to_string(call.problem));
  const auto want = exact.reference(inputs);
  CHECK(relative_rms(call.run(inputs), want) <= kTolerance);
  const auto own = call.reference(inputs);
  double largest = 0;
  for (std::size_t t = 0; t < want.size(); ++t) largest = std::max(largest, std::abs(own[t] - want[t]));
  CHECK(largest < 1e-12);
}

}  // namespace attnbench::testing
