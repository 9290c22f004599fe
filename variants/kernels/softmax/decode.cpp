// The portable half of decoding: shares the keys out over tasks, sizes their memory, merges what they leave.
#include "variants/kernels/softmax/decode.h"

#include <algorithm>

#include "variants/kernels/softmax/decode_share.h"
#include "variants/kernels/softmax/share_merge.h"

namespace attnbench::kernels {
namespace {

// Up to kFewRows decode() is the faster way wherever K and V lie. The tile engine, whose lanes more rows fill, overtakes it at 9
// (AVX2) to 14 (AVX-512) rows in cache, but at 16 still takes 1.4 to 2 times as long when K and V come from memory, which is taken
// to be so beyond kCacheBytes.
constexpr std::int64_t kFewRows = 8;
constexpr std::int64_t kSomeRows = 16;
constexpr double kCacheBytes = 32 << 20;
// Keys are split until there are this many tasks (enough for the cores of one memory controller, and to even them out), into
// shares of at least kKeysPerShare. Fixed, not taken from the thread count, so that results do not depend on it.
constexpr std::int64_t kTasks = 64;

struct Plan {
  std::int64_t shares;
  std::int64_t keys_per_share;  // a multiple of kDecodeBlock
  std::int64_t rows;            // of the whole output
  int slots;                    // threads that work, each with its own scratch
};

Plan make_plan(const Problem& p, int threads) {
  const auto streams = p.batch * p.heads_kv;
  const auto wanted = std::clamp<std::int64_t>(kTasks / streams, 1, std::max<std::int64_t>(1, p.n_k / kKeysPerShare));
  const auto blocks = (p.n_k + kDecodeBlock - 1) / kDecodeBlock;
  Plan plan{};
  plan.keys_per_share = (blocks + wanted - 1) / wanted * kDecodeBlock;
  plan.shares = (p.n_k + plan.keys_per_share - 1) / plan.keys_per_share;
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

void decode(const RunTask& run) {
  const auto& p = run.problem;
  const auto plan = make_plan(p, run.parallel.threads());
  float* scratch = run.workspace.allocate<float>(plan.slots * decode_scratch_floats(p)).data();
  const bool split = plan.shares > 1;
  float* outputs = split ? run.workspace.allocate<float>(plan.shares * plan.rows * p.d_v).data() : nullptr;
  float* row_max = split ? run.workspace.allocate<float>(plan.shares * plan.rows).data() : nullptr;
  float* row_sum = split ? run.workspace.allocate<float>(plan.shares * plan.rows).data() : nullptr;
  const Shape shape{p.batch, p.heads_q, p.n_q, p.d_v};
  const auto tasks = p.batch * p.heads_kv * plan.shares;
  run.parallel.for_ranges(tasks, plan.slots == 1 ? tasks : 1, [&](std::int64_t begin, std::int64_t end, int slot) {
    for (auto index = begin; index < end; ++index) {
      const auto share = index % plan.shares, stream = index / plan.shares, first_row = share * plan.rows;
      const auto out = split ? TensorView<float>{outputs + first_row * p.d_v, shape, dense_strides(shape)} : run.out();
      decode_share({.run = run,
                    .batch = stream / p.heads_kv,
                    .kv_head = stream % p.heads_kv,
                    .keys = {share * plan.keys_per_share, (share + 1) * plan.keys_per_share},
                    .out = out,
                    .row_max = split ? row_max + first_row : nullptr,
                    .row_sum = split ? row_sum + first_row : nullptr,
                    .scratch = scratch + slot * decode_scratch_floats(p)});
    }
  });
  if (split) merge_shares(run, {plan.shares, outputs, row_max, row_sum});
}

std::size_t decode_workspace(const Problem& p, int threads) {
  const auto plan = make_plan(p, threads);
  const auto scratch = workspace_bytes<float>(plan.slots * decode_scratch_floats(p));
  if (plan.shares == 1) return scratch;
  return scratch + workspace_bytes<float>(plan.shares * plan.rows * p.d_v) + 2 * workspace_bytes<float>(plan.shares * plan.rows);
}

}  // namespace attnbench::kernels
