#include "datasets/sparse_svd.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "datasets/random.h"

namespace attnbench {
namespace {

constexpr std::int64_t kOversampling = 16;  // columns beyond the rank; Halko et al. advise 5 to 10, more is cheap here
constexpr int kPowerIterations = 4;         // sharpen a slowly falling spectrum

// A tall matrix [rows][columns], row-major.
struct Tall {
  std::int64_t rows, columns;
  std::vector<double> data;
  Tall(std::int64_t r, std::int64_t c) : rows(r), columns(c), data(static_cast<std::size_t>(r * c)) {}
  double* row(std::int64_t i) { return data.data() + i * columns; }
  const double* row(std::int64_t i) const { return data.data() + i * columns; }
};

void add_scaled(double* to, double factor, const double* from, std::int64_t count) {
  for (std::int64_t c = 0; c < count; ++c) to[c] += factor * from[c];
}

Tall multiply(const SparseMatrix& m, const Tall& x) {
  Tall y(m.size, x.columns);
  for (std::int64_t i = 0; i < m.size; ++i)
    for (auto e = static_cast<std::size_t>(m.row_begin[static_cast<std::size_t>(i)]);
         e < static_cast<std::size_t>(m.row_begin[static_cast<std::size_t>(i) + 1]); ++e)
      add_scaled(y.row(i), m.value[e], x.row(m.column[e]), x.columns);
  return y;
}

Tall multiply_transposed(const SparseMatrix& m, const Tall& x) {
  Tall y(m.size, x.columns);
  for (std::int64_t i = 0; i < m.size; ++i)
    for (auto e = static_cast<std::size_t>(m.row_begin[static_cast<std::size_t>(i)]);
         e < static_cast<std::size_t>(m.row_begin[static_cast<std::size_t>(i) + 1]); ++e)
      add_scaled(y.row(m.column[e]), m.value[e], x.row(i), x.columns);
  return y;
}

// x^T x, [columns][columns].
Tall gram(const Tall& x) {
  Tall g(x.columns, x.columns);
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (std::int64_t a = 0; a < x.columns; ++a) add_scaled(g.row(a), x.row(i)[a], x.row(i), x.columns);
  return g;
}

// x times a small square matrix, keeping its first `columns` columns.
Tall multiply(const Tall& x, const Tall& small, std::int64_t columns) {
  Tall y(x.rows, columns);
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (std::int64_t a = 0; a < x.columns; ++a) add_scaled(y.row(i), x.row(i)[a], small.row(a), columns);
  return y;
}

// Modified Gram-Schmidt over columns, done twice for orthogonality to rounding (Giraud, Langou & Rozloznik 2005). A column that
// depends on those before it becomes zero.
void orthonormalise(Tall& x) {
  Tall t(x.columns, x.rows);  // columns as rows, so that they are contiguous
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (std::int64_t c = 0; c < x.columns; ++c) t.row(c)[i] = x.row(i)[c];
  const auto dot = [&](std::int64_t a, std::int64_t b) { return std::inner_product(t.row(a), t.row(a) + x.rows, t.row(b), 0.0); };
  for (std::int64_t c = 0; c < x.columns; ++c) {
    const double before = std::sqrt(dot(c, c));
    for (int pass = 0; pass < 2; ++pass)
      for (std::int64_t earlier = 0; earlier < c; ++earlier) add_scaled(t.row(c), -dot(earlier, c), t.row(earlier), x.rows);
    const double norm = std::sqrt(dot(c, c));
    const double inverse = norm > 1e-10 * before ? 1 / norm : 0;
    for (std::int64_t i = 0; i < x.rows; ++i) t.row(c)[i] *= inverse;
  }
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (std::int64_t c = 0; c < x.columns; ++c) x.row(i)[c] = t.row(c)[i];
}

// One Jacobi rotation that makes a[p][q] zero (Golub & Van Loan, section 8.5); v collects the eigenvectors in its columns.
void rotate(Tall& a, Tall& v, std::int64_t p, std::int64_t q) {
  const double off = a.row(p)[q];
  if (off == 0) return;
  const double theta = (a.row(q)[q] - a.row(p)[p]) / (2 * off);
  const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
  const double c = 1 / std::sqrt(t * t + 1), s = t * c;
  const auto mix = [&](double& x, double& y) {
    const double old = x;
    x = c * old - s * y;
    y = s * old + c * y;
  };
  for (std::int64_t i = 0; i < a.rows; ++i) mix(a.row(i)[p], a.row(i)[q]);
  for (std::int64_t i = 0; i < a.rows; ++i) mix(a.row(p)[i], a.row(q)[i]);
  for (std::int64_t i = 0; i < a.rows; ++i) mix(v.row(i)[p], v.row(i)[q]);
}

// Eigenvectors of a symmetric matrix in the columns of the result, eigenvalues on the diagonal of `a` afterwards.
Tall eigenvectors(Tall& a) {
  Tall v(a.rows, a.rows);
  for (std::int64_t i = 0; i < a.rows; ++i) v.row(i)[i] = 1;
  double trace = 0;
  for (std::int64_t i = 0; i < a.rows; ++i) trace += a.row(i)[i];
  constexpr int kMostSweeps = 30;  // convergence is quadratic: about 8 are used
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    double off = 0;
    for (std::int64_t p = 0; p < a.rows; ++p)
      for (std::int64_t q = p + 1; q < a.rows; ++q) off += a.row(p)[q] * a.row(p)[q];
    if (off <= 1e-30 * trace * trace) break;
    for (std::int64_t p = 0; p < a.rows; ++p)
      for (std::int64_t q = p + 1; q < a.rows; ++q) rotate(a, v, p, q);
  }
  return v;
}

void fix_signs(Tall& u) {
  for (std::int64_t c = 0; c < u.columns; ++c) {
    double largest = 0;
    for (std::int64_t i = 0; i < u.rows; ++i)
      if (std::abs(u.row(i)[c]) > std::abs(largest)) largest = u.row(i)[c];
    for (std::int64_t i = 0; i < u.rows && largest < 0; ++i) u.row(i)[c] = -u.row(i)[c];
  }
}

// An orthonormal basis of (nearly) the range of the leading left singular vectors.
Tall range_basis(const SparseMatrix& matrix, std::int64_t columns) {
  Tall basis(matrix.size, columns);
  const RandomStream start(0, "subspace iteration");
  std::vector<float> row(static_cast<std::size_t>(columns));
  for (std::int64_t i = 0; i < matrix.size; ++i) {
    start.normals({0, 0, i}, row.data(), columns);
    std::copy(row.begin(), row.end(), basis.row(i));
  }
  basis = multiply(matrix, basis);
  orthonormalise(basis);
  for (int iteration = 0; iteration < kPowerIterations; ++iteration) {
    basis = multiply_transposed(matrix, basis);
    orthonormalise(basis);
    basis = multiply(matrix, basis);
    orthonormalise(basis);
  }
  return basis;
}

}  // namespace

// With the basis Q, B = Q^T M is small; the eigenvectors W of B B^T give u = Q W and sigma^2.
TruncatedSvd truncated_svd(const SparseMatrix& matrix, std::int64_t rank) {
  const auto columns = std::min(rank + kOversampling, matrix.size);
  rank = std::min(rank, matrix.size);
  const Tall basis = range_basis(matrix, columns);
  Tall squares = gram(multiply_transposed(matrix, basis));
  const Tall vectors = eigenvectors(squares);

  std::vector<std::int64_t> order(static_cast<std::size_t>(columns));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return squares.row(a)[a] > squares.row(b)[b]; });
  Tall sorted(columns, rank);
  TruncatedSvd svd{rank, {}, {}};
  for (std::int64_t c = 0; c < rank; ++c) {
    const auto from = order[static_cast<std::size_t>(c)];
    svd.sigma.push_back(std::sqrt(std::max(0.0, squares.row(from)[from])));
    for (std::int64_t i = 0; i < columns; ++i) sorted.row(i)[c] = vectors.row(i)[from];
  }
  Tall u = multiply(basis, sorted, rank);
  fix_signs(u);
  svd.u = std::move(u.data);
  return svd;
}

}  // namespace attnbench
