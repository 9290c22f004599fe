// What an external library's call is declared to cost: the work its problem requires, for the throughput columns. What the library
// really executes is its own affair and cannot be counted from outside, but for whole score matrices and repeated keys and values,
// told by the memory it takes. Beside that, the memory and the start of the library, for plans and predictions.
#pragma once

#include <cstdint>

#include "variants/external/external_variant.h"

namespace attnbench::external {

/// Pairs that the causal diagonal leaves over all batch entries and query heads. Dense masks are not looked into.
double visible_pairs(const attnbench_problem& problem);

/// Whether the causal diagonal cuts anything off: a single query aligned bottom-right sees every key.
bool causal_cuts(const attnbench_problem& problem);

/// Fills in `cost`; its head is the host's.
void declare_cost(const ExternalVariant& external, const attnbench_problem& problem, attnbench_cost& cost);

}  // namespace attnbench::external
