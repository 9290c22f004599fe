#include "variants/kernels/linear/recurrent_engine.h"

#include <algorithm>

#include "variants/api/integers.h"
#include "variants/kernels/linear/sequence.h"
#include "variants/kernels/simd/vector_ops.h"

namespace attnbench::kernels {
namespace {

constexpr std::int64_t kColumns = 32;  // least number of columns of v that a task goes through the sequence for

std::int64_t group_size(const Problem& p) { return p.heads_q / p.heads_kv; }

std::int64_t column_parts(const Problem& p, int threads) {
  return std::clamp<std::int64_t>(ceil_div(threads, p.batch * p.heads_kv), 1, ceil_div(p.d_v, kColumns));
}

std::int64_t columns_per_part(const Problem& p, int threads) {
  return ceil_div(ceil_div(p.d_v, kColumns), column_parts(p, threads)) * kColumns;
}

// Per thread.
std::int64_t state_floats(const Problem& p, int threads) { return matrix_state_floats(p.d_qk, columns_per_part(p, threads)); }
std::int64_t scratch_floats(const Problem& p) { return recurrent_scratch_floats(p.d_qk, group_size(p)); }

// One task: some columns of v of a key/value head, through the whole sequence.
struct Walk {
  const RunTask& task;
  const Recurrence& recurrence;
  FactorsFunction factors;
  TensorView<const float> log_decay;
  std::int64_t b, kv;
  KeyRange columns;
  MatrixState state;
  float* scratch;
  PositionFactors at{};  // of the last key on

  const Problem& problem() const { return task.problem; }
};

void step(Walk& walk, KeyRange positions, bool keys, bool rows) {
  Rows<const float> log_decay{};
  if (keys) {
    std::fill_n(walk.at.weight, kMaxPositions, 1.0f);
    if (walk.factors) walk.factors(walk.task, walk.b, walk.kv, positions, walk.at);
    if (walk.log_decay.data) log_decay = {walk.log_decay.row(walk.b, walk.kv, positions.begin), walk.log_decay.row_stride()};
  }
  const auto at = positions_at(walk.task, {walk.b, walk.kv, walk.columns.begin}, positions.begin, positions.size(), keys, rows);
  recurrent_steps(walk.recurrence, walk.state, at, log_decay, walk.at, walk.scratch);
  std::fill_n(walk.at.floor, kMaxPositions, walk.at.floor[positions.size() - 1]);
}

void go_through(Walk& walk) {
  const auto& p = walk.problem();
  const auto first_row = p.position(0), keys = p.key_count(walk.b), last = position_count(p);
  for (std::int64_t begin = std::min<std::int64_t>(0, last), end; begin < last; begin = end) {
    end = std::min(begin + step_limit(walk.recurrence), last);
    for (const auto cut : {first_row, keys})  // where rows begin and where keys end
      if (begin < cut) end = std::min(end, cut);
    if (begin < keys || begin >= first_row) step(walk, {begin, end}, begin < keys, begin >= first_row);
  }
}

}  // namespace

void set_decays(const TensorView<const float>& g, std::int64_t b, std::int64_t kv, KeyRange positions, PositionFactors& factors) {
  float x[kMaxPositions] = {};
  for (std::int64_t t = 0; t < positions.size(); ++t) x[t] = *g.row(b, kv, positions.begin + t);
  exp(x, x, positions.size());
  std::copy_n(x, positions.size(), factors.decay);
}

void set_weights(const TensorView<const float>& x, float factor, std::int64_t b, std::int64_t kv, KeyRange positions,
                 PositionFactors& factors) {
  for (std::int64_t t = 0; t < positions.size(); ++t) factors.weight[t] = factor * *x.row(b, kv, positions.begin + t);
}

void run_recurrence(const RunTask& task, const Recurrence& recurrence, FactorsFunction factors, TensorView<const float> log_decay) {
  const auto& p = task.problem;
  const int threads = task.parallel.threads();
  const auto parts = column_parts(p, threads), columns = columns_per_part(p, threads);
  const auto states = task.workspace.allocate<float>(threads * state_floats(p, threads));
  const auto scratch = task.workspace.allocate<float>(threads * scratch_floats(p));
  clear_fully_masked_rows(task);
  task.parallel.for_each(p.batch * p.heads_kv * parts, [&](std::int64_t t, int slot) {
    const KeyRange part{t % parts * columns, std::min((t % parts + 1) * columns, p.d_v)};
    if (part.size() == 0) return;
    float* sums = states.data() + slot * state_floats(p, threads);
    std::fill_n(sums, state_floats(p, threads), 0.0f);
    Walk walk{task,
              recurrence,
              factors,
              log_decay,
              t / parts / p.heads_kv,
              t / parts % p.heads_kv,
              part,
              {p.d_qk, part.size(), sums},
              scratch.data() + slot * scratch_floats(p)};
    std::fill_n(walk.at.floor, kMaxPositions, 1.0f);
    go_through(walk);
  });
}

std::size_t recurrence_workspace(const Problem& p, int threads) {
  return workspace_bytes<float>(threads * state_floats(p, threads)) + workspace_bytes<float>(threads * scratch_floats(p));
}

Cost recurrence_cost(const Problem& p, const Recurrence& recurrence, const std::vector<InputSpec>& extras) {
  Cost cost{.bytes = compulsory_bytes(p)};
  for (const auto& extra : extras) cost.bytes += static_cast<double>(extra.bytes());
  cost.depth = static_cast<double>(std::max<std::int64_t>(1, std::min(p.n_k, position_count(p))));
  const double size = static_cast<double>(p.d_qk * p.d_v);
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const double keys = static_cast<double>(std::min(p.key_count(b), position_count(p)) * p.heads_kv);
    const double rows = static_cast<double>(std::min(p.n_q, position_count(p)) * p.heads_q);
    cost.multiply_adds += keys * size * (recurrence.two_steps ? 3 : recurrence.erase ? 2 : 1) + rows * size;
    if (recurrence.decay != Decay::none) cost.exps += keys * (recurrence.decay == Decay::channel ? static_cast<double>(p.d_qk) : 1);
  }
  return cost;
}

}  // namespace attnbench::kernels
