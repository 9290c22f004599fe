// Calling a variant in a test: random inputs, one run on poisoned memory, its float64 reference, and the distance of the two.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datasets/fills.h"
#include "harness/measure/parallel_tbb.h"
#include "variants/api/oracle.h"
#include "variants/api/registry.h"
#include "variants/api/variant.h"

namespace attnbench::testing {

inline void fill_normal(Tensor& tensor, std::mt19937& random) {
  std::normal_distribution<float> normal;
  for (std::int64_t i = 0; i < element_count(tensor.shape()); ++i) tensor.data()[i] = normal(random);
}

/// N(0, 1) queries, keys and values; a dense mask, if the problem has one, masks every third pair or adds N(0, 1).
inline NamedTensors random_arrays(const Problem& p, unsigned seed = 1) {
  std::mt19937 random(seed);
  auto a = empty_inputs(p);
  fill_normal(a.q, random);
  fill_normal(a.k, random);
  fill_normal(a.v, random);
  if (p.mask.kind == MaskKind::none) return a;
  const Shape shape{p.mask.per_batch ? p.batch : 1, p.mask.per_head ? p.heads_q : 1, p.n_q, p.n_k};
  a.mask = Tensor(shape, p.mask.kind == MaskKind::boolean ? DType::u8 : DType::f32);
  if (p.mask.kind == MaskKind::additive) fill_normal(a.mask, random);
  else
    for (std::int64_t i = 0; i < element_count(shape); ++i) a.mask.data<std::uint8_t>()[i] = random() % 3 != 0;
  return a;
}

struct Call {
  const Variant& variant;
  Problem problem;
  Params params;
  Prepared prepared;
  ThreadArena arena;

  Call(std::string_view name, std::string_view problem_text, std::vector<std::pair<std::string, std::string>> settings = {},
       int threads = 2)
      : variant(*find_variant(name)), problem(parse_problem(problem_text)), params(variant.params), arena(threads) {
    for (const auto& [key, value] : settings) params.set(key, value);
    prepared = prepare(variant, problem, params, 7, threads);
  }

  /// Output [b, h_q, n_q, d_v] of one run; workspace and output start as NaN. Fails when the workspace declaration is not kept.
  Tensor run(const Inputs& inputs) {
    Tensor out({problem.batch, problem.heads_q, problem.n_q, problem.d_v});
    std::fill_n(out.data(), element_count(out.shape()), std::numeric_limits<float>::quiet_NaN());
    Workspace workspace(declared_workspace(variant, problem, params, arena.parallel().threads()));
    workspace.poison();
    variant.run({problem, params, inputs, out.ref(), prepared, workspace, arena.parallel()});
    INFO(variant.name << " took " << workspace.peak() << " bytes of " << workspace.declared() << " declared");
    CHECK(workspace.guards_intact());
    CHECK(workspace.peak() == workspace.declared());
    return out;
  }
  Tensor run(const NamedTensors& arrays) { return run(arrays.inputs(problem)); }

  /// Float64 reference of all rows, [b, h_q, n_q, d_v].
  std::vector<double> reference(const Inputs& inputs) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(problem.n_q));
    std::iota(rows.begin(), rows.end(), 0);
    std::vector<double> out(static_cast<std::size_t>(problem.batch * problem.heads_q * problem.n_q * problem.d_v));
    attnbench::reference(variant, {problem, params, inputs, prepared, rows, out.data(), arena.parallel()});
    return out;
  }
};

/// ||out - reference|| / ||reference||; NaN when either holds one.
inline double relative_rms(const Tensor& out, const std::vector<double>& reference) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double difference = static_cast<double>(out.data()[i]) - reference[i];
    error += difference * difference;
    size += reference[i] * reference[i];
  }
  return size == 0 ? std::sqrt(error) : std::sqrt(error / size);
}

/// Adds the extra inputs that the variant declares, filled as it says.
inline void add_extras(const Call& call, NamedTensors& arrays, unsigned seed = 1) {
  for (const auto& spec : extras_of(call.variant, call.problem, call.params)) arrays.extras.set(spec.name, make_fill(spec, seed));
}

/// random_arrays() of its problem and its extra inputs.
inline NamedTensors inputs_of(const Call& call, unsigned seed = 1) {
  auto arrays = random_arrays(call.problem, seed);
  add_extras(call, arrays, seed);
  return arrays;
}

/// Runs on such inputs and gives the distance to the reference.
inline double error_of(Call&& call, unsigned seed = 1) {
  const auto arrays = inputs_of(call, seed);
  const auto inputs = arrays.inputs(call.problem);
  return relative_rms(call.run(inputs), call.reference(inputs));
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

constexpr double kTolerance = 2e-6;  // relative RMS of float32 against float64, variants.md

}  // namespace attnbench::testing
