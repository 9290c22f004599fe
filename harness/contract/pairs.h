// Pairs: the (query, key) pairs that a variant must take, walked one by one, to hold its declared cost against.
#pragma once

#include "harness/contract/cases.h"
#include "harness/contract/random_inputs.h"
#include "variants/api/oracle.h"

namespace attnbench::contract {

/// Problems whose visible pairs do not depend on the values of a dense mask.
constexpr const char* kCountedProblems[] = {
    "b1 h2 n97 d16",
    "b2 h4:2 n130 d8 causal",
    "b1 h2 n65:130 d8:24 causal-bottom-right",
    "b2 h2 n130:65 d8 causal-top-left",
    "b1 h3 n97:33 d8 causal-bottom-right",
    "b2 h2 n97 d8 klen=97,40",
    "b2 h2 n70:200 d8 causal-bottom-right klen=150,200",
    "b1 h2 n113 d8 window=9:4",
    "b1 h2 n113 d8 causal window=40:0 softcap=5",
    "b1 h4:1 n1:300 d32 causal-bottom-right",
};

/// Calls visit(b, h, i, j) for each pair that the problem's masks and the variant's pattern leave.
template <class Visit>
void for_each_pair(const VariantConfig& config, const Problem& p, Visit visit) {
  const auto prepared = prepare(*config.variant, p, config.params, kSeed, 1);
  const auto tensors = random_inputs(config, p);
  for (std::int64_t t = 0; t < p.batch * p.heads_q * p.n_q; ++t) {
    const auto b = t / (p.heads_q * p.n_q), h = t / p.n_q % p.heads_q, i = t % p.n_q;
    for (std::int64_t j = 0; j < p.n_k; ++j) {
      if (!problem_attends(p, tensors.inputs(p), b, h, i, j)) continue;
      if (config.variant->attends && !config.variant->attends({p, config.params, prepared}, b, h, i, j)) continue;
      visit(b, h, i, j);
    }
  }
}

}  // namespace attnbench::contract
