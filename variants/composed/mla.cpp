// Multi-head latent attention: keys and values of all heads are made from one small latent per token.
//
//   k_j = [W_UK c_j ; r_j],  v_j = W_UV c_j,  O = softmax(q k^T / sqrt(d_n + d_r) + mask) v      DeepSeek-V2 2024, section 2.1
//
// c_j [d_c] is the latent, r_j [d_r] the rotary key that all heads share, q = [q_n (d_n) ; q_r (d_r)], rotated like r_j. W_UK [d_n,
// d_c] and W_UV [d_v, d_c] belong to a head and are drawn in prepare() with variance 1 / d_c. K and V of the problem are not read.
// The scale divides by sqrt(d_qk), d_qk = d_n + d_r, whatever the size of what is multiplied.
//
// form=naive makes K and V of all heads and attends to them. form=absorbed never does: (q_n W_UK) c_j is the same score, and
// W_UV (sum_j w_j c_j) the same output, so one head of keys [c_j ; r_j], whose values are the c_j themselves, serves all query
// heads. It takes 2 d_c + d_r multiply-adds a pair in place of d_qk + d_v, but none to make keys: auto takes the form with fewer,
// which is absorbed up to 170 queries a key at the published shapes (d_n 128, d_r 64, d_c 512, d_v 128).
//
// Cost: h n d_c (d_n + d_v) multiply-adds for n keys (naive) or n queries (absorbed) beside the pairs; extra memory: K and V of all
// heads, or [c ; r] side by side once, a copy of both extra inputs, and 2 d_c + d_r numbers per query and head.
// Time of absorbed over naive, 16 heads of the published shape, n_k 4096 (AVX-512, one thread): 0.03 for 1 query, 0.07 for 8, 0.38
// for 64, 0.68 for 128, 1.11 for 256. One query takes 1.4 times blockwise on a cache that already lies as [c ; r].
#include <algorithm>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/registry.h"
#include "variants/api/variant.h"
#include "variants/kernels/dense/projection.h"
#include "variants/kernels/random_weights.h"

namespace attnbench {
namespace {

constexpr std::int64_t kRows = 256;  // rows per product

constexpr ParamSpec kParams[] = {
    choice_param("form", "auto", "auto|naive|absorbed", "keys and values made, or left in the latent; auto: what multiplies less"),
    integer_param("latent", 0, 0, 8192, "d_c; 0 takes 4 d_n, as published"),
    integer_param("rope", -1, -1, 8192, "d_r, less than d_qk; -1 takes a third of d_qk, as published"),
};

// ---- Sizes ---------------------------------------------------------------------------------------------------------------

struct Sizes {
  std::int64_t d_n, d_r, d_c;
};

Sizes sizes(const Problem& p, const Params& params) {
  const auto rope = params.integer("rope"), latent = params.integer("latent");
  const auto d_r = rope < 0 ? p.d_qk / 3 : rope, d_n = p.d_qk - d_r;
  return {d_n, d_r, latent == 0 ? 4 * d_n : latent};
}

struct Work {
  double projections, per_pair;  // multiply-adds
};

Work work_of(const Problem& p, const Params& params, bool absorbed) {
  const auto [d_n, d_r, d_c] = sizes(p, params);
  const double rows = static_cast<double>(p.batch * p.heads_q * (absorbed ? p.n_q : p.n_k));
  return {rows * static_cast<double>(d_c * (d_n + p.d_v)), static_cast<double>(absorbed ? 2 * d_c + d_r : p.d_qk + p.d_v)};
}

bool absorbs(const Problem& p, const Params& params) {
  if (params.choice("form") != "auto") return params.choice("form") == "absorbed";
  const auto naive = work_of(p, params, false), absorbed = work_of(p, params, true);
  const double pairs = visible_pairs(p);
  return absorbed.projections + pairs * absorbed.per_pair < naive.projections + pairs * naive.per_pair;
}

// The attention behind either form: a key head per query head, or one of latents for all.
Problem inner_problem(const Problem& p, const Params& params, bool absorbed) {
  const auto [d_n, d_r, d_c] = sizes(p, params);
  Problem inner = p;
  inner.scale = p.effective_scale();
  inner.heads_kv = absorbed ? 1 : p.heads_q;
  if (absorbed) {
    inner.d_qk = d_c + d_r;
    inner.d_v = d_c;
  }
  return inner;
}

void unsupported(const Problem& p, const Params& params, Reasons& reasons) {
  if (sizes(p, params).d_n < 1) reasons.push_back("mla needs rope less than d_qk");
}

std::vector<InputSpec> extras(const Problem& p, const Params& params) {
  const auto s = sizes(p, params);
  std::vector<InputSpec> specs{{.name = "latent",
                                .shape = {p.batch, 1, p.n_k, s.d_c},
                                .fill = Fill::normal(0, 1),
                                .help = "what keys and values of all heads are made from"}};
  if (s.d_r > 0)
    specs.push_back({.name = "key_rope",
                     .shape = {p.batch, 1, p.n_k, s.d_r},
                     .fill = Fill::normal(0, 1),
                     .help = "the part of the keys that carries the position, already rotated; the same for all heads"});
  return specs;
}

// ---- What prepare() leaves -----------------------------------------------------------------------------------------------

struct Layer {
  Sizes size;
  bool absorbed;
  std::vector<float> keys, values;  // W_UK [h, d_n, d_c], W_UV [h, d_v, d_c]
  const Variant* inner;
  Params inner_params;
  Problem inner_problem;
  Prepared inner_prepared;

  const float* key_weights(std::int64_t h) const { return keys.data() + h * size.d_n * size.d_c; }
  const float* value_weights(std::int64_t h, std::int64_t d_v) const { return values.data() + h * d_v * size.d_c; }
};

// Streams of the seed: 0 W_UK, 1 W_UV.
Prepared make_layer(const PrepareTask& task) {
  const auto& p = task.problem;
  Layer layer;
  layer.size = sizes(p, task.params);
  layer.absorbed = absorbs(p, task.params);
  const auto [d_n, d_r, d_c] = layer.size;
  layer.keys = kernels::random_weights(p.heads_q * d_n * d_c, d_c, task.seed, 0);
  layer.values = kernels::random_weights(p.heads_q * p.d_v * d_c, d_c, task.seed, 1);
  layer.inner = find_variant("blockwise");
  layer.inner_params = Params(layer.inner->params);
  layer.inner_problem = inner_problem(p, task.params, layer.absorbed);
  layer.inner_prepared = prepare(*layer.inner, layer.inner_problem, layer.inner_params, task.seed, task.threads);
  const auto bytes = sizeof(float) * (layer.keys.size() + layer.values.size()) + layer.inner_prepared.bytes;
  return Prepared::of(std::move(layer), bytes);
}

// ---- Products ------------------------------------------------------------------------------------------------------------

// For each head of `to`, shared out over blocks of rows: body(b, h, rows).
template <class Body>
void for_row_blocks(const Parallel& parallel, const TensorView<float>& to, const Body& body) {
  const auto blocks = ceil_div(to.rows(), kRows);
  parallel.for_each(to.batch() * to.heads() * blocks, [&](std::int64_t t, int) {
    const auto head = t / blocks, begin = t % blocks * kRows;
    body(head / to.heads(), head % to.heads(), KeyRange{begin, std::min(to.rows(), begin + kRows)});
  });
}

void copy_columns(const TensorView<const float>& from, std::int64_t b, std::int64_t h, KeyRange rows, std::int64_t first,
                  std::int64_t count, const TensorView<float>& to, std::int64_t to_h, std::int64_t to_first) {
  for (auto i = rows.begin; i < rows.end; ++i) std::copy_n(from.row(b, h, i) + first, count, to.row(b, to_h, i) + to_first);
}

TensorRef new_tensor(Workspace& workspace, const Shape& shape) {
  return {workspace.allocate<float>(element_count(shape)).data(), DType::f32, shape, dense_strides(shape)};
}

void attend(const RunTask& task, const Layer& layer, const TensorRef& q, const TensorRef& k, const TensorRef& v,
            const TensorRef& out) {
  const Inputs inputs{q, k, v, task.inputs.mask};
  layer.inner->run({layer.inner_problem, layer.inner_params, inputs, out, layer.inner_prepared, task.workspace, task.parallel});
}

// ---- The two forms -------------------------------------------------------------------------------------------------------

void run_naive(const RunTask& task, const Layer& layer) {
  const auto& p = task.problem;
  const auto d_n = layer.size.d_n, d_r = layer.size.d_r, d_c = layer.size.d_c;  // clang 14: no lambda takes a binding
  const auto latent = task.inputs.extra("latent");
  const auto k = new_tensor(task.workspace, {p.batch, p.heads_q, p.n_k, p.d_qk});
  const auto v = new_tensor(task.workspace, {p.batch, p.heads_q, p.n_k, p.d_v});
  const auto keys = k.as<float>(), values = v.as<float>();
  for_row_blocks(task.parallel, keys, [&](std::int64_t b, std::int64_t h, KeyRange rows) {
    const float* c = latent.row(b, 0, rows.begin);
    kernels::multiply(c, latent.row_stride(), rows.size(), {layer.key_weights(h), d_c, d_n, true}, keys.row(b, h, rows.begin),
                      p.d_qk);
    kernels::multiply(c, latent.row_stride(), rows.size(), {layer.value_weights(h, p.d_v), d_c, p.d_v, true},
                      values.row(b, h, rows.begin), p.d_v);
    if (d_r > 0) copy_columns(task.inputs.extra("key_rope"), b, 0, rows, 0, d_r, keys, h, d_n);
  });
  attend(task, layer, task.inputs.q, k, v, task.output);
}

void run_absorbed(const RunTask& task, const Layer& layer) {
  const auto& p = task.problem;
  const auto d_n = layer.size.d_n, d_r = layer.size.d_r, d_c = layer.size.d_c;
  const auto queries = task.inputs.queries();
  const auto k = new_tensor(task.workspace, {p.batch, 1, p.n_k, d_c + d_r});
  const auto q = new_tensor(task.workspace, {p.batch, p.heads_q, p.n_q, d_c + d_r});
  const auto z = new_tensor(task.workspace, {p.batch, p.heads_q, p.n_q, d_c});
  const auto keys = k.as<float>(), absorbed = q.as<float>(), weighed = z.as<float>(), out = task.out();
  for_row_blocks(task.parallel, keys, [&](std::int64_t b, std::int64_t, KeyRange rows) {
    copy_columns(task.inputs.extra("latent"), b, 0, rows, 0, d_c, keys, 0, 0);
    if (d_r > 0) copy_columns(task.inputs.extra("key_rope"), b, 0, rows, 0, d_r, keys, 0, d_c);
  });
  for_row_blocks(task.parallel, absorbed, [&](std::int64_t b, std::int64_t h, KeyRange rows) {
    kernels::multiply(queries.row(b, h, rows.begin), queries.row_stride(), rows.size(), {layer.key_weights(h), d_n, d_c},
                      absorbed.row(b, h, rows.begin), d_c + d_r);
    copy_columns(queries, b, h, rows, d_n, d_r, absorbed, h, d_c);
  });
  auto latents = k;  // the same memory, without the rotary part
  latents.shape[3] = d_c;
  attend(task, layer, q, k, latents, z);
  for_row_blocks(task.parallel, weighed, [&](std::int64_t b, std::int64_t h, KeyRange rows) {
    kernels::multiply(weighed.row(b, h, rows.begin), d_c, rows.size(), {layer.value_weights(h, p.d_v), d_c, p.d_v, true},
                      out.row(b, h, rows.begin), out.row_stride());
  });
}

void run(const RunTask& task) {
  const auto& layer = task.prepared.as<Layer>();
  if (layer.absorbed) run_absorbed(task, layer);
  else run_naive(task, layer);
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const auto [d_n, d_r, d_c] = sizes(p, params);
  const bool absorbed = absorbs(p, params);
  const auto& inner = *find_variant("blockwise");
  const auto q_rows = p.batch * p.heads_q * p.n_q, k_rows = p.batch * p.n_k;
  const auto own = absorbed
                       ? workspace_bytes<float>(k_rows * (d_c + d_r)) + workspace_bytes<float>(q_rows * (d_c + d_r)) +
                             workspace_bytes<float>(q_rows * d_c)
                       : workspace_bytes<float>(k_rows * p.heads_q * p.d_qk) + workspace_bytes<float>(k_rows * p.heads_q * p.d_v);
  return own + declared_workspace(inner, inner_problem(p, params, absorbed), Params(inner.params), threads);
}

// bytes: the extra inputs, the weights, and what either form writes and reads again.
Cost cost(const Problem& p, const Params& params) {
  const bool absorbed = absorbs(p, params);
  const auto [d_n, d_r, d_c] = sizes(p, params);
  const auto work = work_of(p, params, absorbed);
  const double pairs = visible_pairs(p), keys = static_cast<double>(p.batch * p.n_k), heads = static_cast<double>(p.heads_q);
  const double queries = static_cast<double>(p.batch * p.n_q) * heads;
  const double made = absorbed ? keys * static_cast<double>(d_c + d_r) + queries * static_cast<double>(2 * d_c + d_r)
                               : keys * heads * static_cast<double>(p.d_qk + p.d_v);
  return {.multiply_adds = work.projections + pairs * work.per_pair,
          .exps = pairs * (p.softcap ? 2 : 1),
          .bytes = compulsory_bytes(p) +
                   4 * (keys * static_cast<double>(d_c + d_r) + heads * static_cast<double>(d_c * (d_n + p.d_v)) + 2 * made),
          .pairs = pairs};
}

// ---- Float64 reference: the form that run() does not take ----------------------------------------------------------------

using Vector = std::vector<double>;

// a . x in eight partial sums, which a compiler keeps in vectors.
template <class T>
double dot(const T* a, const Vector& x) {
  constexpr std::size_t kSums = 8;
  double sums[kSums] = {};
  std::size_t c = 0;
  for (; c + kSums <= x.size(); c += kSums)
    for (std::size_t l = 0; l < kSums; ++l) sums[l] += static_cast<double>(a[c + l]) * x[c + l];
  for (; c < x.size(); ++c) sums[0] += static_cast<double>(a[c]) * x[c];
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

// W x and W^T x for W [rows, columns]
Vector times(const float* w, std::int64_t rows, const Vector& x) {
  Vector y;
  for (std::int64_t r = 0; r < rows; ++r) y.push_back(dot(w + r * static_cast<std::int64_t>(x.size()), x));
  return y;
}
Vector transposed_times(const float* w, const Vector& x, std::int64_t columns) {
  Vector y(static_cast<std::size_t>(columns), 0.0);
  for (std::size_t r = 0; r < x.size(); ++r)
    for (std::size_t c = 0; c < y.size(); ++c) y[c] += static_cast<double>(w[r * y.size() + c]) * x[r];
  return y;
}

// What the scores and the sum over keys meet, [n_k][width]: latents, or the keys and values of one head.
struct ExactKeys {
  std::vector<Vector> keys, values;
};

ExactKeys exact_keys(const OracleTask& task, const Layer& layer, std::int64_t b, std::int64_t h) {
  const auto& p = task.problem;
  const auto latent = task.inputs.extra("latent");
  ExactKeys exact;
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    const Vector c(latent.row(b, 0, j), latent.row(b, 0, j) + layer.size.d_c);
    exact.keys.push_back(layer.absorbed ? times(layer.key_weights(h), layer.size.d_n, c) : c);
    exact.values.push_back(layer.absorbed ? times(layer.value_weights(h, p.d_v), p.d_v, c) : c);
  }
  return exact;
}

// Scores of a row, weights of them, and the weighed values; nothing of a key that the row does not see is used.
Vector exact_row(const OracleTask& task, const Layer& layer, const ExactKeys& exact, std::int64_t b, std::int64_t h,
                 std::int64_t i) {
  const auto& p = task.problem;
  const float* q = task.inputs.queries().row(b, h, i);
  const Vector plain(q, q + layer.size.d_n),
      query = layer.absorbed ? plain : transposed_times(layer.key_weights(h), plain, layer.size.d_c);
  const auto rope = layer.size.d_r > 0 ? task.inputs.extra("key_rope") : TensorView<const float>{};
  std::vector<std::int64_t> seen;
  Vector weights;
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    if (!sees_key(p, task.inputs, b, h, i, j)) continue;
    double s = dot(exact.keys[static_cast<std::size_t>(j)].data(), query);
    for (std::int64_t c = 0; c < layer.size.d_r; ++c)
      s += static_cast<double>(q[layer.size.d_n + c]) * static_cast<double>(rope.row(b, 0, j)[c]);
    weights.push_back(softcapped(p, s * p.effective_scale()) + bias_of(p, task.inputs, b, h, i, j));
    seen.push_back(j);
  }
  softmax_of(weights);
  Vector sum(static_cast<std::size_t>(layer.absorbed ? p.d_v : layer.size.d_c), 0.0);
  for (std::size_t t = 0; t < seen.size(); ++t)
    for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += weights[t] * exact.values[static_cast<std::size_t>(seen[t])][c];
  return layer.absorbed ? sum : times(layer.value_weights(h, p.d_v), p.d_v, sum);
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto& layer = task.prepared.as<Layer>();
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int) {
    const auto b = t / p.heads_q, h = t % p.heads_q;
    const auto exact = exact_keys(task, layer, b, h);
    for (std::size_t r = 0; r < task.rows.size(); ++r) {
      const auto row = exact_row(task, layer, exact, b, h, task.rows[r]);
      std::copy(row.begin(), row.end(), task.out_row(b, h, static_cast<std::int64_t>(r)));
    }
  });
}

}  // namespace

ATTNBENCH_VARIANT(mla) = {
    .name = "mla",
    .summary = "multi-head latent attention: keys and values of all heads from one latent, made or absorbed",
    .paper = "DeepSeek-AI 2024, DeepSeek-V2, section 2.1 and appendix C",
    .equation =
        "O = softmax(q k^T / sqrt(d_n + d_r) + mask) v with k_j = [W_UK c_j ; r_j], v_j = W_UV c_j\n"
        "absorbed: score (q_n W_UK) c_j + q_r r_j, output W_UV sum_j w_j c_j",
    .computes = Computes::own_definition,
    .time_label = "O(n^2 (d + d_v) + n h d_c d)",
    .memory_label = "O(n h d)",
    .supports = kEverything & ~kGqa,  // no key/value heads that query heads could share
    .laws = kKeyPermutation | kScoreShift,
    .rates = {20e9, 0.4e9},
    .params = kParams,
    .extras = extras,
    .unsupported = unsupported,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_layer,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
