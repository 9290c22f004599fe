// Plain scores q . k, row by row, for whoever selects keys by them: keys lie in vector lanes, so that the scores of one row come
// out side by side. It is the score product of the tile engine with the parts of queries and keys exchanged.
#pragma once

#include <cstdint>
#include <limits>

#include "variants/api/tensor.h"
#include "variants/api/variant.h"

namespace attnbench::kernels {

/// Keys of one panel on the instruction set in force.
std::int64_t panel_keys();

/// Floats of `keys` keys of `dim` numbers in panels; the last one is filled up with zeros.
std::int64_t key_panels_floats(std::int64_t keys, std::int64_t dim);

/// Keys first, first + 1, ..., in panels: [panel][dim][panel_keys()].
void pack_keys(const float* first, std::int64_t row_stride, std::int64_t keys, std::int64_t dim, float* panels);

/// Packs all keys of a tensor [b, h, n, dim], head after head, on the threads of the call.
void pack_all_keys(const Parallel& parallel, const TensorView<const float>& keys, float* panels);

/// scores[r][panel_keys()] = rows[r] . (keys of one panel), r < count. `scores` has room for padded_rows(count) rows.
void score_panel(const float* const* rows, std::int64_t count, std::int64_t dim, const float* panel, float* scores);

/// sum[t] += weight * max(0, scores[t]), t < panel_keys()
void add_rectified(float weight, const float* scores, float* sum);

constexpr std::int64_t padded_rows(std::int64_t count) { return count + 7; }  // rows are taken 8 or 6 at a time

/// The best keys of one row so far. The arrays have top_keys_capacity() elements; keys are ascending.
struct TopKeys {
  float* scores;
  std::int32_t* keys;
  std::int64_t count = 0;
  float floor = -std::numeric_limits<float>::infinity();  // a later key has to score more
};

/// Elements of scores and of keys for the best `keep` of a row.
std::int64_t top_keys_capacity(std::int64_t keep);

/// Offers keys first_key + t, t in [begin, end), with scores[t]: of equal scores the first offered stay. NaN and -inf are not
/// taken. scores has whole vectors. At most panel_keys() keys.
void offer_keys(TopKeys& top, std::int64_t keep, const float* scores, std::int64_t first_key, std::int64_t begin, std::int64_t end);

/// Leaves the best `keep`, fewer if fewer were offered; of equal scores the smaller keys.
void keep_best(TopKeys& top, std::int64_t keep);

}  // namespace attnbench::kernels
