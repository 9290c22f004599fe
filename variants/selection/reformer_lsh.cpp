// LSH attention: queries and keys that fall into the same bucket of a random hash attend to each other, in several rounds.
//
//   h_r(x) = argmax [x R_r; -x R_r],  R_r in R^{d x n_buckets / 2} of N(0, 1)      angular hash of round r
//   P_i    = the keys j with h_r(k_j) = h_r(q_i) in some round r
//   O_i    = softmax(scale q_i K^T) V over P_i            Kitaev, Kaiser & Levskaya 2020, Reformer, section 2.2 and appendix A
//
// Cost: rounds n d n_buckets for the hashes, about rounds n bucket_size (d + d_v) for the pairs, more where buckets are uneven;
// extra memory rounds n for buckets and lists. A bucket is a block of listed rows against listed keys; a row's softmax goes on from
// round to round, and a pair that met before is left out by a bit (appendix A divides its weight by the number of its rounds: the
// same). d64, AVX-512, one thread, beside blockwise: 1.4 times its time at b1 h8 n1024, 0.46 at n4096, 0.22 at b1 h2 n16384; so
// four rounds pay from about n = 2000 on.
//
// Readings: Q and K are not tied, so keys are not normalised and a row may find no key at all, which gives 0. Buckets are taken
// whole. The paper cuts the sorted sequence into chunks that see themselves and the one before; where they begin depends on every
// other position, the future too, and keys of one bucket can be missed (lucidrains/reformer-pytorch issue 101). Beyond 256 buckets
// the hash is a pair of two. Projections too close for float32 are compared in float64. merge = sum counts a pair once per round,
// as much public code does.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
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

constexpr ParamSpec kParams[] = {
    integer_param("rounds", 4, 1, 16, "hashes"),
    integer_param("bucket_size", 64, 8, 8192, "keys of a bucket on average; n_buckets is the nearest even number, or 1"),
    choice_param("merge", "union", "union|sum", "union: a pair counts once; sum: once for each round in which it meets"),
    integer_param("seed", 0, 0, 1 << 30, "of the projections"),
};
constexpr std::int64_t kHashRows = 64;      // hashed together
constexpr std::int64_t kMostBuckets = 256;  // of one hash
constexpr double kTooClose = 2e-6;          // of |x| sqrt(d): some 30 times the rounding error of a projection

std::int64_t even(double x) { return 2 * std::max<std::int64_t>(1, std::llround(x / 2)); }

// The buckets: a hash, or a pair of two.
struct Buckets {
  std::int64_t first, second;  // buckets of the two hashes; second = 1: only one

  Buckets(const Problem& p, const Params& params) : first(1), second(1) {
    const double wanted = static_cast<double>(p.n_k) / static_cast<double>(params.integer("bucket_size"));
    if (wanted < 1.5) return;
    first = even(wanted);
    if (first <= kMostBuckets) return;
    first = even(std::sqrt(wanted));
    second = even(wanted / static_cast<double>(first));
  }
  std::int64_t count() const { return first * second; }
  std::int64_t projections() const { return first / 2 + second / 2; }  // second / 2 = 0 for one hash
};

// Rows of the projections, [round][projections][d_qk].
struct Projections {
  std::vector<float> rows;
};

Prepared make_projections(const PrepareTask& task) {
  const Buckets buckets(task.problem, task.params);
  const auto count = task.params.integer("rounds") * buckets.projections() * task.problem.d_qk;
  const auto normals = kernels::random_normals(count, static_cast<std::uint64_t>(task.params.integer("seed")), 0);
  Projections made{{normals.begin(), normals.end()}};
  const auto bytes = made.rows.size() * sizeof(float);
  return Prepared::of(std::move(made), bytes);
}

// The largest of x and -x, the first of equal ones, and how far the next one is away.
struct Best {
  std::int64_t place = 0;
  double margin = 0;
};
template <class T>
Best largest_of_both_signs(const T* x, std::int64_t count) {
  T best = -std::numeric_limits<T>::infinity(), next = best;
  std::int64_t place = 0;
  for (std::int64_t t = 0; t < 2 * count; ++t) {
    const T value = t < count ? x[t] : -x[t - count];
    if (value > best) {
      next = best;
      best = value;
      place = t;
    } else {
      next = std::max(next, value);
    }
  }
  return {place, static_cast<double>(best) - static_cast<double>(next)};
}

// ---- Plan and memory -----------------------------------------------------------------------------------------------------

struct Plan {
  Buckets buckets;
  std::int64_t rounds, projections, panels,
      width;                    // of the hash: rounds that differ; rows and floats of all rounds; keys of a panel
  std::int64_t longest, words;  // positions of a head; words of bits per key
  std::int64_t tile_floats, floats, integers, bits;  // scratch of a thread

  Plan(const Problem& p, const Params& params) : buckets(p, params), rounds(buckets.count() == 1 ? 1 : params.integer("rounds")) {
    projections = rounds * buckets.projections();
    width = kernels::panel_keys();
    panels = kernels::key_panels_floats(projections, p.d_qk);
    longest = std::max(p.n_q, p.n_k);
    words = ceil_div(kernels::max_listed_rows(1), 64);
    tile_floats = kernels::listed_scratch_floats(p);
    floats = tile_floats + ceil_div(kernels::padded_rows(kHashRows) * width, 16) * 16 +
             kHashRows * ceil_div(projections + width, 16) * 16;
    integers = rounds * p.n_q + p.n_q + 2 * (buckets.count() + 1);
    bits = p.n_k * words;
  }
};

// Buckets of the keys of a head, [round][n_k], and the keys sorted by them, those of bucket c being order[ends[c - 1], ends[c]).
struct Keys {
  std::int32_t *bucket, *order, *ends;
};

struct Scratch {
  float *tile, *scores, *projected;
  std::int32_t *bucket, *order, *ends;  // of the queries: [round][n_q], [n_q], [buckets + 1]
  std::uint64_t* bits;
};

// ---- Hashing -------------------------------------------------------------------------------------------------------------

// One of the two hashes of x from its projections; float64 decides where float32 cannot.
std::int64_t hash(const float* x, std::int64_t d, const float* projected, const float* rows, std::int64_t count, double too_close) {
  const auto best = largest_of_both_signs(projected, count);
  if (best.margin > too_close) return best.place;
  std::array<double, kMostBuckets / 2> exact;
  for (std::int64_t t = 0; t < count; ++t) exact[static_cast<std::size_t>(t)] = exact_dot(x, rows + t * d, d);
  return largest_of_both_signs(exact.data(), count).place;
}

// bucket[round * stride + i] of the rows [begin, begin + count) of a head.
void hash_rows(const RunTask& task, const Plan& plan, const TensorView<const float>& x, std::int64_t b, std::int64_t h,
               std::int64_t begin, std::int64_t count, const float* panels, const Scratch& scratch, std::int32_t* bucket,
               std::int64_t stride) {
  const auto d = x.dim(), per_row = ceil_div(plan.projections + plan.width, 16) * 16;
  const float* rows[kHashRows];
  for (std::int64_t r = 0; r < count; ++r) rows[r] = x.row(b, h, begin + r);
  for (std::int64_t c = 0; c < plan.projections; c += plan.width) {
    kernels::score_panel(rows, count, d, panels + c * d, scratch.scores);
    for (std::int64_t r = 0; r < count; ++r)
      std::copy_n(scratch.scores + r * plan.width, plan.width, scratch.projected + r * per_row + c);
  }
  const float* all = task.prepared.as<Projections>().rows.data();
  const auto first = plan.buckets.first / 2, second = plan.buckets.second / 2;
  for (std::int64_t r = 0; r < count; ++r) {
    const double too_close = kTooClose * std::sqrt(double{kernels::dot(rows[r], rows[r], d)} * static_cast<double>(d));
    for (std::int64_t round = 0; round < plan.rounds; ++round) {
      const auto at = round * (first + second);
      const float* projected = scratch.projected + r * per_row + at;
      std::int64_t c = first == 0 ? 0 : hash(rows[r], d, projected, all + at * d, first, too_close);
      if (second > 0) c = c * plan.buckets.second + hash(rows[r], d, projected + first, all + (at + first) * d, second, too_close);
      bucket[round * stride + begin + r] = static_cast<std::int32_t>(c);
    }
  }
}

// Positions [0, count) by bucket, ascending within one.
void sort_by_bucket(const std::int32_t* bucket, std::int64_t count, std::int64_t buckets, std::int32_t* order, std::int32_t* ends) {
  std::fill_n(ends, buckets + 1, 0);
  for (std::int64_t i = 0; i < count; ++i) ++ends[bucket[i] + 1];
  for (std::int64_t c = 0; c < buckets; ++c) ends[c + 1] += ends[c];
  for (std::int64_t i = 0; i < count; ++i) order[ends[bucket[i]]++] = static_cast<std::int32_t>(i);
}

// ---- Attention -----------------------------------------------------------------------------------------------------------

// Which of `rows` meet which of `keys` for the first time in this round.
void find_new_pairs(const kernels::RowRange& rows, const kernels::KeySegment& keys, const Scratch& q, std::int64_t n_q,
                    const Keys& k, std::int64_t n_k, std::int64_t round) {
  const auto words = ceil_div(rows.count, 64);
  std::fill_n(q.bits, keys.count * words, 0);
  for (std::int64_t t = 0; t < keys.count; ++t)
    for (std::int64_t l = 0; l < rows.count; ++l) {
      bool met = false;
      for (std::int64_t r = 0; r < round && !met; ++r) met = q.bucket[r * n_q + rows.list[l]] == k.bucket[r * n_k + keys.list[t]];
      if (!met) q.bits[t * words + l / 64] |= std::uint64_t{1} << (l % 64);
    }
}

// One round of one query head; `block` has all but rows and keys.
void attend_round(kernels::ListedBlock block, const Plan& plan, const Scratch& q, const Keys& k, std::int64_t round, bool once) {
  const auto& p = block.run.problem;
  const auto most = kernels::max_listed_rows(1);
  for (std::int64_t c = 0; c < plan.buckets.count(); ++c) {
    std::int64_t first_row = c == 0 ? 0 : q.ends[c - 1];
    const std::int64_t first_key = c == 0 ? 0 : k.ends[c - 1];
    block.keys = kernels::KeySegment::listed(k.order + first_key, k.ends[c] - first_key);
    // A row that sees none of the keys stays as it is, to the bit, whatever the future holds.
    const auto sees_one = [&](std::int64_t i) {
      return block.keys.count > 0 && visible_keys(p, block.batch, i).end > block.keys.list[0];
    };
    while (block.resume && first_row < q.ends[c] && !sees_one(q.order[first_row])) ++first_row;
    for (std::int64_t begin = first_row; begin < q.ends[c]; begin += most) {
      block.rows = {0, 1, std::min<std::int64_t>(most, q.ends[c] - begin), q.order + begin};
      block.lane_bits = once && round > 0 ? q.bits : nullptr;
      if (block.lane_bits) find_new_pairs(block.rows, block.keys, q, p.n_q, k, p.n_k, round);
      kernels::attend_listed(block);
    }
  }
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const Plan plan(p, task.params);
  const std::int64_t threads = task.parallel.threads(), buckets = plan.buckets.count();
  const auto heads = p.batch * p.heads_kv, rows = p.batch * p.heads_q * p.n_q;
  const auto per_head = plan.rounds * (2 * p.n_k + buckets + 1);
  float* panels = task.workspace.allocate<float>(plan.panels).data();
  float* row_max = task.workspace.allocate<float>(rows).data();
  float* row_sum = task.workspace.allocate<float>(rows).data();
  auto* key_lists = task.workspace.allocate<std::int32_t>(heads * per_head).data();
  float* floats = task.workspace.allocate<float>(threads * plan.floats).data();
  auto* integers = task.workspace.allocate<std::int32_t>(threads * plan.integers).data();
  auto* bits = task.workspace.allocate<std::uint64_t>(threads * plan.bits).data();
  if (plan.projections > 0)
    kernels::pack_keys(task.prepared.as<Projections>().rows.data(), p.d_qk, plan.projections, p.d_qk, panels);
  const auto scratch_of = [&](int slot) {
    float* next = floats + slot * plan.floats;
    auto* lists = integers + slot * plan.integers;
    const auto hash_floats = ceil_div(kernels::padded_rows(kHashRows) * plan.width, 16) * 16;
    return Scratch{next,
                   next + plan.tile_floats,
                   next + plan.tile_floats + hash_floats,
                   lists,
                   lists + plan.rounds * p.n_q,
                   lists + plan.rounds * p.n_q + p.n_q,
                   bits + slot * plan.bits};
  };
  const auto keys_of = [&](std::int64_t head, std::int64_t round) {
    auto* lists = key_lists + head * per_head;
    return Keys{lists, lists + (plan.rounds + round) * p.n_k, lists + 2 * plan.rounds * p.n_k + round * (buckets + 1)};
  };
  task.parallel.for_each(heads, [&](std::int64_t head, int slot) {
    const auto b = head / p.heads_kv;
    const auto count = p.key_count(b);
    for (std::int64_t begin = 0; begin < count; begin += kHashRows)
      hash_rows(task, plan, task.inputs.keys(), b, head % p.heads_kv, begin, std::min(kHashRows, count - begin), panels,
                scratch_of(slot), keys_of(head, 0).bucket, p.n_k);
    for (std::int64_t r = 0; r < plan.rounds; ++r)
      sort_by_bucket(keys_of(head, r).bucket + r * p.n_k, count, buckets, keys_of(head, r).order, keys_of(head, r).ends);
  });
  const bool once = task.params.choice("merge") == "union";
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int slot) {
    const auto b = t / p.heads_q, h = t % p.heads_q, head = b * p.heads_kv + p.kv_head(h);
    const auto scratch = scratch_of(slot);
    for (std::int64_t begin = 0; begin < p.n_q; begin += kHashRows)
      hash_rows(task, plan, task.inputs.queries(), b, h, begin, std::min(kHashRows, p.n_q - begin), panels, scratch, scratch.bucket,
                p.n_q);
    for (std::int64_t r = 0; r < plan.rounds; ++r) {
      sort_by_bucket(scratch.bucket + r * p.n_q, p.n_q, buckets, scratch.order, scratch.ends);
      attend_round({task, b, h, 1, {}, {}, task.out(), row_max, row_sum, r > 0, scratch.tile}, plan, scratch, keys_of(head, r), r,
                   once);
    }
  });
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const Plan plan(p, params);
  const auto rows = p.batch * p.heads_q * p.n_q, per_head = plan.rounds * (2 * p.n_k + plan.buckets.count() + 1);
  return workspace_bytes<float>(plan.panels) + 2 * workspace_bytes<float>(rows) +
         workspace_bytes<std::int32_t>(p.batch * p.heads_kv * per_head) + workspace_bytes<float>(threads * plan.floats) +
         workspace_bytes<std::int32_t>(threads * plan.integers) + workspace_bytes<std::uint64_t>(threads * plan.bits);
}

// Expected: buckets of equal size, no pair met twice. No count of pairs, which the data decide.
Cost cost(const Problem& p, const Params& params) {
  const Plan plan(p, params);
  const double pairs =
      visible_pairs(p) * std::min(1.0, static_cast<double>(plan.rounds) / static_cast<double>(plan.buckets.count()));
  const auto hashed = static_cast<double>(p.batch * (p.heads_q * p.n_q + p.heads_kv * p.n_k) * plan.projections * p.d_qk);
  return {.multiply_adds = pairs * static_cast<double>(p.d_qk + p.d_v) + hashed,
          .exps = pairs * (p.softcap ? 2 : 1),
          .bytes = compulsory_bytes(p)};
}

// ---- Float64 reference: who meets whom, pair by pair ---------------------------------------------------------------------------

// Buckets of one row in all rounds.
std::vector<std::int64_t> exact_buckets(const OracleTask& task, const float* x) {
  const auto d = task.problem.d_qk;
  const Buckets buckets(task.problem, task.params);
  const float* row = task.prepared.as<Projections>().rows.data();
  std::vector<std::int64_t> found;
  for (std::int64_t round = 0; round < task.params.integer("rounds"); ++round) {
    std::int64_t bucket = 0;
    for (const auto count : {buckets.first, buckets.second}) {
      std::vector<double> projected;
      for (std::int64_t t = 0; t < count / 2; ++t, row += d) projected.push_back(exact_dot(x, row, d));
      for (std::int64_t t = 0; t < count / 2; ++t) projected.push_back(-projected[static_cast<std::size_t>(t)]);
      bucket = bucket * count + (projected.empty() ? 0 : std::max_element(projected.begin(), projected.end()) - projected.begin());
    }
    found.push_back(bucket);
  }
  return found;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const bool once = task.params.choice("merge") == "union";
  std::vector<std::vector<std::int64_t>> keys(static_cast<std::size_t>(p.batch * p.heads_kv * p.n_k));
  task.parallel.for_ranges(static_cast<std::int64_t>(keys.size()), 16, [&](std::int64_t begin, std::int64_t end, int) {
    for (auto t = begin; t < end; ++t)
      keys[static_cast<std::size_t>(t)] =
          exact_buckets(task, task.inputs.keys().row(t / (p.heads_kv * p.n_k), t / p.n_k % p.heads_kv, t % p.n_k));
  });
  weighted_oracle(task, [&](const OracleRow& row, std::span<double> weights) {
    const auto query = exact_buckets(task, task.inputs.queries().row(row.b, row.h, row.i));
    const auto first = (row.b * p.heads_kv + p.kv_head(row.h)) * p.n_k;
    for (std::size_t t = 0; t < weights.size(); ++t) {
      const auto& key = keys[static_cast<std::size_t>(first + row.keys[t])];
      double met = 0;
      for (std::size_t r = 0; r < query.size(); ++r) met += query[r] == key[r];
      weights[t] += once ? (met > 0 ? 0 : -std::numeric_limits<double>::infinity()) : std::log(met);
    }
    softmax_of(weights);
  });
}

}  // namespace

ATTNBENCH_VARIANT(reformer_lsh) = {
    .name = "reformer_lsh",
    .summary = "queries attend to the keys that share a bucket of a random hash with them, in several rounds",
    .paper = "Kitaev, Kaiser & Levskaya 2020, Reformer: The Efficient Transformer, section 2.2 and appendix A",
    .equation =
        "O_i = softmax(q_i K^T / sqrt(d)) V over the keys j with h_r(k_j) = h_r(q_i) in some round r,\n"
        "h_r(x) = argmax [x R_r; -x R_r], R_r random",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n^1.5 r d + n r b d)",
    .memory_label = "O(n r)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths | kScale | kSoftcap,
    .laws = kKeyPermutation | kIndependentHeads | kWeightsReadable,
    .rates = {15e9, 0.3e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_projections,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
