// Nystromformer: the softmax matrix from m landmark queries and m landmark keys.
//
//   O = F Z (B V),  F = softmax(s Q K~^T), A = softmax(s Q~ K~^T), B = softmax(s Q~ K^T), Z ~ A^+
//   Z <- Z / 4 (13 I - A Z (15 I - A Z (7 I - A Z))), six times from Z = A^T / (|A|_1 |A|_inf)
//                                                          Xiong et al. 2021, Nystromformer, equations 9 to 14
//
// Landmarks Q~, K~ are means of segments of the rows; where m does not divide their number the first segments are one longer (the
// paper pads). With fewer rows than landmarks every row is one. Means are over the keys within a key length.
//
// The number of iterations is part of the definition: six do not converge on most matrices, and converging makes the output worse.
// Row sums are near 1 only. |A|_inf is 1, and |A|_1 is that of each head: the released code takes the maximum over all heads and
// batch entries, which couples them. No causal form: landmarks average the future. No convolution of the values beside it (the
// paper's skip is learned).
// More than eight are not offered: Z grows, and the rounding errors of F, A and B with it (at twelve beyond what float32 may cost).
// B V is plain attention of the landmarks, F (Z B V) plain attention over them: neither n x m matrix is ever stored.
// Cost: n m (2 d + 2 d_v) multiply-adds per head and 4 m^3 per iteration; extra memory 6 m^2 + m (2 d + 2 d_v). Measured
// (AVX-512, one thread, b1 h8 n4096 d64, m 64): 0.64 of blockwise's multiply-adds per second.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/linear/dense_product.h"
#include "variants/kernels/simd/vector_ops.h"
#include "variants/kernels/softmax/tile_engine.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    integer_param("landmarks", 64, 1, 4096, "segments m of queries and of keys; as many as there are rows if that is less"),
    integer_param("iterations", 6, 0, 8, "steps towards the inverse of A, part of the definition"),
};

std::int64_t key_landmarks(const Problem& p, const Params& params, std::int64_t b) {
  return std::min(params.integer("landmarks"), p.key_count(b));
}
std::int64_t query_landmarks(const Problem& p, const Params& params) { return std::min(params.integer("landmarks"), p.n_q); }

// Segment s of `count` rows in m parts.
KeyRange segment(std::int64_t count, std::int64_t m, std::int64_t s) {
  const auto length = count / m, longer = count % m;
  const auto begin = s * length + std::min(s, longer);
  return {begin, begin + length + (s < longer)};
}

// The two plain attentions inside: of landmark queries over all keys (B V), of all queries over landmark keys (F times Z B V),
// whose values are each query head's own.
struct Inner {
  Problem of_landmarks, over_landmarks;
};

Inner inner_problems(const Problem& p, const Params& params) {
  Inner inner{p, p};
  inner.of_landmarks.n_q = query_landmarks(p, params);
  inner.over_landmarks.heads_kv = p.heads_q;
  inner.over_landmarks.key_lengths.clear();
  inner.over_landmarks.n_k = 1;
  for (std::int64_t b = 0; b < p.batch; ++b)
    inner.over_landmarks.n_k = std::max(inner.over_landmarks.n_k, key_landmarks(p, params, b));
  for (std::int64_t b = 0; b < p.batch && !p.key_lengths.empty(); ++b)
    inner.over_landmarks.key_lengths.push_back(key_landmarks(p, params, b));
  return inner;
}

Prepared make_inner(const PrepareTask& task) {
  return Prepared::of(inner_problems(task.problem, task.params), 2 * task.problem.key_lengths.size() * sizeof(std::int64_t));
}

// ---- Matrices: rows of whole vectors, padded(columns) floats apart ---------------------------------------------------------

using kernels::padded;

// C [m, n] = A [m, k] B [k, n]
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b, float* c) {
  kernels::multiply({m, n, k, {a, padded(k)}, {b, padded(n)}, {c, padded(n)}});
}

// x = diagonal I - x, square
void subtract_from(float diagonal, std::int64_t m, float* x) {
  for (std::int64_t t = 0; t < m * padded(m); ++t) x[t] = -x[t];
  for (std::int64_t r = 0; r < m; ++r) x[r * (padded(m) + 1)] += diagonal;
}

// What one head's inverse works on: A [q, k], Z and its next [k, q], three squares [q, q], and room for K~^T [d, k].
std::int64_t inverse_size(std::int64_t q, std::int64_t k, std::int64_t d) {
  return q * padded(k) + 2 * k * padded(q) + std::max(3 * q * padded(q), d * padded(k));
}

// |A|_1 of A [q, k]; sums is scratch of k
float largest_column_sum(std::int64_t q, std::int64_t k, const float* a, float* sums) {
  std::fill_n(sums, k, 0.0f);
  for (std::int64_t r = 0; r < q; ++r)
    for (std::int64_t c = 0; c < k; ++c) sums[c] += a[r * padded(k) + c];
  return *std::max_element(sums, sums + k);
}

// Z [k, q] for the A at the start of `work`; where in `work` it is.
const float* iterate(std::int64_t q, std::int64_t k, std::int64_t iterations, float* work) {
  float *a = work, *z = a + q * padded(k), *next = z + k * padded(q), *az = next + k * padded(q), *inner = az + q * padded(q);
  float* outer = inner + q * padded(q);
  const float inverse = 1 / largest_column_sum(q, k, a, next);
  for (std::int64_t c = 0; c < k; ++c)
    for (std::int64_t r = 0; r < q; ++r) z[c * padded(q) + r] = a[r * padded(k) + c] * inverse;
  for (std::int64_t t = 0; t < iterations; ++t) {
    multiply(q, q, k, a, z, az);
    std::copy_n(az, q * padded(q), inner);
    subtract_from(7, q, inner);
    multiply(q, q, q, az, inner, outer);
    subtract_from(15, q, outer);
    multiply(q, q, q, az, outer, inner);
    subtract_from(13, q, inner);
    multiply(k, q, q, z, inner, next);
    for (std::int64_t i = 0; i < k * padded(q); ++i) next[i] *= 0.25f;
    std::swap(z, next);
  }
  return z;
}

// ---- The computation -----------------------------------------------------------------------------------------------------

// Floats of one task of inverting: A and what follows from it.
std::int64_t task_floats(const Problem& p, const Params& params) {
  return inverse_size(query_landmarks(p, params), std::min(params.integer("landmarks"), p.n_k), p.d_qk);
}

// Means of segments of rows to [m, d].
void average(const TensorView<const float>& x, std::int64_t b, std::int64_t h, std::int64_t count, std::int64_t m, float* to) {
  for (std::int64_t s = 0; s < m; ++s) {
    const auto rows = segment(count, m, s);
    kernels::mean_of_rows({x.row(b, h, rows.begin), x.row_stride()}, rows.size(), x.dim(), to + s * padded(x.dim()));
  }
}

// A [q, k]; transposed is scratch for K~^T [d, k]
void landmark_weights(const Problem& p, std::int64_t q, std::int64_t k, const float* queries, const float* keys, float* a,
                      float* transposed) {
  std::fill_n(transposed, p.d_qk * padded(k), 0.0f);
  for (std::int64_t j = 0; j < k; ++j)
    for (std::int64_t c = 0; c < p.d_qk; ++c) transposed[c * padded(k) + j] = keys[j * padded(p.d_qk) + c];
  multiply(q, k, p.d_qk, queries, transposed, a);
  for (std::int64_t r = 0; r < q; ++r) {
    kernels::scale(static_cast<float>(p.effective_scale()), a + r * padded(k), k);
    kernels::softmax_in_place(a + r * padded(k), k);
  }
}

// to [k, d_v] = Z means, means [q, d_v] = B V
void weigh_means(const RunTask& task, std::int64_t q, std::int64_t k, const float* queries, const float* keys, const float* means,
                 float* to, float* scratch) {
  const auto& p = task.problem;
  landmark_weights(p, q, k, queries, keys, scratch, scratch + q * padded(k) + 2 * k * padded(q));
  const float* z = iterate(q, k, task.params.integer("iterations"), scratch);
  multiply(k, p.d_v, q, z, means, to);
}

// As the matrices lie: [b, h, n, padded(d)].
TensorRef with_padding(float* data, const Shape& shape) {
  return {data, DType::f32, shape, dense_strides({shape[0], shape[1], shape[2], padded(shape[3])})};
}
std::int64_t padded_floats(const Shape& shape) { return shape[0] * shape[1] * shape[2] * padded(shape[3]); }

struct Shapes {
  Shape queries, keys, means, values;  // Q~, K~ of each query head, B V, Z B V
};
Shapes shapes_of(const Inner& inner) {
  const auto& p = inner.of_landmarks;
  const auto q = p.n_q, m = inner.over_landmarks.n_k;
  return {{p.batch, p.heads_q, q, p.d_qk},
          {p.batch, p.heads_q, m, p.d_qk},
          {p.batch, p.heads_q, q, p.d_v},
          {p.batch, p.heads_q, m, p.d_v}};
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto& inner = task.prepared.as<Inner>();
  const auto shapes = shapes_of(inner);
  const auto q = inner.of_landmarks.n_q, m = inner.over_landmarks.n_k, floats = task_floats(p, task.params);
  float* queries = task.workspace.allocate<float>(padded_floats(shapes.queries)).data();
  float* keys = task.workspace.allocate<float>(padded_floats(shapes.keys)).data();
  float* means = task.workspace.allocate<float>(padded_floats(shapes.means)).data();
  float* values = task.workspace.allocate<float>(padded_floats(shapes.values)).data();
  float* scratch = task.workspace.allocate<float>(task.parallel.threads() * floats).data();
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int) {
    const auto b = t / p.heads_q, h = t % p.heads_q;
    average(task.inputs.queries(), b, h, p.n_q, q, queries + t * q * padded(p.d_qk));
    average(task.inputs.keys(), b, p.kv_head(h), p.key_count(b), key_landmarks(p, task.params, b), keys + t * m * padded(p.d_qk));
  });
  const Inputs first{with_padding(queries, shapes.queries), task.inputs.k, task.inputs.v, {}};
  kernels::attend(
      {inner.of_landmarks, task.params, first, with_padding(means, shapes.means), task.prepared, task.workspace, task.parallel},
      kernels::AllKeys(inner.of_landmarks));
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int slot) {
    const auto k = key_landmarks(p, task.params, t / p.heads_q);
    if (k > 0)
      weigh_means(task, q, k, queries + t * q * padded(p.d_qk), keys + t * m * padded(p.d_qk), means + t * q * padded(p.d_v),
                  values + t * m * padded(p.d_v), scratch + slot * floats);
  });
  const Inputs second{task.inputs.q, with_padding(keys, shapes.keys), with_padding(values, shapes.values), {}};
  kernels::attend({inner.over_landmarks, task.params, second, task.output, task.prepared, task.workspace, task.parallel},
                  kernels::AllKeys(inner.over_landmarks));
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const auto inner = inner_problems(p, params);
  const auto shapes = shapes_of(inner);
  std::size_t bytes = workspace_bytes<float>(threads * task_floats(p, params));
  for (const auto& shape : {shapes.queries, shapes.keys, shapes.means, shapes.values})
    bytes += workspace_bytes<float>(padded_floats(shape));
  return bytes + kernels::tile_workspace(inner.of_landmarks, kernels::AllKeys(inner.of_landmarks), threads) +
         kernels::tile_workspace(inner.over_landmarks, kernels::AllKeys(inner.over_landmarks), threads);
}

// Per query head: means of its rows and of its keys, F and B with what they weigh, A, the iterations, Z times the means.
Cost cost(const Problem& p, const Params& params) {
  const double d = static_cast<double>(p.d_qk), d_v = static_cast<double>(p.d_v), heads = static_cast<double>(p.heads_q);
  const double n_q = static_cast<double>(p.n_q), q = static_cast<double>(query_landmarks(p, params));
  Cost cost{.bytes = compulsory_bytes(p)};
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const double n_k = static_cast<double>(p.key_count(b)), k = static_cast<double>(key_landmarks(p, params, b));
    const double step = 2 * q * q * k + 2 * q * q * q;
    const double inverse = k == 0 ? 0 : q * k * d + static_cast<double>(params.integer("iterations")) * step + q * k * d_v;
    cost.multiply_adds += heads * ((n_q + n_k) * d + (n_q * k + q * n_k) * (d + d_v) + inverse);
    cost.exps += heads * (n_q * k + q * n_k + q * k);
  }
  return cost;
}

// ---- Float64 reference: every matrix as it stands in the equations ---------------------------------------------------------

using Matrix = std::vector<std::vector<double>>;

Matrix exact_rows(const TensorView<const float>& x, std::int64_t b, std::int64_t h, std::int64_t count) {
  Matrix rows;
  for (std::int64_t i = 0; i < count; ++i) rows.emplace_back(x.row(b, h, i), x.row(b, h, i) + x.dim());
  return rows;
}

// Segment means: the first count mod m segments take ceil(count / m) rows.
Matrix exact_means(const Matrix& rows, std::size_t m) {
  Matrix means;
  std::size_t at = 0;
  for (std::size_t s = 0; s < m; ++s) {
    const auto length = rows.size() / m + (s < rows.size() % m ? 1 : 0);
    std::vector<double> mean(rows[at].size(), 0.0);
    for (std::size_t j = at; j < at + length; ++j)
      for (std::size_t c = 0; c < mean.size(); ++c) mean[c] += rows[j][c] / static_cast<double>(length);
    means.push_back(std::move(mean));
    at += length;
  }
  return means;
}

Matrix exact_softmax(const Matrix& queries, const Matrix& keys, double scale) {
  Matrix weights;
  for (const auto& query : queries) {
    std::vector<double> row;
    for (const auto& key : keys) {
      double score = 0;
      for (std::size_t c = 0; c < key.size(); ++c) score += query[c] * key[c];
      row.push_back(scale * score);
    }
    const double top = *std::max_element(row.begin(), row.end());
    double total = 0;
    for (auto& x : row) total += x = std::exp(x - top);
    for (auto& x : row) x /= total;
    weights.push_back(std::move(row));
  }
  return weights;
}

Matrix product(const Matrix& x, const Matrix& y) {
  Matrix result(x.size(), std::vector<double>(y[0].size(), 0.0));
  for (std::size_t r = 0; r < x.size(); ++r)
    for (std::size_t t = 0; t < y.size(); ++t)
      for (std::size_t c = 0; c < y[t].size(); ++c) result[r][c] += x[r][t] * y[t][c];
  return result;
}

// diagonal I - x
Matrix less(double diagonal, Matrix x) {
  for (std::size_t r = 0; r < x.size(); ++r)
    for (std::size_t c = 0; c < x.size(); ++c) x[r][c] = (r == c ? diagonal : 0) - x[r][c];
  return x;
}

Matrix exact_inverse(const Matrix& a, std::int64_t iterations) {
  double largest = 0;
  for (std::size_t c = 0; c < a[0].size(); ++c) {
    double sum = 0;
    for (const auto& row : a) sum += row[c];
    largest = std::max(largest, sum);
  }
  Matrix z(a[0].size(), std::vector<double>(a.size()));
  for (std::size_t c = 0; c < z.size(); ++c)
    for (std::size_t r = 0; r < a.size(); ++r) z[c][r] = a[r][c] / largest;
  for (std::int64_t t = 0; t < iterations; ++t) {
    const auto az = product(a, z);
    z = product(z, less(13, product(az, less(15, product(az, less(7, az))))));
    for (auto& row : z)
      for (auto& x : row) x /= 4;
  }
  return z;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int) {
    const auto b = t / p.heads_q, h = t % p.heads_q;
    std::fill_n(task.out_row(b, h, 0), static_cast<std::int64_t>(task.rows.size()) * p.d_v, 0.0);
    if (p.key_count(b) == 0) return;
    const double scale = p.effective_scale();
    const auto queries = exact_rows(task.inputs.queries(), b, h, p.n_q);
    const auto keys = exact_rows(task.inputs.keys(), b, p.kv_head(h), p.key_count(b));
    const auto values = exact_rows(task.inputs.values(), b, p.kv_head(h), p.key_count(b));
    const auto landmarks = static_cast<std::size_t>(task.params.integer("landmarks"));
    const auto mean_queries = exact_means(queries, std::min(landmarks, queries.size()));
    const auto mean_keys = exact_means(keys, std::min(landmarks, keys.size()));
    const auto inverse = exact_inverse(exact_softmax(mean_queries, mean_keys, scale), task.params.integer("iterations"));
    const auto weighed = product(inverse, product(exact_softmax(mean_queries, keys, scale), values));
    Matrix asked;
    for (const auto i : task.rows) asked.push_back(queries[static_cast<std::size_t>(i)]);
    const auto rows = product(exact_softmax(asked, mean_keys, scale), weighed);
    for (std::size_t r = 0; r < rows.size(); ++r)
      std::copy(rows[r].begin(), rows[r].end(), task.out_row(b, h, static_cast<std::int64_t>(r)));
  });
}

}  // namespace

ATTNBENCH_VARIANT(nystromformer) = {
    .name = "nystromformer",
    .summary = "the softmax matrix from m landmark queries and keys and an iterated inverse",
    .paper = "Xiong et al. 2021, Nystromformer: A Nystrom-Based Algorithm for Approximating Self-Attention, equations 9 to 14",
    .equation =
        "O = F Z (B V), F = softmax(s Q K~^T), A = softmax(s Q~ K~^T), B = softmax(s Q~ K^T), Q~ and K~ segment means,\n"
        "Z <- Z / 4 (13 I - A Z (15 I - A Z (7 I - A Z))) six times from A^T / (|A|_1 |A|_inf)",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n m d)",
    .memory_label = "O(m d + m^2)",
    .supports = kGqa | kCross | kUnequalDims | kKeyLengths | kScale,
    .laws = kIndependentHeads | kWeightsReadable,
    .rates = {20e9, 0.4e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_inner,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
