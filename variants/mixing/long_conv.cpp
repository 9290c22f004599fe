// A convolution with a filter as long as the sequence, between two gates.
//
//   y_i = q_i o sum_{j <= i} h_{i-j} (k_j o v_j),  o element by element       Poli et al. 2023, Hyena Hierarchy, section 3, N = 2
//
// gate=none leaves q and k out: y = h * v, the layer of a linear state space. Each head has one filter h for its channels
// (Massaroli et al. 2023, Laughing Hyena Distillery, multi-head convolution; Hyena itself has one per channel), made in prepare(),
// its squares summing to 1: `random` numbers under exp(-t / (n / 4)), n / 8, n / 16, ... by head, as Hyena's window decays, or
// `s4d`, a diagonal state space of 32 modes A_m = -1/2 + i pi m (Gu et al. 2022, S4D-Lin) with a step between 0.001 and 0.1 by
// head. Transforms of the next power of two from 2 n - 1 on: with fewer the end would come around into the beginning. Tokens beyond
// a key length are 0. Cost: 5 N log2 N / 2 + 2 N multiply-adds per channel, N = 2 n; extra memory: 32 N floats per thread, 3 N per
// head of prepared tables. Every row of a transform meets every other: what comes later changes what came before by rounding
// errors, and a NaN spreads to all rows.
// Time against causal blockwise at d 64 (AVX-512, one thread): 0.25 at n 1024, 0.08 at n 4096.
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/fourier/long_convolution.h"
#include "variants/kernels/random_weights.h"

namespace attnbench {
namespace {

constexpr int kModes = 32;  // pairs of them, of a state space

constexpr ParamSpec kParams[] = {
    choice_param("gate", "qk", "qk|none", "qk: k multiplies what goes in, q what comes out"),
    choice_param("filter", "random", "random|s4d", "random numbers that decay, or a diagonal state space"),
};

// ---- Filters -------------------------------------------------------------------------------------------------------------

using Filter = std::vector<double>;  // [n]

Filter random_filter(std::int64_t n, std::int64_t head, std::uint64_t seed) {
  const double length = std::max(1.0, static_cast<double>(n) / std::exp2(2 + head % 6));
  const auto drawn = kernels::random_weights(n, 1, seed, static_cast<std::uint64_t>(head));
  Filter h(drawn.begin(), drawn.end());
  for (std::int64_t t = 0; t < n; ++t) h[static_cast<std::size_t>(t)] *= std::exp(-static_cast<double>(t) / length);
  return h;
}

// h_t = Re sum_m C_m e^{t step A_m}
Filter state_space_filter(std::int64_t n, std::int64_t head, std::uint64_t seed) {
  const auto c = kernels::random_weights(2 * kModes, 1, seed, static_cast<std::uint64_t>(head));
  const double step = 0.001 * std::pow(100.0, static_cast<double>(head % 8) / 7);
  Filter h(static_cast<std::size_t>(n), 0.0);
  for (std::size_t m = 0; m < kModes; ++m) {
    const auto turn = std::exp(step * std::complex<double>(-0.5, std::numbers::pi * static_cast<double>(m)));
    std::complex<double> term(c[2 * m], c[2 * m + 1]);
    for (auto& value : h) {
      value += term.real();
      term *= turn;
    }
  }
  return h;
}

// Its squares sum to 1, so that outputs of N(0, 1) tokens are as large as they.
Filter normalised(Filter h) {
  double squares = 0;
  for (const double value : h) squares += value * value;
  for (auto& value : h) value /= std::sqrt(squares);
  return h;
}

struct Layer {
  std::vector<Filter> filters;                  // per head
  kernels::FftPlan plan;                        // of the padded length
  std::vector<kernels::ComplexFloats> spectra;  // per head
};

std::int64_t padded_length(const Problem& p) { return kernels::power_of_two_from(2 * p.n_k - 1); }

Prepared make_layer(const PrepareTask& task) {
  const auto& p = task.problem;
  Layer layer;
  layer.plan = kernels::make_fft_plan(padded_length(p));
  for (std::int64_t h = 0; h < p.heads_kv; ++h)
    layer.filters.push_back(normalised(task.params.choice("filter") == "s4d" ? state_space_filter(p.n_k, h, task.seed)
                                                                             : random_filter(p.n_k, h, task.seed)));
  for (std::size_t h = 0; h < layer.filters.size(); h += 2) {
    const bool last = h + 1 == layer.filters.size();
    auto spectra = kernels::scaled_spectra(layer.filters[h], last ? Filter{} : layer.filters[h + 1], layer.plan.size);
    layer.spectra.push_back(std::move(spectra.first));
    if (!last) layer.spectra.push_back(std::move(spectra.second));
  }
  const auto per_head =
      sizeof(double) * static_cast<std::size_t>(p.n_k) + 2 * sizeof(float) * static_cast<std::size_t>(layer.plan.size);
  const auto bytes = layer.plan.bytes() + static_cast<std::size_t>(p.heads_kv) * per_head;
  return Prepared::of(std::move(layer), bytes);
}

// ---- The computation -----------------------------------------------------------------------------------------------------

void convolve(const RunTask& task, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t channels, float* scratch) {
  const auto& p = task.problem;
  const auto& layer = task.prepared.as<Layer>();
  const auto q = task.inputs.queries(), k = task.inputs.keys(), v = task.inputs.values();
  const auto out = task.out();
  const bool gated = task.params.choice("gate") == "qk";
  kernels::convolve({gated ? q.row(b, h, 0) + first : nullptr, gated ? k.row(b, h, 0) + first : nullptr, q.row_stride(),
                     k.row_stride(), v.row(b, h, 0) + first, v.row_stride(), out.row(b, h, 0) + first, out.row_stride(), channels,
                     p.n_q, p.key_count(b), layer.plan, layer.spectra[static_cast<std::size_t>(h)].data()},
                    scratch);
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto most = kernels::most_channels(), groups = ceil_div(p.d_v, most);
  const auto floats = kernels::convolution_floats(task.prepared.as<Layer>().plan);
  const auto scratch = task.workspace.allocate<float>(task.parallel.threads() * floats);
  task.parallel.for_each(p.batch * p.heads_q * groups, [&](std::int64_t t, int slot) {
    const auto head = t / groups, first = t % groups * most;
    convolve(task, head / p.heads_q, head % p.heads_q, first, std::min(most, p.d_v - first), scratch.data() + slot * floats);
  });
}

std::size_t workspace(const Problem& p, const Params&, int threads) {
  return workspace_bytes<float>(threads * kernels::convolution_floats({.size = padded_length(p)}));
}

// Two channels share one transform there and one back.
Cost cost(const Problem& p, const Params& params) {
  const double size = static_cast<double>(padded_length(p)), channels = static_cast<double>(p.batch * p.heads_q * p.d_v);
  const double gates = params.choice("gate") == "qk" ? 2 * static_cast<double>(p.n_q) : 0;
  return {.multiply_adds = channels * (kernels::multiply_adds_of_power(padded_length(p)) + size + gates),
          .bytes = compulsory_bytes(p) + 8 * static_cast<double>(p.heads_kv) * size,
          .depth = std::max(1.0, 2 * std::log2(size))};
}

// ---- Float64 reference: the sum over earlier tokens ----------------------------------------------------------------------

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const bool gated = task.params.choice("gate") == "qk";
  const auto rows = static_cast<std::int64_t>(task.rows.size());
  task.parallel.for_each(p.batch * p.heads_q * rows, [&](std::int64_t t, int) {
    const auto b = t / (p.heads_q * rows), h = t / rows % p.heads_q, i = task.rows[static_cast<std::size_t>(t % rows)];
    const auto& filter = task.prepared.as<Layer>().filters[static_cast<std::size_t>(h)];
    double* out = task.out_row(b, h, t % rows);
    std::fill_n(out, p.d_v, 0.0);
    for (std::int64_t j = 0; j < p.n_k; ++j) {
      if (!problem_attends(p, task.inputs, b, h, i, j)) continue;
      const float *k = task.inputs.keys().row(b, h, j), *v = task.inputs.values().row(b, h, j);
      for (std::int64_t c = 0; c < p.d_v; ++c)
        out[c] += filter[static_cast<std::size_t>(i - j)] * static_cast<double>(v[c]) * (gated ? static_cast<double>(k[c]) : 1);
    }
    const float* q = task.inputs.queries().row(b, h, i);
    for (std::int64_t c = 0; c < p.d_v && gated; ++c) out[c] *= static_cast<double>(q[c]);
  });
}

}  // namespace

ATTNBENCH_VARIANT(long_conv) = {
    .name = "long_conv",
    .summary = "gates around a causal convolution as long as the sequence, by fast Fourier transforms",
    .paper = "Poli et al. 2023, Hyena Hierarchy: Towards Larger Convolutional Language Models, section 3",
    .equation = "y_i = q_i o sum_{j <= i} h_{i-j} (k_j o v_j); gate=none: y_i = sum_{j <= i} h_{i-j} v_j",
    .computes = Computes::own_definition,
    .time_label = "O(n log n d)",
    .memory_label = "O(n)",
    .supports = kCausal | kKeyLengths,
    .laws = kIndependentHeads | kCausalToRounding,
    .needs = kCausal,
    .rates = {5e9, 0.2e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_layer,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
