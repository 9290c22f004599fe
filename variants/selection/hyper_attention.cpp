// HyperAttention: the large entries of the softmax by sorted blocks, the rest by sampled keys.
//
//   Queries and keys are sorted by a hash of `bits` signs, in Gray order, in which neighbours differ in one of them, and cut into
//   blocks. Query i sees the keys of its own block, and those of m = `samples` keys drawn uniformly, with replacement, that lie
//   outside it, each for n / m keys:
//
//   O_i = (sum_{j in block} e^{s_ij} v_j + n/m sum_{j in samples, not in block} e^{s_ij} v_j) / (the same without v)
//                                                               Han et al. 2024, HyperAttention, algorithms 1 and 3
//
// Cost: n (bits d + (block + samples) (d + d_v)); extra memory n for orders and sums. A block is listed rows against listed keys;
// the softmax goes on over the samples after its sum has been divided by n/m. d64, AVX-512, one thread, beside blockwise: 0.66 of
// its time at b1 h8 n1024, 0.24 at n4096, 0.06 at b1 h2 n16384.
//
// Readings: samples are uniform, as in published code, not by the norms of the values (algorithm 3), and short sequences are not
// silently given to exact attention. Leaving the own block out keeps numerator and denominator unbiased; code that leaves it in
// counts twice. Blocks are as equal as can be: nothing is padded with zero keys that would join the softmax. order = published
// looks the Gray code up the wrong way round, as published code does. Signs that float32 cannot tell are taken in float64. No
// causal form: the published recursion sorts the queries of a half among themselves, so a row's block depends on later rows.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/selection.h"
#include "variants/api/variant.h"
#include "variants/kernels/random_weights.h"
#include "variants/kernels/selection/listed_block.h"
#include "variants/kernels/selection/score_panel.h"
#include "variants/kernels/simd/vector_ops.h"

namespace attnbench {
namespace {

constexpr std::int64_t kMostBits = 14, kMostLanes = 64;  // of a hash; of a panel of projections, at the most

constexpr ParamSpec kParams[] = {
    integer_param("block", 256, 8, 1 << 16, "keys of a block"),
    integer_param("samples", 256, 1, 1 << 16, "keys sampled per head for what lies outside the blocks"),
    integer_param("bits", 7, 1, kMostBits, "signs of the hash"),
    choice_param("order", "gray", "gray|published", "of the hashes: the inverse Gray code, or the Gray code itself"),
    integer_param("seed", 0, 0, 1 << 30, "of projections and samples"),
};
constexpr std::int64_t kHashRows = 64;  // hashed together
constexpr double kTooClose = 2e-6;      // of |x| sqrt(d): some 30 times the rounding error of a projection

// Where a hash stands in the order.
std::int64_t place_of(std::int64_t hash, bool published) {
  if (published) return hash ^ (hash >> 1);
  for (int shift = 1; shift < 16; shift *= 2) hash ^= hash >> shift;
  return hash;
}

// Projections [bits][d_qk], and random numbers in [0, 1) that draw the samples of each query head.
struct Draws {
  std::vector<float> projections;
  std::vector<double> samples;

  // The rank, in the order of the keys, of sample t of head h.
  std::int64_t rank(std::int64_t h, std::int64_t t, std::int64_t per_head, std::int64_t keys) const {
    return static_cast<std::int64_t>(samples[static_cast<std::size_t>(h * per_head + t)] * static_cast<double>(keys));
  }
};

Prepared draw(const PrepareTask& task) {
  auto state = static_cast<std::uint64_t>(task.params.integer("seed"));
  const auto normals = kernels::random_normals(task.params.integer("bits") * task.problem.d_qk, state, 0);
  Draws draws{{normals.begin(), normals.end()}, {}};
  for (std::int64_t t = 0; t < task.problem.heads_q * task.params.integer("samples"); ++t)
    draws.samples.push_back(static_cast<double>(splitmix64(state) >> 11) * 0x1p-53);
  const auto bytes = draws.projections.size() * sizeof(float) + draws.samples.size() * sizeof(double);
  return Prepared::of(std::move(draws), bytes);
}

// Block c of `count` sorted rows in `blocks` blocks.
KeyRange part(std::int64_t count, std::int64_t blocks, std::int64_t c) { return {c * count / blocks, (c + 1) * count / blocks}; }

struct Plan {
  std::int64_t block, samples, bits, hashes, longest;
  bool published;
  std::int64_t panel, width, score_floats, tile_floats,
      integers;  // floats of the projections; keys of a panel; scratch of a thread

  Plan(const Problem& p, const Params& params)
      : block(params.integer("block")),
        samples(params.integer("samples")),
        bits(params.integer("bits")),
        hashes(std::int64_t{1} << bits),
        longest(std::max(p.n_q, p.n_k)),
        published(params.choice("order") == "published") {
    panel = kernels::key_panels_floats(bits, p.d_qk);
    width = kernels::panel_keys();
    score_floats = ceil_div(kernels::padded_rows(kHashRows) * width, 16) * 16;
    tile_floats = kernels::listed_scratch_floats(p);
    integers = longest + hashes + 1 + p.n_q + std::min(2 * block, p.n_k) + samples;  // places, counts, order of rows, keys, samples
  }
  std::int64_t blocks(std::int64_t keys) const { return std::max<std::int64_t>(1, ceil_div(keys, block)); }
};

struct Scratch {
  float *tile, *scores;
  std::int32_t *places, *ends, *rows, *keys, *sampled;
};

// The hash of x from its projections; float64 decides where float32 cannot.
std::int64_t hash_of(const float* x, std::int64_t d, std::int64_t bits, const float* projected, const float* projections) {
  const double too_close = kTooClose * std::sqrt(double{kernels::dot(x, x, d)} * static_cast<double>(d));
  std::int64_t hash = 0;
  for (std::int64_t t = 0; t < bits; ++t) {
    double value = double{projected[t]};
    if (!(std::abs(value) > too_close)) value = exact_dot(x, projections + t * d, d);
    hash |= std::int64_t{value > 0} << t;
  }
  return hash;
}

// order[count]: the rows of a head by the places of their hashes, equal ones as they come.
void sort_rows(const RunTask& task, const Plan& plan, const TensorView<const float>& x, std::int64_t b, std::int64_t h,
               std::int64_t count, const float* panel, const Scratch& s, std::int32_t* order) {
  const float* projections = task.prepared.as<Draws>().projections.data();
  std::fill_n(s.ends, plan.hashes + 1, 0);
  for (std::int64_t begin = 0; begin < count; begin += kHashRows) {
    const auto some = std::min(kHashRows, count - begin);
    const float* rows[kHashRows];
    for (std::int64_t r = 0; r < some; ++r) rows[r] = x.row(b, h, begin + r);
    float projected[kHashRows][kMostBits + kMostLanes];
    for (std::int64_t t = 0; t < plan.bits; t += plan.width) {
      kernels::score_panel(rows, some, x.dim(), panel + t * x.dim(), s.scores);
      for (std::int64_t r = 0; r < some; ++r) std::copy_n(s.scores + r * plan.width, plan.width, projected[r] + t);
    }
    for (std::int64_t r = 0; r < some; ++r) {
      const auto hash = hash_of(rows[r], x.dim(), plan.bits, projected[r], projections);
      s.places[begin + r] = static_cast<std::int32_t>(place_of(hash, plan.published));
      ++s.ends[s.places[begin + r] + 1];
    }
  }
  for (std::int64_t c = 0; c < plan.hashes; ++c) s.ends[c + 1] += s.ends[c];
  for (std::int64_t i = 0; i < count; ++i) order[s.ends[s.places[i]]++] = static_cast<std::int32_t>(i);
}

// The samples of head h that lie outside `own`, as keys, ascending; a key as often as it was drawn. Returns how many.
std::int64_t sample_keys(const RunTask& task, const Plan& plan, std::int64_t h, std::int64_t count, KeyRange own,
                         const std::int32_t* order, std::int32_t* sampled) {
  const auto& draws = task.prepared.as<Draws>();
  std::int64_t found = 0;
  for (std::int64_t t = 0; t < plan.samples; ++t)
    if (const auto rank = draws.rank(h, t, plan.samples, count); rank < own.begin || rank >= own.end)
      sampled[found++] = order[rank];
  std::sort(sampled, sampled + found);
  return found;
}

// One query head: block by block the own keys, then the samples.
void attend_head(const RunTask& task, const Plan& plan, std::int64_t b, std::int64_t h, const std::int32_t* key_order,
                 float* row_max, float* row_sum, const Scratch& s) {
  const auto& p = task.problem;
  const auto count = p.key_count(b), blocks = plan.blocks(count);
  kernels::ListedBlock block{task, b, h, 1, {}, {}, task.out(), row_max, row_sum, false, s.tile};
  float* sums = row_sum + (b * p.heads_q + h) * p.n_q;
  const auto share = static_cast<float>(static_cast<double>(plan.samples) / static_cast<double>(std::max<std::int64_t>(1, count)));
  for (std::int64_t c = 0; c < blocks; ++c) {
    const auto rows = part(p.n_q, blocks, c), own = part(count, blocks, c);
    if (rows.size() == 0) continue;
    std::copy(key_order + own.begin, key_order + own.end, s.keys);
    std::sort(s.keys, s.keys + own.size());
    block.rows = {0, 1, rows.size(), s.rows + rows.begin};
    block.keys = kernels::KeySegment::listed(s.keys, own.size());
    block.resume = false;
    kernels::attend_listed(block);
    const auto sampled = sample_keys(task, plan, h, count, own, key_order, s.sampled);
    if (sampled == 0) continue;
    for (auto r = rows.begin; r < rows.end; ++r) sums[s.rows[r]] *= share;
    block.keys = kernels::KeySegment::listed(s.sampled, sampled);
    block.resume = true;
    kernels::attend_listed(block);
  }
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const Plan plan(p, task.params);
  const std::int64_t threads = task.parallel.threads(), heads = p.batch * p.heads_kv, rows = p.batch * p.heads_q * p.n_q;
  float* panel = task.workspace.allocate<float>(plan.panel).data();
  float* row_max = task.workspace.allocate<float>(rows).data();
  float* row_sum = task.workspace.allocate<float>(rows).data();
  auto* key_order = task.workspace.allocate<std::int32_t>(heads * p.n_k).data();
  float* floats = task.workspace.allocate<float>(threads * (plan.tile_floats + plan.score_floats)).data();
  auto* integers = task.workspace.allocate<std::int32_t>(threads * plan.integers).data();
  kernels::pack_keys(task.prepared.as<Draws>().projections.data(), p.d_qk, plan.bits, p.d_qk, panel);
  const auto scratch_of = [&](int slot) {
    float* tile = floats + slot * (plan.tile_floats + plan.score_floats);
    auto* places = integers + slot * plan.integers;
    auto *ends = places + plan.longest, *order = ends + plan.hashes + 1, *keys = order + p.n_q;
    return Scratch{tile, tile + plan.tile_floats, places, ends, order, keys, keys + std::min(2 * plan.block, p.n_k)};
  };
  task.parallel.for_each(heads, [&](std::int64_t t, int slot) {
    const auto b = t / p.heads_kv;
    sort_rows(task, plan, task.inputs.keys(), b, t % p.heads_kv, p.key_count(b), panel, scratch_of(slot), key_order + t * p.n_k);
  });
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int slot) {
    const auto b = t / p.heads_q, h = t % p.heads_q;
    const auto scratch = scratch_of(slot);
    sort_rows(task, plan, task.inputs.queries(), b, h, p.n_q, panel, scratch, scratch.rows);
    attend_head(task, plan, b, h, key_order + (b * p.heads_kv + p.kv_head(h)) * p.n_k, row_max, row_sum, scratch);
  });
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const Plan plan(p, params);
  return workspace_bytes<float>(plan.panel) + 2 * workspace_bytes<float>(p.batch * p.heads_q * p.n_q) +
         workspace_bytes<std::int32_t>(p.batch * p.heads_kv * p.n_k) +
         workspace_bytes<float>(threads * (plan.tile_floats + plan.score_floats)) +
         workspace_bytes<std::int32_t>(threads * plan.integers);
}

// Expected: as many samples outside a block as its size leaves. No count of pairs: a key may be drawn twice.
Cost cost(const Problem& p, const Params& params) {
  const Plan plan(p, params);
  double pairs = 0;
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const auto keys = static_cast<double>(p.key_count(b)), blocks = static_cast<double>(plan.blocks(p.key_count(b)));
    pairs += keys / blocks + (keys > 0 ? static_cast<double>(plan.samples) * (1 - 1 / blocks) : 0);
  }
  pairs *= static_cast<double>(p.heads_q * p.n_q);
  const auto hashed = static_cast<double>(p.batch * (p.heads_q * p.n_q + p.heads_kv * p.n_k) * plan.bits * p.d_qk);
  return {.multiply_adds = pairs * static_cast<double>(p.d_qk + p.d_v) + hashed,
          .exps = pairs * (p.softcap ? 2 : 1),
          .bytes = compulsory_bytes(p)};
}

// ---- Float64 reference: a weight for every pair --------------------------------------------------------------------------

// rank[i] of the rows of a head in the order of their hashes.
std::vector<std::int64_t> exact_ranks(const OracleTask& task, const TensorView<const float>& x, std::int64_t b, std::int64_t h,
                                      std::int64_t count) {
  const auto bits = task.params.integer("bits");
  const bool published = task.params.choice("order") == "published";
  std::vector<std::pair<std::int64_t, std::int64_t>> places;
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t hash = 0;
    for (std::int64_t t = 0; t < bits; ++t)
      hash += (exact_dot(x.row(b, h, i), task.prepared.as<Draws>().projections.data() + t * x.dim(), x.dim()) > 0) *
              (std::int64_t{1} << t);
    // Walks the order until it meets the hash: each Gray code is the one before with one bit changed.
    std::int64_t place = 0;
    while (!published && (place ^ (place >> 1)) != hash) ++place;
    places.emplace_back(published ? hash ^ (hash >> 1) : place, i);
  }
  std::sort(places.begin(), places.end());
  std::vector<std::int64_t> ranks(places.size());
  for (std::size_t r = 0; r < places.size(); ++r) ranks[static_cast<std::size_t>(places[r].second)] = static_cast<std::int64_t>(r);
  return ranks;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto samples = task.params.integer("samples"), block = task.params.integer("block");
  std::vector<std::vector<std::int64_t>> queries(static_cast<std::size_t>(p.batch * p.heads_q)),
      keys(static_cast<std::size_t>(p.batch * p.heads_kv));
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int) {
    queries[static_cast<std::size_t>(t)] = exact_ranks(task, task.inputs.queries(), t / p.heads_q, t % p.heads_q, p.n_q);
  });
  task.parallel.for_each(p.batch * p.heads_kv, [&](std::int64_t t, int) {
    const auto b = t / p.heads_kv;
    keys[static_cast<std::size_t>(t)] = exact_ranks(task, task.inputs.keys(), b, t % p.heads_kv, p.key_count(b));
  });
  weighted_oracle(task, [&](const OracleRow& row, std::span<double> weights) {
    const auto count = p.key_count(row.b), blocks = std::max<std::int64_t>(1, ceil_div(count, block));
    const auto block_of = [&](std::int64_t rank, std::int64_t of) {
      std::int64_t c = 0;
      while (rank >= (c + 1) * of / blocks) ++c;
      return c;
    };
    const auto own = block_of(queries[static_cast<std::size_t>(row.b * p.heads_q + row.h)][static_cast<std::size_t>(row.i)], p.n_q);
    std::vector<double> drawn(static_cast<std::size_t>(count), 0);  // by rank
    for (std::int64_t t = 0; t < samples && count > 0; ++t)
      drawn[static_cast<std::size_t>(task.prepared.as<Draws>().rank(row.h, t, samples, count))] += 1;
    const auto& ranks = keys[static_cast<std::size_t>(row.b * p.heads_kv + p.kv_head(row.h))];
    for (std::size_t t = 0; t < weights.size(); ++t) {
      const auto rank = ranks[static_cast<std::size_t>(row.keys[t])];
      if (block_of(rank, count) == own) continue;
      weights[t] += std::log(drawn[static_cast<std::size_t>(rank)] * static_cast<double>(count) / static_cast<double>(samples));
    }
    softmax_of(weights);
  });
}

}  // namespace

ATTNBENCH_VARIANT(hyper_attention) = {
    .name = "hyper_attention",
    .summary = "blocks of queries and keys sorted by a hash, and sampled keys for all the rest",
    .paper = "Han et al. 2024, HyperAttention: Long-context Attention in Near-Linear Time, algorithms 1 to 3",
    .equation =
        "O_i = (sum_{j in block} e^{s_ij} v_j + n/m sum_{j in m samples, not in block} e^{s_ij} v_j) / (the same without v),\n"
        "blocks of queries and keys sorted by `bits` signs of random projections in Gray order",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n (b + m) d)",
    .memory_label = "O(n)",
    .supports = kGqa | kCross | kUnequalDims | kKeyLengths | kScale | kSoftcap,
    .laws = kRowStochastic | kIndependentHeads | kWeightsReadable,
    .rates = {15e9, 0.3e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .prepare = draw,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
