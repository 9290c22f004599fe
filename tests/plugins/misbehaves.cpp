// Variants that are found and planned like any other, and then do what a variant must not.
#include <csignal>
#include <stdexcept>

#include "variants/api/variant.h"

namespace attnbench {
namespace {

void fill(const RunTask& task, float value) {
  const auto& p = task.problem;
  for (std::int64_t t = 0; t < p.batch * p.heads_q * p.n_q; ++t) {
    float* row = task.out().row(t / (p.heads_q * p.n_q), t / p.n_q % p.heads_q, t % p.n_q);
    for (std::int64_t c = 0; c < p.d_v; ++c) row[c] = value;
  }
}

void crash(const RunTask&) { std::raise(SIGKILL); }

void scribble(const RunTask& task) {
  const auto& p = task.problem;
  fill(task, 0);
  task.out().row(p.batch - 1, p.heads_q - 1, p.n_q - 1)[p.d_v] = 1;
}

void fail(const RunTask& task) {
  task.parallel.for_each(8, [](std::int64_t i, int) {
    if (i == 5) throw std::runtime_error("kernel 5 said no");
  });
}

void be_wrong(const RunTask& task) { fill(task, 42); }

void take_too_much(const RunTask& task) {
  task.workspace.allocate<float>(1000);
  fill(task, 0);
}

void exhaust(const RunTask&) { throw std::bad_alloc(); }

Cost cost(const Problem& p, const Params&) { return {.multiply_adds = visible_pairs(p), .bytes = compulsory_bytes(p)}; }

constexpr Variant misbehaving(const char* name, void (*run)(const RunTask&), const char* unavailable = nullptr) {
  return {.name = name,
          .family = "fault",
          .summary = "does what a variant must not",
          .paper = "none",
          .computes = Computes::exact_softmax,
          .time_label = "O(n^2)",
          .memory_label = "O(1)",
          .supports = kEverything,
          .laws = kSoftmaxLaws,
          .cost = cost,
          .run = run,
          .unavailable = unavailable};
}

}  // namespace

ATTNBENCH_VARIANT(crashes_in_run) = misbehaving("crashes_in_run", crash);
ATTNBENCH_VARIANT(scribbles) = misbehaving("scribbles", scribble);
ATTNBENCH_VARIANT(fails_in_run) = misbehaving("fails_in_run", fail);
ATTNBENCH_VARIANT(is_wrong) = misbehaving("is_wrong", be_wrong);
ATTNBENCH_VARIANT(takes_too_much) = misbehaving("takes_too_much", take_too_much);
ATTNBENCH_VARIANT(exhausts_memory) = misbehaving("exhausts_memory", exhaust);
ATTNBENCH_VARIANT(is_missing) = misbehaving("is_missing", be_wrong, "libneeded.so.3 is not installed");

}  // namespace attnbench
