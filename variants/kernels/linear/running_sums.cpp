#include "variants/kernels/linear/running_sums.h"

#include <algorithm>

#include "variants/api/integers.h"
#include "variants/kernels/linear/sequence.h"

namespace attnbench::kernels {
namespace {

constexpr std::int64_t kBlock = kMaxLinearPanel;  // keys or rows at once where there is no diagonal
constexpr std::int64_t kPanel = kMaxPositions;    // causal positions at once

KeyRange block_at(std::int64_t count, std::int64_t index) {
  return {std::min(count, index * kBlock), std::min(count, (index + 1) * kBlock)};
}

// What segments are made of: kPanel positions, or blocks of keys where there is no diagonal.
std::int64_t unit_count(const Problem& p) {
  return p.causal == Causal::none ? ceil_div(p.n_k, kBlock) : ceil_div(position_count(p), kPanel);
}

// Segments per key/value head: one where the heads alone keep all threads busy.
std::int64_t segment_count(const Problem& p, int threads) {
  return std::clamp<std::int64_t>(ceil_div(threads, p.batch * p.heads_kv), 1, std::max<std::int64_t>(1, unit_count(p)));
}

// One task's surroundings: a key/value head, its sums and the thread's scratch.
struct Head {
  const RunTask& task;
  const RunningSums& sums;
  std::int64_t b, kv;
  float* state;
  float* scratch;

  const Problem& problem() const { return task.problem; }
};

void add_keys(const Head& head, KeyRange keys) {
  const auto k = head.task.inputs.keys(), v = head.task.inputs.values();
  head.sums.add_keys(head.state, {{k.row(head.b, head.kv, keys.begin), k.row_stride()}, keys.begin},
                     {v.row(head.b, head.kv, keys.begin), v.row_stride()}, keys.size(), head.scratch);
}

// Output rows of query head h, which see all keys in the sums.
void attend_rows(const Head& head, std::int64_t h, KeyRange rows) {
  const auto q = head.task.inputs.queries();
  const auto out = head.task.out();
  head.sums.attend(head.state, {{q.row(head.b, h, rows.begin), q.row_stride()}, head.problem().position(rows.begin)},
                   {out.row(head.b, h, rows.begin), out.row_stride()}, rows.size(), head.scratch);
}

// Walks positions [begin, end): the sums hold everything before them and grow on the way. Writes their rows if asked to.
void scan(const Head& head, KeyRange positions, bool write_rows) {
  const auto& p = head.problem();
  const auto first_row = p.position(0), keys = p.key_count(head.b);
  for (auto begin = positions.begin, end = begin; begin < positions.end; begin = end) {
    end = std::min(begin + kPanel, positions.end);
    for (const auto cut : {first_row, keys})  // where rows begin and where keys end
      if (begin < cut) end = std::min(end, cut);
    const bool rows = write_rows && begin >= first_row;
    if (rows || begin < keys)
      head.sums.scan(head.state, positions_at(head.task, {head.b, head.kv, 0}, begin, end - begin, begin < keys, rows), begin,
                     head.scratch);
  }
}

// Positions of some units, as far as there are rows.
KeyRange positions_of(const Problem& p, KeyRange units) {
  return {units.begin * kPanel, std::min(units.end * kPanel, position_count(p))};
}

// The sums of the keys in some units, from zero.
void sum_units(const Head& head, KeyRange units) {
  const auto& p = head.problem();
  std::fill_n(head.state, head.sums.state_floats(), 0.0f);
  if (p.causal != Causal::none) return scan(head, positions_of(p, units), false);
  for (auto unit = units.begin; unit < units.end; ++unit) {
    const auto keys = block_at(p.key_count(head.b), unit);
    if (keys.size() > 0) add_keys(head, keys);
  }
}

// Writes the rows in some units; the sums hold everything before them.
void scan_units(const Head& head, KeyRange units) {
  const auto positions = positions_of(head.problem(), units);
  if (positions.end > head.problem().position(0)) scan(head, positions, true);
}

// states: [segments][size]. Causal: each becomes the sum of those before it; else the first becomes the sum of all.
void join_states(const RunningSums& sums, bool causal, float* states, std::int64_t segments) {
  const auto size = sums.state_floats();
  const auto at = [&](std::int64_t g) { return states + g * size; };
  for (std::int64_t g = 1; g < segments; ++g) sums.join(at(g - 1), at(g), causal);
  if (!causal) {
    std::copy(at(segments - 1), at(segments), at(0));
    return;
  }
  std::move_backward(at(0), at(segments - 1), at(segments));
  std::fill_n(at(0), size, 0.0f);
}

}  // namespace

void attend_linearly(const RunTask& task, const RunningSums& sums) {
  const auto& p = task.problem;
  const bool causal = p.causal != Causal::none;
  const auto heads = p.batch * p.heads_kv, segments = segment_count(p, task.parallel.threads());
  const auto state_floats = sums.state_floats(), scratch_floats = sums.scratch_floats(causal);
  const auto states = task.workspace.allocate<float>(heads * segments * state_floats);
  const auto scratch = task.workspace.allocate<float>(task.parallel.threads() * scratch_floats);
  const auto units = [&](std::int64_t g) { return KeyRange{unit_count(p) * g / segments, unit_count(p) * (g + 1) / segments}; };
  const auto head_at = [&](std::int64_t head, std::int64_t g, int slot) {
    return Head{task,
                sums,
                head / p.heads_kv,
                head % p.heads_kv,
                states.data() + (head * segments + g) * state_floats,
                scratch.data() + slot * scratch_floats};
  };
  task.parallel.for_each(heads * segments, [&](std::int64_t t, int slot) {
    const auto g = t % segments;
    sum_units(head_at(t / segments, g, slot), causal && g + 1 == segments ? KeyRange{} : units(g));  // nothing follows the last
  });
  if (segments > 1)
    task.parallel.for_each(
        heads, [&](std::int64_t t, int) { join_states(sums, causal, states.data() + t * segments * state_floats, segments); });
  if (causal) {
    clear_fully_masked_rows(task);
    task.parallel.for_each(heads * segments, [&](std::int64_t t, int slot) {
      scan_units(head_at(t / segments, t % segments, slot), units(t % segments));
    });
  } else {
    const auto blocks = ceil_div(p.n_q, kBlock);
    task.parallel.for_each(p.batch * p.heads_q * blocks, [&](std::int64_t t, int slot) {
      const auto b = t / (p.heads_q * blocks), h = t / blocks % p.heads_q;
      attend_rows(head_at(b * p.heads_kv + p.kv_head(h), 0, slot), h, block_at(p.n_q, t % blocks));
    });
  }
}

std::size_t linear_workspace(const Problem& p, const RunningSums& sums, int threads) {
  return workspace_bytes<float>(p.batch * p.heads_kv * segment_count(p, threads) * sums.state_floats()) +
         workspace_bytes<float>(threads * sums.scratch_floats(p.causal != Causal::none));
}

LinearCounts linear_counts(const Problem& p) {
  const bool causal = p.causal != Causal::none;
  LinearCounts counts;
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const auto keys = p.key_count(b);
    counts.keys += static_cast<double>((causal ? std::min(keys, position_count(p)) : keys) * p.heads_kv);
    counts.rows += static_cast<double>((causal ? std::min(p.n_q, position_count(p)) : p.n_q) * p.heads_q);
  }
  if (causal) counts.depth = static_cast<double>(std::max<std::int64_t>(1, std::min(p.n_k, position_count(p))));
  return counts;
}

}  // namespace attnbench::kernels
