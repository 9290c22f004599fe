// Peak probe: the single-precision multiply-add rate that the machine gives right now, on the same threads and instruction set as a
// variant. A few milliseconds beside every timed point tell a slow variant from a machine that has slowed down.
#pragma once

#include <functional>

#include "harness/measure/calibration.h"
#include "variants/api/parallel.h"

namespace attnbench {

/// GFLOP/s (a multiply-add counts two) over all threads of `parallel`: the best of bursts of half a millisecond, repeated until
/// three agree with the best, 40 ms unless the machine is starved; and how far the middle burst lay below it, which says how much
/// the machine was taken away. A burst counts only when all threads ran at once; best is 0 when none did.
Ceiling probe_peak(const Parallel& parallel);

/// The best alone.
inline double probe_peak_gflops(const Parallel& parallel) { return probe_peak(parallel).best; }

/// The peak for a case whose declared work needs `needed` GFLOP/s where the probes around it found `found`. Probes may have been
/// disturbed, so it probes up to 12 times more, about a second. Two threads may also have shared one core during all of them; then
/// the peak is that of one thread (`alone`) times `cores`, the most that the threads of the case (`together`) can have.
double undisturbed_peak(double found, double needed, int cores, const std::function<double()>& together,
                        const std::function<double()>& alone);

}  // namespace attnbench
