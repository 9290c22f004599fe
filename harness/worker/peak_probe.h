// Peak probe: the single-precision multiply-add rate that the machine gives right now, on the same threads as a variant. A few
// milliseconds beside every timed point tell a slow variant from a machine that has slowed down.
#pragma once

#include "variants/api/parallel.h"

namespace attnbench {

/// GFLOP/s (a multiply-add counts two) over all threads of `parallel`: the best of a few bursts of about a millisecond each.
double probe_peak_gflops(const Parallel& parallel);

}  // namespace attnbench
