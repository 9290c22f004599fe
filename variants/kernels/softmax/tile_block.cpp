// One block of queries against all the keys it may see, compiled once per instruction set: lays the queries out in lanes, walks the
// key tiles segment by segment, masks where it must, and calls the micro-kernels. What is portable is in tile_engine.cpp.
#include "variants/kernels/softmax/tile_block.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include "variants/kernels/simd/denormals.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"
#include "variants/kernels/softmax/score_units.h"
#include "variants/kernels/softmax/tile_engine.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/softmax/tile_block.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/simd/transpose-inl.h"
#include "variants/kernels/softmax/micro_kernels-inl.h"
#include "variants/kernels/softmax/pointwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace {

constexpr int kPanelLanes = kVectors * kLanes;
constexpr int kPanels = query_panels(kPanelLanes);
constexpr std::int64_t kBlockLanes = std::int64_t{kPanels} * kPanelLanes;

// Some of the block's lanes, as many vectors as one register tile takes.
struct Panel {
  int vectors;
  std::int64_t first_lane, lanes;  // lanes beyond these, up to vectors * kLanes, compute on zeros and are never written out
  float *queries, *output;         // [d_qk][stride], [d_v][stride]
  float *max, *sum;                // [stride]; pointwise: bias of the row, unused
  KeyRange some, all;              // keys of the current segment that some lane, and that every lane, sees
  KeyRange some_of[kVectors], all_of[kVectors];  // the same for the lanes of each vector
  std::int64_t stride() const { return std::int64_t{vectors} * kLanes; }
};

// Of the potentials at those keys: what all of them are counted from. A gate of NaN must reach only the rows that see it.
double first_finite(const double* potential, const std::int64_t* keys, std::int64_t count) {
  for (std::int64_t t = 0; t < count; ++t)
    if (std::isfinite(potential[keys[t]])) return potential[keys[t]];
  return 0;
}

// x = high + low to twice the digits of a float.
void split(double x, float& high, float& low) {
  high = static_cast<float>(x);
  low = static_cast<float>(x - static_cast<double>(high));
}

bool contains(KeyRange range, KeyRange part) { return range.begin <= part.begin && part.end <= range.end; }

enum class Finite { unknown, yes, no };

// One tile of keys of a segment: where its rows are. Pointers are padded so that the last register tile may read kRows of them.
struct KeyTile {
  std::int64_t begin = 0, count = 0;
  Finite values_finite = Finite::unknown;
  const float* k_rows[kMaxKeyBlock + kRows];
  const float* v_rows[kMaxKeyBlock];
  std::int64_t keys[kMaxKeyBlock];
  double potential = 0;                                   // that all others of the tile are counted from
  float bias_high[kMaxKeyBlock], bias_low[kMaxKeyBlock];  // of each key's potential
};

class Block {
 public:
  explicit Block(const BlockTask& task) : t_(task), p_(task.run.problem), terms_(task.terms), units_(score_units(p_, terms_)) {
    lay_out();
    for (int i = 0; i < panel_count_; ++i) start(panels_[i]);
  }

  void run() {
    const auto segments = t_.pattern.segments(t_.group);
    for (std::int64_t s = 0; s < segments; ++s) run_segment(s);
    for (int i = 0; i < panel_count_; ++i) finish(panels_[i]);
  }

 private:
  std::int64_t row_of(std::int64_t lane) const { return t_.rows.row(lane / t_.q_heads); }
  std::int64_t head_of(std::int64_t lane) const { return t_.first_head + lane % t_.q_heads; }
  template <class T>
  T* row_at(const TensorView<T>& tensor, std::int64_t lane) const {
    return tensor.row(t_.batch, head_of(lane), row_of(lane));
  }
  std::int64_t state_of(std::int64_t lane) const { return (t_.batch * p_.heads_q + head_of(lane)) * p_.n_q + row_of(lane); }

  void lay_out();
  void start(const Panel& panel);
  void resume(const Panel& panel);
  void run_segment(std::int64_t s);
  void find_ranges(std::int64_t s);
  void fill_tile(std::int64_t begin, std::int64_t end);
  void fill_potential();
  bool values_finite();
  void run_tile(const Panel& panel);
  void cut_tile(const Panel& panel, std::int64_t begin, std::int64_t count);
  template <int V>
  void score_tile(const Panel& panel, std::int64_t offset);
  template <int V>
  void run_panel(const Panel& panel, std::int64_t begin, std::int64_t count, bool guarded);
  template <int V>
  void scale_keys(std::int64_t offset, std::int64_t count);
  template <int V>
  void add_bias(const Panel& panel, std::int64_t offset, std::int64_t count);
  template <int V>
  void add_slopes(const Panel& panel, std::int64_t offset, std::int64_t count, float scale);
  template <int V>
  void add_distances(const Panel& panel, std::int64_t offset, std::int64_t count, float scale);
  template <int V>
  void add_potential(const Panel& panel, std::int64_t offset, std::int64_t count, float scale);
  template <int V, bool kGuarded>
  void weigh(const Panel& panel, std::int64_t count);
  void hide_out_of_range(const Panel& panel, std::int64_t begin, std::int64_t count);
  void hide_by_bits(const Panel& panel, std::int64_t begin, std::int64_t count);
  void apply_dense_mask(const Panel& panel, std::int64_t offset, std::int64_t count);
  void cap(std::int64_t elements);
  void prefetch_rows();
  void prefetch_keys();
  void finish(const Panel& panel);

  const BlockTask& t_;
  const Problem& p_;
  const ScoreTerms& terms_;
  const ScoreUnits units_;
  int panel_count_ = 0;
  Panel panels_[kPanels];
  KeyRange lane_range_[kBlockLanes];
  std::int64_t slope_position_[kBlockLanes];
  double row_potential_[kBlockLanes];
  KeyTile tile_;
  KeySegment segment_;
  KeyRange to_prefetch_{0, 0};   // of the segment: what prefetch_keys() has not asked for of the next tile
  std::int64_t prefetched_ = 0;  // lanes whose rows prefetch_rows() has asked for
  int tile_count_ = 0;
  RegisterTile tiles_[kMaxKeyBlock / kRows + 1];  // of the panel's part of the tile; keys counted from its first
  float* scores_ = nullptr;                       // [key_block + kRows][stride]
  float* correction_ = nullptr;                   // [stride]
};

// Panels of nearly equal width: 4 vectors of queries run as 2 + 2, not 3 + 1.
void Block::lay_out() {
  const auto lanes = t_.rows.count * t_.q_heads;
  const auto vectors = static_cast<int>((lanes + kLanes - 1) / kLanes);
  panel_count_ = (vectors + kVectors - 1) / kVectors;
  float* next = t_.scratch;
  const auto take = [&next](std::int64_t floats) { return std::exchange(next, next + floats); };
  correction_ = take(kPanelLanes);
  scores_ = take((t_.key_block + kRows) * kPanelLanes);
  std::int64_t first_lane = 0;
  for (int i = 0; i < panel_count_; ++i) {
    auto& panel = panels_[i];
    panel.vectors = vectors / panel_count_ + (i < vectors % panel_count_);
    panel.first_lane = first_lane;
    panel.lanes = std::min(panel.stride(), lanes - first_lane);
    panel.queries = take(p_.d_qk * panel.stride());
    panel.output = take(p_.d_v * panel.stride());
    panel.max = take(panel.stride());
    panel.sum = take(panel.stride());
    first_lane += panel.lanes;
  }
}

// Queries transposed. Output, maximum and sum start empty, or where the previous pass stopped.
void Block::start(const Panel& panel) {
  const auto q = t_.run.inputs.queries();
  const float* rows[kPanelLanes];
  float factors[kPanelLanes];
  std::fill_n(factors, panel.lanes, units_.query_sign);
  for (std::int64_t l = 0; l < panel.lanes; ++l) rows[l] = row_at(q, panel.first_lane + l);
  if (terms_.query_factor)
    for (std::int64_t l = 0; l < panel.lanes; ++l) factors[l] *= terms_.query_factor[state_of(panel.first_lane + l)];
  rows_to_lanes(rows, factors, panel.lanes, p_.d_qk, panel.queries, panel.stride());
  std::fill_n(panel.max, panel.stride(), kMasked);
  std::fill_n(panel.sum, panel.stride(), 0.0f);
  std::fill_n(panel.output, p_.d_v * panel.stride(), 0.0f);
  if (t_.resume) resume(panel);
  for (auto l = panel.first_lane; terms_.slopes && l < panel.first_lane + panel.lanes; ++l)
    slope_position_[l] = ScoreTerms::slope_position(p_, t_.batch, row_of(l));
  for (auto l = panel.first_lane; terms_.potential && l < panel.first_lane + panel.lanes; ++l)
    row_potential_[l] = ScoreTerms::row_potential(p_, terms_.potential_of(p_, t_.batch, t_.first_head), t_.batch, row_of(l));
  if (!terms_.pointwise) return;
  std::fill_n(correction_, panel.stride(), 1.0f);
  for (std::int64_t l = 0; l < panel.lanes; ++l)
    panel.max[l] = terms_.pointwise->row_bias[t_.batch * p_.n_q + row_of(panel.first_lane + l)];
}

void Block::resume(const Panel& panel) {
  const float* rows[kPanelLanes];
  for (std::int64_t l = 0; l < panel.lanes; ++l) {
    rows[l] = row_at(t_.out, panel.first_lane + l);
    panel.max[l] = t_.row_max[state_of(panel.first_lane + l)];
    panel.sum[l] = t_.row_sum[state_of(panel.first_lane + l)];
  }
  rows_to_lanes(rows, panel.sum, panel.lanes, p_.d_v, panel.output, panel.stride());
}

void Block::find_ranges(std::int64_t s) {
  for (std::int64_t r = 0; r < t_.rows.count; ++r) {
    const auto row = t_.rows.row(r);
    const auto seen = visible_keys(p_, t_.batch, row);
    const KeyRange keys{std::max(seen.begin, t_.keys.begin), std::min(seen.end, t_.keys.end)};
    const auto range = visible_in_segment(segment_, t_.pattern.visible(t_.group, s, row), keys);
    std::fill_n(lane_range_ + r * t_.q_heads, t_.q_heads, range);
  }
  for (int i = 0; i < panel_count_; ++i) {
    auto& panel = panels_[i];
    panel.some = {segment_.count, 0};
    panel.all = {0, segment_.count};
    for (int v = 0; v < panel.vectors; ++v) {
      const auto first = panel.first_lane + std::int64_t{v} * kLanes;
      const auto end = std::min(first + kLanes, panel.first_lane + panel.lanes);
      KeyRange some{segment_.count, 0}, all{0, segment_.count};
      for (auto lane = first; lane < end; ++lane) {
        const auto range = lane_range_[lane];
        all = {std::max(all.begin, range.begin), std::min(all.end, range.end)};
        if (range.size() > 0) some = {std::min(some.begin, range.begin), std::max(some.end, range.end)};
      }
      panel.some_of[v] = some;
      panel.all_of[v] = all;
      panel.some = {std::min(panel.some.begin, some.begin), std::max(panel.some.end, some.end)};
      panel.all = {std::max(panel.all.begin, all.begin), std::min(panel.all.end, all.end)};
    }
  }
}

void Block::fill_tile(std::int64_t begin, std::int64_t end) {
  const auto k = t_.run.inputs.keys();
  const auto v = t_.run.inputs.values();
  const float* first_k = k.row(t_.batch, p_.kv_head(t_.first_head), 0);
  const float* first_v = v.row(t_.batch, p_.kv_head(t_.first_head), 0);
  tile_.begin = begin;
  tile_.count = end - begin;
  tile_.values_finite = Finite::unknown;
  auto key = segment_.key(begin);
  auto left_in_run = segment_.run - begin % segment_.run;
  for (std::int64_t t = 0; t < tile_.count; ++t) {
    if (segment_.list) key = segment_.list[begin + t];
    tile_.keys[t] = key;
    tile_.k_rows[t] = first_k + key * k.row_stride();
    tile_.v_rows[t] = first_v + key * v.row_stride();
    const bool run_ends = --left_in_run == 0;
    key += run_ends ? segment_.step - segment_.run + 1 : 1;
    if (run_ends) left_in_run = segment_.run;
  }
  std::fill_n(tile_.k_rows + tile_.count, kRows, tile_.k_rows[tile_.count - 1]);
  if (terms_.potential) fill_potential();
}

void Block::fill_potential() {
  const double* potential = terms_.potential_of(p_, t_.batch, t_.first_head);
  tile_.potential = first_finite(potential, tile_.keys, tile_.count);
  for (std::int64_t t = 0; t < tile_.count; ++t)
    split(tile_.potential - potential[tile_.keys[t]], tile_.bias_high[t], tile_.bias_low[t]);
}

// Whether no value of the tile is NaN or infinite: then a weight of 0 needs no guard. Looked up once per tile, by the first panel
// that asks; one load per value against a multiply-add per value and query. 0 x is 0 for a finite x and NaN otherwise.
bool Block::values_finite() {
  if (tile_.values_finite != Finite::unknown) return tile_.values_finite == Finite::yes;
  const FloatTag d;
  auto even = hn::Zero(d), odd = even;
  float rest = 0;
  for (std::int64_t t = 0; t < tile_.count; ++t) {
    const float* value = tile_.v_rows[t];
    std::int64_t c = 0;
    for (; c + 2 * kLanes <= p_.d_v; c += 2 * kLanes) {
      even = hn::MulAdd(hn::LoadU(d, value + c), hn::Zero(d), even);
      odd = hn::MulAdd(hn::LoadU(d, value + c + kLanes), hn::Zero(d), odd);
    }
    for (; c < p_.d_v; ++c) rest += value[c] * 0.0f;
  }
  const bool finite = rest == 0.0f && hn::AllTrue(d, hn::Eq(hn::Add(even, odd), hn::Zero(d)));
  tile_.values_finite = finite ? Finite::yes : Finite::no;
  return finite;
}

void Block::run_segment(std::int64_t s) {
  segment_ = t_.pattern.segment(t_.group, s);
  if (segment_.count == 0) return;
  find_ranges(s);
  KeyRange some{segment_.count, 0};
  for (int i = 0; i < panel_count_; ++i)
    some = {std::min(some.begin, panels_[i].some.begin), std::max(some.end, panels_[i].some.end)};
  for (auto edge = some.begin / t_.key_block * t_.key_block; edge < some.end; edge += t_.key_block) {
    const auto end = std::min(edge + t_.key_block, some.end);
    fill_tile(std::max(edge, some.begin), end);
    to_prefetch_ = {end, std::min(end + t_.key_block, some.end)};
    for (int i = 0; i < panel_count_; ++i) run_tile(panels_[i]);
  }
}

// Empty, full or partial: the tile is cut to the keys that some lane of the panel sees, and masked only if another lane does not.
void Block::run_tile(const Panel& panel) {
  const auto begin = std::max(tile_.begin, panel.some.begin);
  const auto end = std::min(tile_.begin + tile_.count, panel.some.end);
  if (begin >= end) return;
  const bool full = contains(panel.all, {begin, end}) && p_.mask.kind == MaskKind::none && !t_.lane_bits;
  if (panel.vectors == 1) return run_panel<1>(panel, begin, end - begin, !full);
  if (panel.vectors == 2) return run_panel<2>(panel, begin, end - begin, !full);
  if constexpr (kVectors >= 3) run_panel<3>(panel, begin, end - begin, !full);
}

// Which vectors have to do with which keys, register tile by register tile: along a diagonal the first ones are done before the
// last ones begin. Equal neighbours are one tile.
void Block::cut_tile(const Panel& panel, std::int64_t begin, std::int64_t count) {
  tiles_[0] = {0, count, 0, panel.vectors};
  tile_count_ = 1;
  if (contains(panel.all, {begin, begin + count})) return;
  tile_count_ = 0;
  for (std::int64_t t = 0; t < count; t += kRows) {
    RegisterTile tile{t, std::min(t + kRows, count), 0, panel.vectors};
    const auto sees = [&](int v) { return panel.some_of[v].begin < begin + tile.end && begin + tile.begin < panel.some_of[v].end; };
    while (tile.count > 1 && !sees(tile.first)) ++tile.first, --tile.count;
    while (tile.count > 1 && !sees(tile.first + tile.count - 1)) --tile.count;
    auto& last = tiles_[std::max(tile_count_ - 1, 0)];
    if (tile_count_ > 0 && last.first == tile.first && last.count == tile.count) last.end = tile.end;
    else tiles_[tile_count_++] = tile;
  }
}

// Asks, two lanes per register tile, for the output rows that finish() will write and the query rows that the next block will
// start with: left to those two, waiting for memory took a tenth of a call whose rows see few keys (sliding_window, window 128,
// n = 4096, d = 64: 5 to 9 % less time with this; attnbench run, one thread of an AMD EPYC guest, alternately).
void Block::prefetch_rows() {
  constexpr std::int64_t kLine = 16;  // floats
  const auto end = std::min(t_.rows.count * t_.q_heads, prefetched_ + (t_.resume ? 4 : 2));
  for (; prefetched_ < end; ++prefetched_) {
    const float* to = row_at(t_.out, prefetched_);
    for (std::int64_t c = 0; c < p_.d_v; c += kLine) __builtin_prefetch(to + c, 1);
    if (prefetched_ >= t_.next_rows.count * t_.q_heads) continue;
    const float* from = t_.run.inputs.queries().row(t_.batch, head_of(prefetched_), t_.next_rows.row(prefetched_ / t_.q_heads));
    for (std::int64_t c = 0; c < p_.d_qk; c += kLine) __builtin_prefetch(from + c, 0);
    if (!t_.resume) continue;
    const float* out = t_.out.row(t_.batch, head_of(prefetched_), t_.next_rows.row(prefetched_ / t_.q_heads));
    for (std::int64_t c = 0; c < p_.d_v; c += kLine) __builtin_prefetch(out + c, 0);
  }
}

// Asks, register tile by register tile of all panels, for the keys and values of the next tile, into L2: beyond its size every
// block of queries waits for them anew (n = 4096: 2 to 9 % less time with this, most with d = 128; alternately as above).
void Block::prefetch_keys() {
  constexpr std::int64_t kLine = 16;  // floats
  constexpr int kIntoL2 = 2;
  const auto k = t_.run.inputs.keys();
  const auto v = t_.run.inputs.values();
  const auto kv_head = p_.kv_head(t_.first_head);
  const auto end = std::min(to_prefetch_.end, to_prefetch_.begin + (kRows + panel_count_ - 1) / panel_count_);
  for (; to_prefetch_.begin < end; ++to_prefetch_.begin) {
    const auto key = segment_.key(to_prefetch_.begin);
    const float *key_row = k.row(t_.batch, kv_head, key), *value_row = v.row(t_.batch, kv_head, key);
    for (std::int64_t c = 0; c < p_.d_qk; c += kLine) __builtin_prefetch(key_row + c, 0, kIntoL2);
    for (std::int64_t c = 0; c < p_.d_v; c += kLine) __builtin_prefetch(value_row + c, 0, kIntoL2);
  }
}

template <int V>
void Block::score_tile(const Panel& panel, std::int64_t offset) {
  constexpr std::int64_t kStride = V * kLanes;
  for (const auto& tile : std::span(tiles_, static_cast<std::size_t>(tile_count_)))
    for (auto t = tile.begin; t < tile.end; t += kRows) {
      const auto* keys = tile_.k_rows + offset + t;
      const float* queries = panel.queries + tile.first * kLanes;
      float* scores = scores_ + t * kStride + tile.first * kLanes;
      prefetch_rows();
      prefetch_keys();
      if (tile.count == V) score_rows<V>(keys, queries, kStride, p_.d_qk, scores);
      else if (tile.count == 1) score_rows<1>(keys, queries, kStride, p_.d_qk, scores);
      else if constexpr (V > 2) score_rows<2>(keys, queries, kStride, p_.d_qk, scores);
    }
}

template <int V>
void Block::run_panel(const Panel& panel, std::int64_t begin, std::int64_t count, bool guarded) {
  const auto offset = begin - tile_.begin;
  cut_tile(panel, begin, count);
  const std::span<const RegisterTile> tiles(tiles_, static_cast<std::size_t>(tile_count_));
  score_tile<V>(panel, offset);
  if (terms_.key_factor) scale_keys<V>(offset, count);
  if (p_.softcap) cap(count * V * kLanes);
  if (terms_.has_bias()) add_bias<V>(panel, offset, count);
  if (!guarded) {
    weigh<V, false>(panel, count);
    weighted_values<V, false>(tile_.v_rows + offset, p_.d_v, tiles, scores_, correction_, panel.output);
    return;
  }
  if (p_.mask.kind != MaskKind::none) apply_dense_mask(panel, offset, count);
  if (t_.lane_bits) hide_by_bits(panel, begin, count);
  hide_out_of_range(panel, begin, count);
  weigh<V, true>(panel, count);
  if (values_finite()) weighted_values<V, false>(tile_.v_rows + offset, p_.d_v, tiles, scores_, correction_, panel.output);
  else weighted_values<V, true>(tile_.v_rows + offset, p_.d_v, tiles, scores_, correction_, panel.output);
}

// Scores become weights.
template <int V, bool kGuarded>
void Block::weigh(const Panel& panel, std::int64_t count) {
  if (terms_.pointwise) pointwise_weights<V, kGuarded>(terms_.pointwise->function, scores_, count, units_.final_scale, panel.max);
  else online_softmax<V, kGuarded>(scores_, count, units_.to_log2, panel.max, panel.sum, correction_);
}

template <int V>
void Block::scale_keys(std::int64_t offset, std::int64_t count) {
  const FloatTag d;
  const float* factors = terms_.key_factor + (t_.batch * p_.heads_kv + p_.kv_head(t_.first_head)) * p_.n_k;
  for (std::int64_t t = 0; t < count; ++t) {
    const auto factor = hn::Set(d, factors[tile_.keys[offset + t]]);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      float* at = scores_ + (t * V + v) * kLanes;
      hn::Store(hn::Mul(hn::Load(d, at), factor), d, at);
    }
  }
}

// score = scale score + bias
template <int V>
void Block::add_bias(const Panel& panel, std::int64_t offset, std::int64_t count) {
  float scale = p_.softcap ? 1.0f : units_.scale;
  const auto add = [&](bool wanted, auto add_one) {
    if (!wanted) return;
    (this->*add_one)(panel, offset, count, scale);
    scale = 1;
  };
  add(terms_.slopes, &Block::add_slopes<V>);
  add(terms_.distances, &Block::add_distances<V>);
  add(terms_.potential, &Block::add_potential<V>);
}

// Distances are counted from the tile's first key, so that float32 holds them exactly.
template <int V>
void Block::add_slopes(const Panel& panel, std::int64_t offset, std::int64_t count, float scale) {
  const FloatTag d;
  const auto factor = hn::Set(d, scale);
  HWY_ALIGN float positions[kPanelLanes] = {}, slopes[kPanelLanes] = {};
  const auto base = tile_.keys[offset];
  for (std::int64_t l = 0; l < panel.lanes; ++l) {
    positions[l] = static_cast<float>(slope_position_[panel.first_lane + l] - base);
    slopes[l] = terms_.slopes[head_of(panel.first_lane + l)];
  }
  for (std::int64_t t = 0; t < count; ++t) {
    const auto key = hn::Set(d, static_cast<float>(tile_.keys[offset + t] - base));
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      float* at = scores_ + (t * V + v) * kLanes;
      const auto distance = hn::Abs(hn::Sub(hn::Load(d, positions + v * kLanes), key));
      const auto score = hn::Mul(hn::Load(d, at), factor);
      hn::Store(hn::NegMulAdd(distance, hn::Load(d, slopes + v * kLanes), score), d, at);
    }
  }
}

// Rows are adjacent and heads not folded, so the lanes' distances to one key are too: a load at any address.
template <int V>
void Block::add_distances(const Panel& panel, std::int64_t offset, std::int64_t count, float scale) {
  const FloatTag d;
  const auto factor = hn::Set(d, scale);
  const auto position = p_.position(row_of(panel.first_lane));
  for (std::int64_t t = 0; t < count; ++t) {
    const float* bias = terms_.distances->at(t_.first_head, position - tile_.keys[offset + t]);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      float* at = scores_ + (t * V + v) * kLanes;
      hn::Store(hn::MulAdd(hn::Load(d, at), factor, hn::LoadU(d, bias + v * kLanes)), d, at);
    }
  }
}

// G_{p_i} - G_j as (G_{p_i} - G_0) + (G_0 - G_j), G_0 that of the tile's first key, each of the two as a pair of floats: where one
// is large and the weight is not 0, they cancel.
template <int V>
void Block::add_potential(const Panel& panel, std::int64_t offset, std::int64_t count, float scale) {
  const FloatTag d;
  const auto factor = hn::Set(d, scale);
  HWY_ALIGN float high[kPanelLanes] = {}, low[kPanelLanes] = {};
  for (std::int64_t l = 0; l < panel.lanes; ++l) split(row_potential_[panel.first_lane + l] - tile_.potential, high[l], low[l]);
  for (std::int64_t t = 0; t < count; ++t) {
    const auto key_high = hn::Set(d, tile_.bias_high[offset + t]), key_low = hn::Set(d, tile_.bias_low[offset + t]);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      float* at = scores_ + (t * V + v) * kLanes;
      const auto bias = hn::Add(hn::Add(key_high, hn::Load(d, high + v * kLanes)), hn::Add(key_low, hn::Load(d, low + v * kLanes)));
      hn::Store(hn::MulAdd(hn::Load(d, at), factor, bias), d, at);
    }
  }
}

// score = softcap * tanh(scale q.k / softcap)
void Block::cap(std::int64_t elements) {
  const FloatTag d;
  const auto to_cap = hn::Set(d, units_.scale / static_cast<float>(*p_.softcap)),
             factor = hn::Set(d, static_cast<float>(*p_.softcap));
  for (std::int64_t i = 0; i < elements; i += kLanes)
    hn::Store(hn::Mul(factor, tanh_vector(hn::Mul(to_cap, hn::Load(d, scores_ + i)))), d, scores_ + i);
}

// Lane compares against each lane's own range, counted from the tile's first key so that float32 holds the numbers exactly.
void Block::hide_out_of_range(const Panel& panel, std::int64_t begin, std::int64_t count) {
  const FloatTag d;
  HWY_ALIGN float first[kPanelLanes] = {}, last[kPanelLanes] = {};
  for (std::int64_t l = 0; l < panel.lanes; ++l) {
    const auto range = lane_range_[panel.first_lane + l];
    first[l] = static_cast<float>(std::clamp<std::int64_t>(range.begin - begin, 0, count));
    last[l] = static_cast<float>(std::clamp<std::int64_t>(range.end - begin, 0, count));
  }
  const auto masked = hn::Set(d, kMasked);
  for (std::int64_t l = 0; l < panel.stride(); l += kLanes) {
    if (contains(panel.all_of[l / kLanes], {begin, begin + count})) continue;
    const auto from = hn::Load(d, first + l), to = hn::Load(d, last + l);
    for (std::int64_t t = 0; t < count; ++t) {
      float* at = scores_ + t * panel.stride() + l;
      const auto index = hn::Set(d, static_cast<float>(t));
      const auto seen = hn::And(hn::Ge(index, from), hn::Lt(index, to));
      hn::Store(hn::IfThenElse(seen, hn::Load(d, at), masked), d, at);
    }
  }
}

// A vector's lanes never straddle two words: panels begin at whole vectors, whose lanes divide 64.
void Block::hide_by_bits(const Panel& panel, std::int64_t begin, std::int64_t count) {
  const FloatTag d;
  const auto masked = hn::Set(d, kMasked);
  const auto words = t_.lane_words();
  for (std::int64_t t = 0; t < count; ++t)
    for (int v = 0; v < panel.vectors; ++v) {
      const auto lane = panel.first_lane + std::int64_t{v} * kLanes;
      const std::uint64_t bits = t_.lane_bits[(begin + t) * words + lane / 64] >> (lane % 64);
      std::uint8_t bytes[8];
      std::memcpy(bytes, &bits, sizeof bytes);
      float* at = scores_ + t * panel.stride() + v * kLanes;
      hn::Store(hn::IfThenElse(hn::LoadMaskBits(d, bytes), hn::Load(d, at), masked), d, at);
    }
}

// score or kMasked, without the branch that a random mask would make the processor guess wrong every third time.
HWY_INLINE float visible_or_hidden(float score, bool visible) {
  const std::uint32_t keep = 0u - static_cast<std::uint32_t>(visible);
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(score) & keep) | (std::bit_cast<std::uint32_t>(kMasked) & ~keep));
}

// A boolean mask masks, an additive one is added and masks where it is -inf. Very negative finite values stay above kMasked: a row
// of nothing else still has a softmax.
void Block::apply_dense_mask(const Panel& panel, std::int64_t offset, std::int64_t count) {
  constexpr float kLowest = -3.0e38f;
  const bool boolean = p_.mask.kind == MaskKind::boolean;
  const float scale = p_.softcap || terms_.has_bias() ? 1.0f : units_.scale;
  for (std::int64_t l = 0; l < panel.lanes; ++l) {
    const auto lane = panel.first_lane + l;
    float* score = scores_ + l;
    if (boolean) {
      const auto* allowed = row_at(t_.run.inputs.mask.as<const std::uint8_t>(), lane);
      for (std::int64_t t = 0; t < count; ++t, score += panel.stride())
        *score = visible_or_hidden(*score, allowed[tile_.keys[offset + t]]);
      continue;
    }
    const auto* bias = row_at(t_.run.inputs.mask.as<const float>(), lane);
    for (std::int64_t t = 0; t < count; ++t, score += panel.stride()) {
      const float b = bias[tile_.keys[offset + t]];
      *score = b == -std::numeric_limits<float>::infinity() ? kMasked : std::max(*score * scale + b, kLowest);
    }
  }
}

// Divides by the sum and writes rows back; a row that saw no key has sum 0 and gives exact zeros.
void Block::finish(const Panel& panel) {
  float* rows[kPanelLanes];
  float factors[kPanelLanes];
  for (std::int64_t l = 0; l < panel.lanes; ++l) {
    rows[l] = row_at(t_.out, panel.first_lane + l);
    const auto lane = panel.first_lane + l;
    const float sum =
        t_.row_max ? panel.sum[l] : terms_.sum_with_sink(head_of(lane), panel.sum[l], panel.max[l], units_.final_scale);
    factors[l] = terms_.pointwise ? terms_.pointwise->row_factor[t_.batch * p_.n_q + row_of(lane)]
                 : sum == 0.0f    ? 0.0f
                                  : 1.0f / sum;
    if (!t_.row_max) continue;
    t_.row_max[state_of(lane)] = panel.max[l];
    t_.row_sum[state_of(lane)] = panel.sum[l];
  }
  lanes_to_rows(panel.output, panel.stride(), factors, panel.lanes, p_.d_v, rows);
}

}  // namespace

TileShape shape() { return {kLanes, kVectors, kRows, kPanels}; }

void run_block(const BlockTask& task) {
  const FlushDenormals flush;
  Block(task).run();
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(shape);
HWY_EXPORT(run_block);

}  // namespace

TileShape tile_shape() {
  init_dispatch();
  return HWY_DYNAMIC_DISPATCH(shape)();
}

std::int64_t block_scratch_floats(const TileShape& s, const Problem& p, std::int64_t lanes, std::int64_t key_block) {
  constexpr std::int64_t kLine = 16;  // floats per 64 bytes: neighbouring threads never share a line
  const auto padded = (lanes + s.lanes - 1) / s.lanes * s.lanes;
  const auto tile = (key_block + s.rows + 1) * s.vectors * s.lanes;
  return (tile + padded * (p.d_qk + p.d_v + 2) + kLine - 1) / kLine * kLine;
}

void attend_block(const BlockTask& task) { HWY_DYNAMIC_DISPATCH(run_block)(task); }

}  // namespace attnbench::kernels
#endif
