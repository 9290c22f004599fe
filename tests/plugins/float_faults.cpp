// A plugin that changes the floating-point environment: at load, as -ffast-math does with some linkers, and in run().
#ifdef __x86_64__
#include <xmmintrin.h>
#endif
#include <cfenv>

#include "tests/plugins/exact_attention.h"

namespace attnbench {
namespace {

void flush_to_zero() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040);
#elif defined(__aarch64__)
  unsigned long long control = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  __asm__ volatile("msr fpcr, %0" : : "r"(control | 1ull << 24));
#endif
}

__attribute__((constructor)) void at_load() { flush_to_zero(); }

void run(const RunTask& task) { exact::attend(task); }

void flush_in_bodies(const RunTask& task) {
  exact::attend(task);
  task.parallel.for_each(8 * task.parallel.threads(), [](std::int64_t, int) { flush_to_zero(); });
  flush_to_zero();
}

void round_down(const RunTask& task) {
  exact::attend(task);
  std::fesetround(FE_DOWNWARD);
}

// Flushes while it starts the host's loop, whose new threads would inherit it.
void flush_around_loop(const RunTask& task) {
  const auto row_scratch = exact::scratch(task);
  flush_to_zero();
  task.parallel.for_each(exact::rows(task.problem),
                         [&](std::int64_t t, int slot) { exact::attend_row(task, t, row_scratch + slot * task.problem.n_k); });
}

}  // namespace

ATTNBENCH_VARIANT(flushes_at_load) = exact::variant("flushes_at_load", run);
ATTNBENCH_VARIANT(flushes_in_run) = exact::variant("flushes_in_run", flush_in_bodies);
ATTNBENCH_VARIANT(rounds_down) = exact::variant("rounds_down", round_down);
ATTNBENCH_VARIANT(flushes_around_loop) = exact::variant("flushes_around_loop", flush_around_loop);

}  // namespace attnbench
