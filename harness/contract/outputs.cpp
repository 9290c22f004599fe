// What run() writes: right by the oracle, wherever it lies in memory, on any number of threads, whatever hidden keys hold.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "harness/contract/cases.h"
#include "harness/contract/check.h"
#include "harness/contract/one_call.h"
#include "harness/contract/random_inputs.h"
#include "harness/measure/parallel_tbb.h"
#include "harness/plugins/catalogue.h"
#include "harness/plugins/float_environment.h"
#include "harness/worker/verify.h"

namespace attnbench::contract {
namespace {

// Inputs and exact rows of a problem, made once per process for all selections with the same extra inputs.
struct MadeProblem {
  NamedTensors tensors;
  std::vector<double> exact;
};

const MadeProblem& made_problem(const VariantConfig& config, const Problem& problem) {
  static std::map<std::string, MadeProblem> cache;
  auto key = to_string(problem);
  for (const auto& spec : config.extras(problem)) key += "|" + to_string(spec);
  auto& entry = cache[key];
  if (entry.exact.empty()) {
    entry.tensors = random_inputs(config, problem);
    entry.exact = exact_rows(problem, entry.tensors.inputs(problem), kSeed, Parallel());
  }
  return entry;
}

void expect_verified(const VariantConfig& config, const Problem& problem, const Parallel& parallel, Findings& findings) {
  findings.examined();
  const auto& made = made_problem(config, problem);
  const auto v = verify(config, problem, made.tensors.inputs(problem), kSeed, parallel, made.exact);
  if (v.status == Status::ok) return;
  for (const auto& reason : v.reasons)
    findings.add(fmt::format("{} {}, {} threads: {}", config.label(), to_string(problem), parallel.threads(), reason));
}

// Every `step`-th supported problem of a selection is verified.
void expect_all_verified(const VariantConfig& config, std::size_t step, const Parallel& parallel, Findings& findings) {
  const auto problems = supported_problems(config);
  for (std::size_t t = 0; t < problems.size(); t += step) expect_verified(config, problems[t], parallel, findings);
}

// ---- NaN policy ----------------------------------------------------------------------------------------------------------

// Puts NaN and infinity into two keys of every head and their values, and NaN into what extra inputs hold for their positions.
void spoil(NamedTensors& tensors, const VariantConfig& config, const Problem& p, std::span<const std::int64_t> keys) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  for (std::int64_t t = 0; t < p.batch * p.heads_kv; ++t)
    for (const auto j : keys) {
      std::fill_n(tensors.k.view().row(t / p.heads_kv, t % p.heads_kv, j), p.d_qk, j % 2 ? nan : infinity);
      std::fill_n(tensors.v.view().row(t / p.heads_kv, t % p.heads_kv, j), p.d_v, j % 2 ? infinity : nan);
    }
  for (const auto& spec : config.extras(p)) {
    if (spec.shape[2] != p.n_k) continue;
    const auto view = tensors.extras[spec.name].view();
    for (std::int64_t t = 0; t < spec.shape[0] * spec.shape[1]; ++t)
      for (const auto j : keys) std::fill_n(view.row(t / spec.shape[1], t % spec.shape[1], j), spec.shape[3], nan);
  }
}

// The rows [b, i] of all heads against the oracle of the unspoiled inputs.
void compare_row(const Problem& p, const Tensor& out, const ReferenceOutput& want, std::int64_t b, std::int64_t i,
                 Findings& findings) {
  for (std::int64_t h = 0; h < p.heads_q; ++h) {
    if (want.undecided[static_cast<std::size_t>((b * p.heads_q + h) * p.n_q + i)]) continue;
    for (std::int64_t c = 0; c < p.d_v; ++c) {
      const double got = out.view().row(b, h, i)[c];
      const double expected = want.rows[static_cast<std::size_t>(((b * p.heads_q + h) * p.n_q + i) * p.d_v + c)];
      if (std::abs(got - expected) <= 1e-4) continue;
      findings.add(fmt::format("{}: row b{} h{} i{} c{}: got {}, oracle {}", to_string(p), b, h, i, c, got, expected));
      break;
    }
  }
}

void spoil_and_compare(const VariantConfig& config, const Problem& p, Findings& findings) {
  auto tensors = random_inputs(config, p);
  const auto inputs = tensors.inputs(p);
  const auto want = reference_output(config, p, inputs);
  const auto prepared = prepare(*config.variant, p, config.params, kSeed, 1);
  const std::int64_t keys[] = {p.n_k - 1, p.n_k / 2};
  spoil(tensors, config, p, keys);
  const auto out = run(config, p, inputs);
  const bool has_extras = !config.extras(p).empty();
  for (std::int64_t t = 0; t < p.batch * p.n_q; ++t) {
    const auto b = t / p.n_q, i = t % p.n_q;
    // What is causal to rounding only adds 0 times the future, which may not be NaN; keys beyond a length are hidden all the same.
    const bool mixes_all = (config.variant->laws & kCausalToRounding) != 0;
    const auto sees = [&](std::int64_t j) {
      const bool exists = p.key_lengths.empty() || j < p.key_lengths[static_cast<std::size_t>(b)];
      return (mixes_all && exists) || any_head_sees(config, p, inputs, prepared, b, i, j);
    };
    const bool own = p.position(i) == keys[0] || p.position(i) == keys[1];  // an extra input may belong to the query
    if (!sees(keys[0]) && !sees(keys[1]) && !(own && has_extras)) compare_row(p, out, want, b, i, findings);
  }
}

// ---- The most negative float as a mask -----------------------------------------------------------------------------------

void lower_and_compare(const VariantConfig& config, const Problem& p, Findings& findings) {
  auto tensors = random_inputs(config, p);
  const auto mask = std::span(tensors.mask.data(), static_cast<std::size_t>(element_count(tensors.mask.shape())));
  // Every row sees key 0: one that sees nothing is 0 under minus infinity, which float32 cannot do for the other mask.
  for (std::size_t t = 0; t < mask.size(); t += static_cast<std::size_t>(p.n_k)) mask[t] = 0;
  const auto hidden = run(config, p, tensors.inputs(p));
  for (auto& bias : mask)
    if (std::isinf(bias)) bias = std::numeric_limits<float>::lowest();
  const auto low = run(config, p, tensors.inputs(p));
  for (std::int64_t t = 0; t < element_count(low.shape()); ++t)
    if (const float x = hidden.data()[t], y = low.data()[t]; !(std::abs(x - y) <= 1e-5f))
      return findings.add(fmt::format("{}: element {}: {} and {}", to_string(p), t, x, y));
}

// Extra inputs in some layout, as lay_out() does it for the others.
struct LaidExtras {
  LaidExtras(std::span<const NamedTensor> extras, Layout layout) {
    for (const auto& extra : extras) {
      auto stored = extra.tensor;  // its axes of 1 as they are stored
      stored.stride = dense_strides(stored.shape);
      Tensor dense(stored.shape);
      std::memcpy(dense.data(), stored.data, dense.bytes());
      laid.push_back(lay_out(dense, layout));
      views.push_back({extra.name, extra_view(laid.back().ref)});
    }
  }
  std::vector<Laid> laid;
  std::vector<NamedTensor> views;
};

}  // namespace

void check_oracle(const Variant& variant, Findings& findings) {
  const ThreadArena arena(2);
  expect_all_verified(defaults(variant), 1, arena.parallel(), findings);
}

// Every second problem; fewer where they come to more multiply-adds in all than kOtherWork, as with the wide products of a layer.
void check_oracle_params(const Variant& variant, Findings& findings) {
  constexpr double kOtherWork = 4e9;
  const auto selections = other_selections(variant);
  double work = 0;
  for (const auto& config : selections)
    for (const auto& p : supported_problems(config)) work += variant.cost(p, config.params).multiply_adds;
  const auto step = std::max<std::size_t>(2, static_cast<std::size_t>(std::ceil(work / kOtherWork)));
  const ThreadArena arena(2);
  for (const auto& config : selections) expect_all_verified(config, step, arena.parallel(), findings);
}

void check_threads(const Variant& variant, Findings& findings) {
  for (const int threads : {1, 3, 8}) {
    const ThreadArena arena(threads);
    expect_all_verified(defaults(variant), 4, arena.parallel(), findings);
  }
}

void check_strides(const Variant& variant, Findings& findings) {
  const auto config = defaults(variant);
  for (const auto& p : supported_problems(config)) {
    if (p.n_q < 3 || p.n_k > 150) continue;
    findings.examined();
    const auto& tensors = made_problem(config, p).tensors;
    const auto want = reference_output(config, p, tensors.inputs(p));
    for (const auto layout : kLayouts) {
      const auto q = lay_out(tensors.q, layout), k = lay_out(tensors.k, layout), v = lay_out(tensors.v, layout);
      const LaidExtras extras(tensors.inputs(p).extras, layout);
      const Inputs inputs{q.ref, k.ref, v.ref, tensors.inputs(p).mask, extras.views};
      const auto out = run(config, p, inputs, Parallel(), layout);
      const std::span<const float> values(out.data(), want.rows.size());
      for (const auto& reason : compare(values, settled(values, want.rows, want.undecided), p).reasons)
        findings.add(fmt::format("{}, inputs and output {}: {}", to_string(p), name_of(layout), reason));
    }
  }
}

void check_nan_policy(const Variant& variant, Findings& findings) {
  const auto config = defaults(variant);
  for (const auto& p : supported_problems(config)) {
    if (p.n_k < 2 || p.n_k > 300) continue;
    findings.examined();
    spoil_and_compare(config, p, findings);
  }
}

void check_lowest_mask(const Variant& variant, Findings& findings) {
  if (variant.attends) return;  // a pattern may hide key 0, which every row must see
  for (const char* text :
       {"b2 h3 n97 d33 mask=additive", "b1 h4:1 n113 d64 causal mask=additive:h", "b1 h2 n5:267 d8 mask=additive"}) {
    const auto p = parse_problem(text);
    if (!supports(defaults(variant), p)) continue;
    findings.examined();
    lower_and_compare(defaults(variant), p, findings);
  }
}

// The host restores the environment (plugins/float_environment.h), so this spoils no result here; in another program it would.
void check_float_environment(const Variant& variant, Findings& findings) {
  using plugins::FloatEnvironment;
  const auto config = defaults(variant);
  const auto p = fitting(variant, parse_problem("b1 h2 n33 d8"));
  if (!supports(config, p)) return;
  findings.examined();
  const auto before = FloatEnvironment::now();
  const auto tensors = random_inputs(config, p);
  for (const int threads : {1, 2}) {
    const ThreadArena arena(threads);
    run(config, p, tensors.inputs(p), arena.parallel());
  }
  auto left = before.changes(FloatEnvironment::now());
  before.apply();
  if (const auto* adapter = adapter_of(variant)) left |= adapter->float_changes();
  if (left != 0) findings.add("leaves the floating-point environment changed after run: " + plugins::words_of(left));
  const auto* plugin = plugin_of(variant);
  if (plugin && plugin->float_changes != 0)
    findings.add("sets " + plugins::words_of(plugin->float_changes) + " at load; link it without -ffast-math");
}

}  // namespace attnbench::contract
