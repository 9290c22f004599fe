// The portable half of decoding: shares the keys out over tasks, sizes their memory, merges what they leave.
#include "variants/kernels/softmax/decode.h"

#include <algorithm>

#include "variants/api/integers.h"
#include "variants/kernels/softmax/combine_splits.h"
#include "variants/kernels/softmax/decode_split.h"

namespace attnbench::kernels {
namespace {

// Up to kFewRows decode() is the faster way wherever K and V lie. The tile engine, whose lanes more rows fill, overtakes it at 9
// (AVX2) to 14 (AVX-512) rows in cache, but at 16 still takes 1.4 to 2 times as long when K and V come from memory, which is taken
// to be so beyond kCacheBytes.
constexpr std::int64_t kFewRows = 8;
constexpr std::int64_t kSomeRows = 16;
constexpr double kCacheBytes = 32 << 20;
// Keys are split until there are this many tasks (enough for the cores of one memory controller, and to even them out), into
// splits of at least kKeysPerSplit. Fixed, not taken from the thread count, so that results do not depend on it.
constexpr std::int64_t kTasks = 64;

struct Plan {
  std::int64_t splits;
  std::int64_t keys_per_split;  // a multiple of kDecodeBlock
  std::int64_t rows;            // of the whole output
  int slots;                    // threads that work, each with its own scratch
};

Plan make_plan(const Problem& p, int threads) {
  const auto streams = p.batch * p.heads_kv;
  const auto wanted = std::clamp<std::int64_t>(kTasks / streams, 1, std::max<std::int64_t>(1, p.n_k / kKeysPerSplit));
  const auto blocks = ceil_div(p.n_k, kDecodeBlock);
  Plan plan{};
  plan.keys_per_split = ceil_div(blocks, wanted) * kDecodeBlock;
  plan.splits = ceil_div(p.n_k, plan.keys_per_split);
  plan.rows = p.batch * p.heads_q * p.n_q;
  const double work = static_cast<double>(plan.rows) * static_cast<double>(p.n_k * (p.d_qk + p.d_v));
  plan.slots = work < kSerialWork ? 1 : threads;
  return plan;
}

}  // namespace

bool is_decoding(const Problem& p) {
  const double bytes = static_cast<double>(p.batch * p.heads_kv * p.n_k) * static_cast<double>(p.d_qk + p.d_v) * sizeof(float);
  return decode_rows(p) <= (bytes > kCacheBytes ? kSomeRows : kFewRows);
}

void decode(const RunTask& run, const ScoreTerms& terms) {
  const auto& p = run.problem;
  const auto plan = make_plan(p, run.parallel.threads());
  float* scratch = run.workspace.allocate<float>(plan.slots * decode_scratch_floats(p)).data();
  const bool is_split = plan.splits > 1;
  float* outputs = is_split ? run.workspace.allocate<float>(plan.splits * plan.rows * p.d_v).data() : nullptr;
  float* row_max = is_split ? run.workspace.allocate<float>(plan.splits * plan.rows).data() : nullptr;
  float* row_sum = is_split ? run.workspace.allocate<float>(plan.splits * plan.rows).data() : nullptr;
  const Shape shape{p.batch, p.heads_q, p.n_q, p.d_v};
  const auto tasks = p.batch * p.heads_kv * plan.splits;
  run.parallel.for_ranges(tasks, plan.slots == 1 ? tasks : 1, [&](std::int64_t begin, std::int64_t end, int slot) {
    for (auto index = begin; index < end; ++index) {
      const auto split = index % plan.splits, stream = index / plan.splits, first_row = split * plan.rows;
      const auto out = is_split ? TensorView<float>{outputs + first_row * p.d_v, shape, dense_strides(shape)} : run.out();
      decode_split({.run = run,
                    .terms = terms,
                    .batch = stream / p.heads_kv,
                    .kv_head = stream % p.heads_kv,
                    .keys = {split * plan.keys_per_split, (split + 1) * plan.keys_per_split},
                    .out = out,
                    .row_max = is_split ? row_max + first_row : nullptr,
                    .row_sum = is_split ? row_sum + first_row : nullptr,
                    .scratch = scratch + slot * decode_scratch_floats(p)});
    }
  });
  if (is_split) combine_splits(run, terms, {plan.splits, outputs, row_max, row_sum});
}

std::size_t decode_workspace(const Problem& p, int threads) {
  const auto plan = make_plan(p, threads);
  const auto scratch = workspace_bytes<float>(plan.slots * decode_scratch_floats(p));
  if (plan.splits == 1) return scratch;
  return scratch + workspace_bytes<float>(plan.splits * plan.rows * p.d_v) + 2 * workspace_bytes<float>(plan.splits * plan.rows);
}

}  // namespace attnbench::kernels
