// NAME: the idea in one line, for a reader who knows the paper.
//
//   O = softmax(scale Q K^T + mask) V                       Author year, section, equation
//
// Written by `attnbench new-variant`. It is exact attention row by row and keeps the whole contract as it is: change one thing
// after the other and check again. Here belong: what it costs, what it cannot do, where it deviates from the paper.
#include "variants/api/variant.h"

#include <algorithm>
#include <cmath>

namespace attnbench {
namespace {

// Parameters are declared once, with default, range and help, and set on the command line: NAME(rows=8).
constexpr ParamSpec kParams[] = {
    integer_param("rows", 16, 1, 4096, "query rows in one task; larger ones mean fewer tasks and less even threads"),
};

// q . k, both of `dim` floats. Rows of a tensor are contiguous, whatever the other strides are.
float dot(const float* q, const float* k, std::int64_t dim) {
  float sum = 0;
  for (std::int64_t c = 0; c < dim; ++c) sum += q[c] * k[c];
  return sum;
}

// Output row i of query head h, batch entry b. `weights`: n_k floats of this thread's scratch.
void attend_row(const RunTask& task, std::int64_t b, std::int64_t h, std::int64_t i, float* weights) {
  const auto& p = task.problem;
  const auto kv = p.kv_head(h);  // grouped heads share keys and values
  const float scale = static_cast<float>(p.effective_scale());
  const float* q = task.inputs.queries().row(b, h, i);
  float* out = task.out().row(b, h, i);

  // Every element of the output must be written; a row that sees no key is exactly 0.
  std::fill_n(out, p.d_v, 0.0f);
  // Causal mask, window and key lengths together leave one range. Keys outside may hold NaN: they are never read.
  const auto keys = visible_keys(p, b, i);
  if (keys.size() == 0) return;

  for (auto j = keys.begin; j < keys.end; ++j) weights[j] = scale * dot(q, task.inputs.keys().row(b, kv, j), p.d_qk);
  const float top = *std::max_element(weights + keys.begin, weights + keys.end);
  float total = 0;
  for (auto j = keys.begin; j < keys.end; ++j) total += weights[j] = std::exp(weights[j] - top);
  for (auto j = keys.begin; j < keys.end; ++j) {
    const float* v = task.inputs.values().row(b, kv, j);
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weights[j] / total * v[c];
  }
}

// The timed function. Scratch comes from task.workspace, threads from task.parallel; no heap, no exception. The same thread count
// must give the same bits, so nothing may depend on `slot` but which scratch is used.
void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto weights = task.workspace.allocate<float>(task.parallel.threads() * p.n_k);
  task.parallel.for_ranges(
      p.batch * p.heads_q * p.n_q, task.params.integer("rows"), [&](std::int64_t begin, std::int64_t end, int slot) {
        for (auto t = begin; t < end; ++t)
          attend_row(task, t / (p.heads_q * p.n_q), t / p.n_q % p.heads_q, t % p.n_q, weights.data() + slot * p.n_k);
      });
}

// Exactly what run() allocates: a sum of workspace_bytes<T>(count).
std::size_t workspace(const Problem& p, const Params&, int threads) { return workspace_bytes<float>(threads * p.n_k); }

// The work of one call, from which FLOP/s, predictions and skips come. Bytes: inputs and output once; the weights stay in cache.
Cost cost(const Problem& p, const Params&) {
  const double pairs = visible_pairs(p);
  return {
      .multiply_adds = pairs * static_cast<double>(p.d_qk + p.d_v), .exps = pairs, .bytes = compulsory_bytes(p), .pairs = pairs};
}

}  // namespace

ATTNBENCH_VARIANT(NAME) = {
    .name = "NAME",
    .summary = "one line for `attnbench list`",
    .paper = "Author year, title, section",
    .equation = "O = softmax(Q K^T / sqrt(d) + mask) V",
    // exact_softmax is judged by the suite's float64 oracle, masked_softmax by the same with your pattern (`attends`);
    // approximates_softmax and own_definition bring a float64 `oracle` of their own.
    .computes = Computes::exact_softmax,
    .time_label = "O(n^2 d)",
    .memory_label = "O(n) per thread",
    // A problem that needs anything else is refused before run(); `unsupported` may add reasons of its own.
    .supports = kGqa | kCross | kUnequalDims | kCausal | kWindow | kKeyLengths | kScale,
    .laws = kSoftmaxLaws,
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .run = run,
};

}  // namespace attnbench
