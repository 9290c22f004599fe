// Variants that are right when they are verified and then cheat: on work, memory, threads or clocks. `attnbench run` must end
// non-zero on each and name what it did.
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <thread>
#include <vector>

#include "tests/plugins/exact_attention.h"

namespace attnbench {
namespace {

std::atomic<int> calls{0};

// Right for three calls, then every third row.
void third_of_rows(const RunTask& task) { exact::attend(task, ++calls > 3 ? 3 : 1); }

// Right for three calls, then back at once.
void return_at_once(const RunTask& task) {
  if (++calls <= 3) exact::attend(task);
}

// Right only when it finds the output poisoned, as a verifier leaves it.
void work_on_poison(const RunTask& task) {
  const auto& p = task.problem;
  if (std::isnan(task.out().row(0, 0, 0)[0]) || std::isnan(task.out().row(p.batch - 1, p.heads_q - 1, p.n_q - 1)[p.d_v - 1]))
    exact::attend(task);
}

// Right on one thread only.
void right_on_one_thread(const RunTask& task) { exact::attend(task, task.parallel.threads() == 1 ? 1 : 2); }

// Right on the rows that a verification of seed 1 compares where n is 2048 (harness/worker/verify.cpp), wrong between them.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

std::set<std::int64_t> known_rows(std::int64_t n) {
  std::set<std::int64_t> rows = {0, 1, n - 2, n - 1};
  for (const std::int64_t edge : {16, 32, 48, 64, 96, 128, 256, 512, 1024, 4096})
    rows.insert({edge - 1, edge, n / edge * edge - 1, n / edge * edge});
  std::uint64_t seed = 1;
  for (int t = 0; t < 24; ++t) rows.insert(static_cast<std::int64_t>(next_random(seed) % static_cast<std::uint64_t>(n)));
  return rows;
}

void know_the_rows(const RunTask& task) {
  const auto& p = task.problem;
  if (p.n_q <= 1024) return exact::attend(task);
  const auto known = known_rows(p.n_q);
  float* weights = exact::scratch(task);
  for (std::int64_t t = 0; t < exact::rows(p); ++t) {
    const auto i = t % p.n_q;
    if (known.contains(i)) exact::attend_row(task, t, weights);
    else std::fill_n(task.out().row(t / (p.heads_q * p.n_q), t / p.n_q % p.heads_q, i), p.d_v, 0.5f);
  }
}

std::size_t matrix_bytes(const RunTask& task) {
  return static_cast<std::size_t>(task.problem.n_q * task.problem.n_k) * sizeof(float);
}

void touch(void* memory, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 4096) static_cast<volatile char*>(memory)[at] = 1;
}

void malloc_matrix(const RunTask& task) {
  void* matrix = std::malloc(matrix_bytes(task));
  touch(matrix, matrix_bytes(task));
  exact::attend(task);
  std::free(matrix);
}

void mmap_matrix(const RunTask& task) {
  void* matrix = ::mmap(nullptr, matrix_bytes(task), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  touch(matrix, matrix_bytes(task));
  exact::attend(task);
  ::munmap(matrix, matrix_bytes(task));
}

// Takes its matrix once and keeps it.
void keep_matrix(const RunTask& task) {
  static std::vector<char> matrix;
  if (matrix.empty()) matrix.resize(64u << 20, 1);
  exact::attend(task);
}

// Half of the rows on a thread of its own.
void start_a_thread(const RunTask& task) {
  const auto& p = task.problem;
  float* weights = exact::scratch(task);
  std::vector<float> own(static_cast<std::size_t>(p.n_k));
  const auto half = exact::rows(p) / 2;
  std::thread helper([&] {
    for (std::int64_t t = 0; t < half; ++t) exact::attend_row(task, t, own.data());
  });
  for (auto t = half; t < exact::rows(p); ++t) exact::attend_row(task, t, weights);
  helper.join();
}

void run(const RunTask& task) { exact::attend(task); }

Cost eightfold(const Problem& p, const Params&) {
  auto cost = exact::cost(p, {});
  cost.multiply_adds *= 8;
  return cost;
}

// The declared work of an approximation cannot be counted from outside; that no machine does so much can be seen.
Cost millionfold(const Problem& p, const Params&) {
  auto cost = exact::cost(p, {});
  cost.multiply_adds *= 1e6;
  return cost;
}

// Of its own definition: exact attention, whose pairs nobody counts.
void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  std::vector<double> weights(static_cast<std::size_t>(p.n_k));
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t h = 0; h < p.heads_q; ++h)
      for (std::size_t r = 0; r < task.rows.size(); ++r) {
        const auto keys = visible_keys(p, b, task.rows[r]);
        const float* q = task.inputs.queries().row(b, h, task.rows[r]);
        double* out = task.out_row(b, h, static_cast<std::int64_t>(r));
        double total = 0;
        std::fill_n(out, p.d_v, 0.0);
        for (auto j = keys.begin; j < keys.end; ++j) {
          double score = 0;
          for (std::int64_t c = 0; c < p.d_qk; ++c) score += double{q[c]} * task.inputs.keys().row(b, p.kv_head(h), j)[c];
          total += weights[static_cast<std::size_t>(j)] = std::exp(score * p.effective_scale());
        }
        for (auto j = keys.begin; j < keys.end; ++j)
          for (std::int64_t c = 0; c < p.d_v; ++c)
            out[c] += weights[static_cast<std::size_t>(j)] / total * task.inputs.values().row(b, p.kv_head(h), j)[c];
      }
}

constexpr Variant own_definition(const char* name, Cost (*declared)(const Problem&, const Params&)) {
  auto variant = exact::variant(name, run, declared);
  variant.computes = Computes::own_definition;
  variant.laws = 0;
  variant.oracle = oracle;
  return variant;
}

double time_calls(const RunTask& task, std::int64_t count) {
  const auto start = std::chrono::steady_clock::now();
  float* weights = exact::scratch(task);
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t t = 0; t < exact::rows(task.problem); ++t) exact::attend_row(task, t, weights);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double fifth_of_the_time(const RunTask& task, std::int64_t count) { return time_calls(task, count) / 5; }

constexpr Variant with_clock(const char* name, double (*clock)(const RunTask&, std::int64_t)) {
  auto variant = exact::variant(name, run);
  variant.time_calls = clock;
  return variant;
}

}  // namespace

ATTNBENCH_VARIANT(third_of_rows) = exact::variant("third_of_rows", attnbench::third_of_rows);
ATTNBENCH_VARIANT(returns_at_once) = exact::variant("returns_at_once", return_at_once);
ATTNBENCH_VARIANT(works_on_poison) = exact::variant("works_on_poison", work_on_poison);
ATTNBENCH_VARIANT(right_on_one_thread) = exact::variant("right_on_one_thread", attnbench::right_on_one_thread);
ATTNBENCH_VARIANT(knows_the_rows) = exact::variant("knows_the_rows", know_the_rows);
ATTNBENCH_VARIANT(mallocs_matrix) = exact::variant("mallocs_matrix", malloc_matrix);
ATTNBENCH_VARIANT(mmaps_matrix) = exact::variant("mmaps_matrix", mmap_matrix);
ATTNBENCH_VARIANT(keeps_matrix) = exact::variant("keeps_matrix", keep_matrix);
ATTNBENCH_VARIANT(starts_a_thread) = exact::variant("starts_a_thread", start_a_thread);
ATTNBENCH_VARIANT(honest) = exact::variant("honest", run);
ATTNBENCH_VARIANT(declares_eightfold) = exact::variant("declares_eightfold", run, eightfold);
ATTNBENCH_VARIANT(declares_millionfold) = own_definition("declares_millionfold", millionfold);
ATTNBENCH_VARIANT(divides_time) = with_clock("divides_time", fifth_of_the_time);
ATTNBENCH_VARIANT(honest_clock) = with_clock("honest_clock", time_calls);

}  // namespace attnbench
