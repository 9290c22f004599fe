#include "variants/kernels/linear/sequence.h"

#include <algorithm>

namespace attnbench::kernels {

std::int64_t position_count(const Problem& p) { return std::max<std::int64_t>(0, p.position(p.n_q - 1) + 1); }

Positions positions_at(const RunTask& task, HeadColumns head, std::int64_t begin, std::int64_t count, bool keys, bool rows) {
  const auto& p = task.problem;
  const auto q = task.inputs.queries(), k = task.inputs.keys(), v = task.inputs.values();
  const auto out = task.out();
  const auto group = p.heads_q / p.heads_kv, first_head = head.kv * group, row = begin - p.position(0);
  Positions at{.count = count};
  if (keys) {
    at.k = {k.row(head.b, head.kv, begin), k.row_stride()};
    at.v = {v.row(head.b, head.kv, begin) + head.first_column, v.row_stride()};
  }
  if (rows) {
    at.heads = group;
    at.q = {q.row(head.b, first_head, row), q.row_stride(), q.stride[1]};
    at.out = {out.row(head.b, first_head, row) + head.first_column, out.row_stride(), out.stride[1]};
  }
  return at;
}

void clear_fully_masked_rows(const RunTask& task) {
  const auto& p = task.problem;
  const auto count = std::clamp<std::int64_t>(-p.position(0), 0, p.n_q);
  for (std::int64_t t = 0; t < p.batch * p.heads_q; ++t)
    for (std::int64_t i = 0; i < count; ++i) std::fill_n(task.out().row(t / p.heads_q, t % p.heads_q, i), p.d_v, 0.0f);
}

}  // namespace attnbench::kernels
