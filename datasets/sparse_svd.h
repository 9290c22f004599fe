// Truncated singular value decomposition of a sparse matrix by randomised subspace iteration.
#pragma once

#include <cstdint>
#include <vector>

namespace attnbench {

/// Compressed sparse rows; square, size x size.
struct SparseMatrix {
  std::int64_t size = 0;
  std::vector<std::int64_t> row_begin;  // size + 1 entries
  std::vector<std::uint32_t> column;
  std::vector<double> value;
};

struct TruncatedSvd {
  std::int64_t rank = 0;
  std::vector<double> u;      // left singular vectors [size][rank], row-major; the largest element of each is positive
  std::vector<double> sigma;  // descending
};

/// The leading `rank` singular triples (fewer if the matrix is smaller), u and sigma only. Halko, Martinsson & Tropp 2011,
/// "Finding structure with randomness", algorithms 4.4 and 5.1. Deterministic: one thread, fixed order, portable arithmetic.
TruncatedSvd truncated_svd(const SparseMatrix& matrix, std::int64_t rank);

}  // namespace attnbench
