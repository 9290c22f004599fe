#include "variants/kernels/linear/recurrent_oracle.h"

#include <algorithm>
#include <cmath>

namespace attnbench {
namespace {

// S of one key/value head, row by row.
struct State {
  std::int64_t d_qk, d_v;
  std::vector<double> s;

  double* row(std::int64_t r) { return s.data() + r * d_v; }
};

// out[c] = sum_r x[r] S[r][c]
void read(State& state, const double* x, double* out) {
  std::fill_n(out, state.d_v, 0.0);
  for (std::int64_t r = 0; r < state.d_qk; ++r)
    for (std::int64_t c = 0; c < state.d_v; ++c) out[c] += x[r] * state.row(r)[c];
}

void advance(State& state, const ExactStep& step, bool erases, const float* v, std::vector<double>& erased) {
  if (erases) read(state, step.a.data(), erased.data());
  for (std::int64_t r = 0; r < state.d_qk; ++r) {
    const auto at = static_cast<std::size_t>(r);
    for (std::int64_t c = 0; c < state.d_v; ++c) {
      double& s = state.row(r)[c];
      s = s * step.decay[at] + step.k[at] * static_cast<double>(v[c]);
      if (erases) s += step.b[at] * erased[static_cast<std::size_t>(c)];
    }
  }
}

// What of v at its own position a row takes in beside what S gives.
double own_share(const ExactRecurrence& recurrence, const ExactStep& step, const std::vector<double>& q) {
  if (!recurrence.reads_first) return step.skip;
  double share = 0;
  for (std::size_t c = 0; c < q.size(); ++c) share += q[c] * step.bonus[c] * step.k[c];
  return share;
}

// One key/value head and the query heads that share it.
void walk(const OracleTask& task, const ExactRecurrence& recurrence, std::int64_t b, std::int64_t kv) {
  const auto& p = task.problem;
  const auto d_qk = static_cast<std::size_t>(p.d_qk), group = static_cast<std::size_t>(p.heads_q / p.heads_kv);
  const auto keys = p.key_count(b);
  const auto v = task.inputs.values();
  State state{p.d_qk, p.d_v, std::vector<double>(d_qk * static_cast<std::size_t>(p.d_v))};
  ExactStep step{std::vector<double>(d_qk), std::vector<double>(d_qk), std::vector<double>(d_qk), std::vector<double>(d_qk)};
  std::vector<double> q(d_qk), erased(static_cast<std::size_t>(p.d_v));
  std::int64_t seen = 0;
  for (std::size_t r = 0; r < task.rows.size(); ++r) {
    const auto own = p.position(task.rows[r]);
    const bool has_own = own >= 0 && own < keys;
    for (; seen < std::min(keys, own + (recurrence.reads_first ? 0 : 1)); ++seen) {
      recurrence.step(task, b, kv, seen, step);
      advance(state, step, recurrence.erases, v.row(b, kv, seen), erased);
    }
    if (has_own) recurrence.step(task, b, kv, own, step);
    for (std::size_t g = 0; g < group; ++g) {
      const auto h = kv * static_cast<std::int64_t>(group) + static_cast<std::int64_t>(g);
      double* out = task.out_row(b, h, static_cast<std::int64_t>(r));
      recurrence.query(task, b, h, task.rows[r], q.data());
      read(state, q.data(), out);
      const double share = has_own ? own_share(recurrence, step, q) : 0;
      for (std::int64_t c = 0; c < p.d_v && share != 0; ++c) out[c] += share * static_cast<double>(v.row(b, kv, own)[c]);
    }
  }
}

}  // namespace

void recurrence_oracle(const OracleTask& task, const ExactRecurrence& recurrence) {
  const auto& p = task.problem;
  task.parallel.for_each(p.batch * p.heads_kv,
                         [&](std::int64_t t, int) { walk(task, recurrence, t / p.heads_kv, t % p.heads_kv); });
}

void exact_scaled_row(const float* row, std::int64_t d, double factor, double* out) {
  for (std::int64_t c = 0; c < d; ++c) out[c] = static_cast<double>(row[c]) * factor;
}

void exact_unit_row(const float* row, std::int64_t d, double factor, double* out) {
  double squares = 1e-6;
  for (std::int64_t c = 0; c < d; ++c) squares += static_cast<double>(row[c]) * static_cast<double>(row[c]);
  for (std::int64_t c = 0; c < d; ++c) out[c] = static_cast<double>(row[c]) * factor / std::sqrt(squares);
}

void exact_unit_query(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, double* q) {
  exact_unit_row(task.inputs.queries().row(b, h, i), task.problem.d_qk, task.problem.effective_scale(), q);
}

}  // namespace attnbench
