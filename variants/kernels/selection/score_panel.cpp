#include "variants/kernels/selection/score_panel.h"

#include <algorithm>
#include <bit>

#include "variants/api/integers.h"
#include "variants/kernels/simd/denormals.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/selection/score_panel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/simd/transpose-inl.h"
#include "variants/kernels/softmax/micro_kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kPanelKeys = std::int64_t{kVectors} * kLanes;
constexpr float kLowest = -std::numeric_limits<float>::infinity();
constexpr std::int64_t kFew = 6;     // keys to keep that are found faster one by one than by bisection
constexpr std::int64_t kSlack = 64;  // elements behind the last one that whole vectors may write

// Floats in the order of their values as integers (but for the two zeros, which compare equal as floats), and back.
std::int64_t ordered(float x) {
  const auto bits = std::bit_cast<std::int32_t>(x);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}
float unordered(std::int64_t key) {
  const auto bits = static_cast<std::int32_t>(key);
  return std::bit_cast<float>(bits ^ ((bits >> 31) & 0x7fffffff));
}

// `count` is rounded up to whole vectors; elements there are -inf.
std::int64_t count_at_least(const float* scores, std::int64_t count, float floor) {
  const FloatTag d;
  const auto limit = hn::Set(d, floor);
  std::size_t found = 0;
  for (std::int64_t t = 0; t < count; t += kLanes) found += hn::CountTrue(d, hn::Ge(hn::LoadU(d, scores + t), limit));
  return static_cast<std::int64_t>(found);
}

// `count` is rounded up to whole vectors for the largest, down for the smallest: elements behind are -inf.
float largest_score(const float* scores, std::int64_t count) {
  const FloatTag d;
  auto top = hn::LoadU(d, scores);
  for (std::int64_t t = kLanes; t < count; t += kLanes) top = hn::Max(top, hn::LoadU(d, scores + t));
  return max_of_lanes(top);
}
float smallest_score(const float* scores, std::int64_t count) {
  const FloatTag d;
  auto low = hn::Set(d, scores[0]);
  std::int64_t t = 0;
  for (; t + kLanes <= count; t += kLanes) low = hn::Min(low, hn::LoadU(d, scores + t));
  float smallest = -max_of_lanes(hn::Neg(low));
  for (; t < count; ++t) smallest = std::min(smallest, scores[t]);
  return smallest;
}

// The keep-th largest score, by going down from the largest value by value.
float find_floor_of_few(const float* scores, std::int64_t count, std::int64_t keep) {
  const FloatTag d;
  float floor = largest_score(scores, count);
  while (count_at_least(scores, count, floor) < keep) {
    const auto limit = hn::Set(d, floor);
    auto next = hn::Set(d, kLowest);
    for (std::int64_t t = 0; t < count; t += kLanes) {
      const auto score = hn::LoadU(d, scores + t);
      next = hn::Max(next, hn::IfThenElse(hn::Lt(score, limit), score, hn::Set(d, kLowest)));
    }
    floor = max_of_lanes(next);
  }
  return floor;
}

// A floor with exactly `keep` scores at or above it, or the keep-th largest score where ties leave no such floor. Bisection: halves
// the range of values, at most 32 times.
float find_floor(const float* scores, std::int64_t count, std::int64_t keep) {
  auto low = ordered(smallest_score(scores, count)), high = ordered(largest_score(scores, count)) + 1;
  while (high - low > 1) {
    const auto middle = low + (high - low) / 2;
    const auto found = count_at_least(scores, count, unordered(middle));
    if (found == keep) return unordered(middle);
    (found > keep ? low : high) = middle;
  }
  return unordered(low);
}

// Keeps what is at or above the floor, in order.
void drop_below(TopKeys& top, float floor) {
  const FloatTag d;
  const IntTag di;
  const auto limit = hn::Set(d, floor);
  std::int64_t kept = 0;
  for (std::int64_t t = 0; t < top.count; t += kLanes) {
    const auto scores = hn::LoadU(d, top.scores + t);
    const auto keys = hn::LoadU(di, top.keys + t);
    const auto better = hn::Ge(scores, limit);
    hn::StoreU(hn::Compress(scores, better), d, top.scores + kept);
    hn::StoreU(hn::Compress(keys, hn::RebindMask(di, better)), di, top.keys + kept);
    kept += static_cast<std::int64_t>(hn::CountTrue(d, better));
  }
  top.count = kept;
}

// The floor is a score that more keys share than there is room for: the first ones stay.
void drop_last_ties(TopKeys& top, std::int64_t keep, float floor) {
  auto room = keep - std::count_if(top.scores, top.scores + top.count, [=](float x) { return x > floor; });
  std::int64_t kept = 0;
  for (std::int64_t t = 0; t < top.count; ++t) {
    if (!(top.scores[t] > floor) && !(top.scores[t] == floor && room-- > 0)) continue;
    top.scores[kept] = top.scores[t];
    top.keys[kept++] = top.keys[t];
  }
  top.count = kept;
}

}  // namespace

std::int64_t panel_keys_here() { return kPanelKeys; }

void pack_panels(const float* first, std::int64_t row_stride, std::int64_t keys, std::int64_t dim, float* panels) {
  const float* rows[kPanelKeys];
  float ones[kPanelKeys];
  std::fill_n(ones, kPanelKeys, 1.0f);
  for (std::int64_t begin = 0; begin < keys; begin += kPanelKeys, panels += dim * kPanelKeys) {
    const auto count = std::min(kPanelKeys, keys - begin);
    for (std::int64_t t = 0; t < count; ++t) rows[t] = first + (begin + t) * row_stride;
    if (count < kPanelKeys) std::fill_n(panels, dim * kPanelKeys, 0.0f);
    rows_to_lanes(rows, ones, count, dim, panels, kPanelKeys);
  }
}

void score_rows_of_panel(const float* const* rows, std::int64_t count, std::int64_t dim, const float* panel, float* scores) {
  const FlushDenormals flush;
  for (std::int64_t r = 0; r < count; r += kRows) {
    const float* some[kRows];
    for (std::int64_t i = 0; i < kRows; ++i) some[i] = rows[std::min(r + i, count - 1)];
    score_rows<kVectors>(some, panel, kPanelKeys, dim, scores + r * kPanelKeys);
  }
}

void add_rectified_here(float weight, const float* scores, float* sum) {
  const FloatTag d;
  const auto factor = hn::Set(d, weight);
  for (std::int64_t t = 0; t < kPanelKeys; t += kLanes) {
    const auto score = hn::LoadU(d, scores + t);
    const auto positive = hn::IfThenZeroElse(hn::Lt(score, hn::Zero(d)), score);  // keeps NaN
    hn::StoreU(hn::MulAdd(factor, positive, hn::LoadU(d, sum + t)), d, sum + t);
  }
}

std::int64_t capacity_here(std::int64_t keep) {
  return ceil_div(std::max<std::int64_t>(2 * keep, 128) + kPanelKeys, 16) * 16 + kSlack;  // whole cache lines
}

void keep_best_here(TopKeys& top, std::int64_t keep) {
  if (top.count <= keep) return;
  if (keep == 0) return void(top.count = 0);
  std::fill_n(top.scores + top.count, kLanes, kLowest);
  const auto find = keep <= kFew ? find_floor_of_few : find_floor;
  const float floor = find(top.scores, top.count, keep);
  if (count_at_least(top.scores, top.count, floor) == keep) drop_below(top, floor);
  else drop_last_ties(top, keep, floor);
  top.floor = smallest_score(top.scores, top.count);
}

void offer_here(TopKeys& top, std::int64_t keep, const float* scores, std::int64_t first_key, std::int64_t begin,
                std::int64_t end) {
  const FloatTag d;
  const IntTag di;
  if (begin == 0 && end == kPanelKeys) {  // most panels have nothing new for a row
    const auto any = hn::Set(d, top.floor);
    auto best = hn::LoadU(d, scores);
    for (std::int64_t t = kLanes; t < kPanelKeys; t += kLanes) best = hn::Max(best, hn::LoadU(d, scores + t));
    if (hn::AllFalse(d, hn::Gt(best, any))) return;
  }
  if (top.count + (end - begin) > capacity_here(keep) - kSlack) keep_best_here(top, keep);
  const auto floor = hn::Set(d, top.floor);
  for (auto t = begin / kLanes * kLanes; t < end; t += kLanes) {
    const auto score = hn::LoadU(d, scores + t);
    auto better = hn::Gt(score, floor);
    if (t < begin || t + kLanes > end) {
      const auto place = hn::Iota(d, static_cast<float>(t - begin));
      const auto inside = hn::And(hn::Ge(place, hn::Zero(d)), hn::Lt(place, hn::Set(d, static_cast<float>(end - begin))));
      better = hn::And(better, inside);
    }
    if (hn::AllFalse(d, better)) continue;
    const auto keys = hn::Iota(di, static_cast<std::int32_t>(first_key + t));
    hn::StoreU(hn::Compress(score, better), d, top.scores + top.count);
    hn::StoreU(hn::Compress(keys, hn::RebindMask(di, better)), di, top.keys + top.count);
    top.count += static_cast<std::int64_t>(hn::CountTrue(d, better));
  }
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(panel_keys_here);
HWY_EXPORT(pack_panels);
HWY_EXPORT(score_rows_of_panel);
HWY_EXPORT(add_rectified_here);
HWY_EXPORT(capacity_here);
HWY_EXPORT(offer_here);
HWY_EXPORT(keep_best_here);

}  // namespace

std::int64_t panel_keys() {
  init_dispatch();
  return HWY_DYNAMIC_DISPATCH(panel_keys_here)();
}

std::int64_t key_panels_floats(std::int64_t keys, std::int64_t dim) {
  const auto width = panel_keys();
  return ceil_div(keys, width) * width * dim;
}

void pack_keys(const float* first, std::int64_t row_stride, std::int64_t keys, std::int64_t dim, float* panels) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(pack_panels)(first, row_stride, keys, dim, panels);
}

void pack_all_keys(const Parallel& parallel, const TensorView<const float>& keys, float* panels) {
  constexpr std::int64_t kPanelsPerTask = 8;
  const auto width = panel_keys(), step = kPanelsPerTask * width;
  const auto parts = ceil_div(keys.rows(), step), head = key_panels_floats(keys.rows(), keys.dim());
  const auto tasks = keys.batch() * keys.heads() * parts;
  const bool small = keys.batch() * keys.heads() * head < (1 << 17);
  parallel.for_ranges(tasks, small ? tasks : 1, [&](std::int64_t first_task, std::int64_t end_task, int) {
    for (auto task = first_task; task < end_task; ++task) {
      const auto h = task / parts, first = task % parts * step;
      pack_keys(keys.row(h / keys.heads(), h % keys.heads(), first), keys.row_stride(), std::min(step, keys.rows() - first),
                keys.dim(), panels + h * head + first * keys.dim());
    }
  });
}

void score_panel(const float* const* rows, std::int64_t count, std::int64_t dim, const float* panel, float* scores) {
  HWY_DYNAMIC_DISPATCH(score_rows_of_panel)(rows, count, dim, panel, scores);
}

void add_rectified(float weight, const float* scores, float* sum) { HWY_DYNAMIC_DISPATCH(add_rectified_here)(weight, scores, sum); }

std::int64_t top_keys_capacity(std::int64_t keep) {
  init_dispatch();
  return HWY_DYNAMIC_DISPATCH(capacity_here)(keep);
}

void offer_keys(TopKeys& top, std::int64_t keep, const float* scores, std::int64_t first_key, std::int64_t begin,
                std::int64_t end) {
  HWY_DYNAMIC_DISPATCH(offer_here)(top, keep, scores, first_key, begin, end);
}

void keep_best(TopKeys& top, std::int64_t keep) { HWY_DYNAMIC_DISPATCH(keep_best_here)(top, keep); }

}  // namespace attnbench::kernels
#endif
