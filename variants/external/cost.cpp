#include "variants/external/cost.h"

#include <algorithm>

#include "variants/external/multi_head.h"

namespace attnbench::external {
namespace {

constexpr double kFloat = 4, kMiB = 1024 * 1024;  // bytes
// Of the problem's tensors, as measured: the output that PyTorch allocates; shared memory, the adapter's own, the library's layout,
// its scratch.
constexpr double kLibraryCopies = 1, kAdapterCopies = 4;

double mask_bytes(const attnbench_problem& p) {
  if (p.mask_kind == ATTNBENCH_NO_MASK) return 0;
  const double copies = static_cast<double>((p.mask_per_batch ? p.batch : 1) * (p.mask_per_head ? p.heads_q : 1));
  return copies * static_cast<double>(p.n_q) * static_cast<double>(p.n_k) * (p.mask_kind == ATTNBENCH_BOOLEAN_MASK ? 1 : kFloat);
}

// Q, K, V, O and the dense mask once each.
double compulsory_bytes(const attnbench_problem& p) {
  const auto rows_q = static_cast<double>(p.batch * p.heads_q * p.n_q), rows_k = static_cast<double>(p.batch * p.heads_kv * p.n_k);
  return kFloat * (rows_q + rows_k) * static_cast<double>(p.d_qk + p.d_v) + mask_bytes(p);
}

// K and V as they are once repeated for every query head; 0 where each head has its own anyway.
double stretched_bytes(const attnbench_problem& p) {
  if (p.heads_q == p.heads_kv) return 0;
  return kFloat * static_cast<double>(p.batch * p.heads_q * p.n_k) * static_cast<double>(p.d_qk + p.d_v);
}

}  // namespace

bool causal_cuts(const attnbench_problem& p) {
  return p.causal != ATTNBENCH_NOT_CAUSAL && !(p.n_q == 1 && p.causal == ATTNBENCH_BOTTOM_RIGHT);
}

double visible_pairs(const attnbench_problem& p) {
  if (p.causal == ATTNBENCH_NOT_CAUSAL)
    return static_cast<double>(p.batch * p.heads_q) * static_cast<double>(p.n_q) * static_cast<double>(p.n_k);
  const auto shift = p.causal == ATTNBENCH_BOTTOM_RIGHT ? p.n_k - p.n_q : 0;
  double pairs = 0;
  for (std::int64_t i = 0; i < p.n_q; ++i) pairs += static_cast<double>(std::clamp<std::int64_t>(i + shift + 1, 0, p.n_k));
  return static_cast<double>(p.batch * p.heads_q) * pairs;
}

void declare_cost(const ExternalVariant& external, const attnbench_problem& p, attnbench_cost& cost) {
  const double all = static_cast<double>(p.batch * p.heads_q) * static_cast<double>(p.n_q) * static_cast<double>(p.n_k);
  cost.pairs = visible_pairs(p);
  cost.multiply_adds = cost.pairs * static_cast<double>(p.d_qk + p.d_v);
  cost.exps = cost.pairs;
  cost.bytes = compulsory_bytes(p);
  const double matrices = causal_cuts(p) ? external.scores.causal : external.scores.plain;
  const double stretched = external.stretched_copies * stretched_bytes(p);
  cost.bytes += 2 * (stretched + (matrices > 0 ? kFloat * all : 0));
  const double copies = external.engine == Engine::adapter ? kAdapterCopies : kLibraryCopies;
  cost.external_bytes = external.resident_mib * kMiB + matrices * kFloat * all + stretched + copies * compulsory_bytes(p);
  cost.start_seconds = external.start_seconds;
  if (external.mathematics == Mathematics::multi_head) add_projection_cost(p, cost);
}

}  // namespace attnbench::external
