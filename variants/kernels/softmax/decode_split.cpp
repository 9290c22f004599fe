// One split of one key/value head's keys against all the query rows that use it, compiled once per instruction set: scores, masks
// and online softmax tile by tile. What is portable is in decode.cpp.
#include "variants/kernels/softmax/decode_split.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "variants/kernels/simd/denormals.h"
#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"
#include "variants/kernels/softmax/score_units.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/softmax/decode_split.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/softmax/decode_kernels-inl.h"
#include "variants/kernels/softmax/pointwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kPad = 16;  // floats: the widest vector, and one cache line

constexpr std::int64_t padded(std::int64_t floats) { return (floats + kPad - 1) / kPad * kPad; }

// Keys whose values stay in L1 until all rows have had them, kValueRows at a time. Few rows wait for memory, and the shorter the
// way to the next keys the less; with many rows the arithmetic is what takes time, and the rows' sums are loaded less often.
constexpr std::int64_t value_keys(std::int64_t rows, std::int64_t all) { return rows == 1 ? all : rows <= 4 ? 8 : 32; }

class Decoder {
 public:
  explicit Decoder(const DecodeTask& task)
      : t_(task),
        p_(task.run.problem),
        terms_(task.terms),
        units_(score_units(p_, terms_)),
        fold_(p_.heads_q / p_.heads_kv),
        rows_(decode_rows(p_)),
        tile_keys_(decode_tile_keys(p_)) {
    lay_out();
    start();
    seen_by_all_ = keys_of_all();
  }

  void run() {
    const auto some = keys_of_some();
    for (auto edge = some.begin / kDecodeBlock * kDecodeBlock; edge < some.end; edge += tile_keys_)
      run_tile({std::max(edge, some.begin), std::min(edge + tile_keys_, some.end)});
    for (std::int64_t r = 0; r < rows_; ++r) finish(r);
  }

 private:
  // Rows of one query come together: r = query * q_per_kv + head within the group.
  std::int64_t query_of(std::int64_t r) const { return r / fold_; }
  std::int64_t head_of(std::int64_t r) const { return t_.kv_head * fold_ + r % fold_; }
  template <class T>
  T* row_at(const TensorView<T>& tensor, std::int64_t r) const {
    return tensor.row(t_.batch, head_of(r), query_of(r));
  }
  std::int64_t state_of(std::int64_t r) const { return (t_.batch * p_.heads_q + head_of(r)) * p_.n_q + query_of(r); }
  KeyRange visible(std::int64_t r) const {
    const auto seen = visible_keys(p_, t_.batch, query_of(r));
    return {std::max(seen.begin, t_.keys.begin), std::min(seen.end, t_.keys.end)};
  }

  void lay_out();
  void start();
  KeyRange keys_of_some() const;
  KeyRange keys_of_all() const;
  void run_tile(KeyRange tile);
  void score_tile(KeyRange tile);
  void mask_row(KeyRange tile, std::int64_t r);
  void apply_dense_mask(KeyRange tile, std::int64_t r);
  void scale_keys(KeyRange tile, float* scores);
  void cap(float* scores, std::int64_t count);
  void add_bias(KeyRange tile, std::int64_t r);
  void weigh(std::int64_t r, std::int64_t count);
  void rescale(std::int64_t r, float factor);
  /// Whether some row may not see some key of a block, whose value may then be anything.
  bool any_hidden(KeyRange block) const {
    return p_.mask.kind != MaskKind::none || block.begin < seen_by_all_.begin || block.end > seen_by_all_.end;
  }
  template <bool kGuarded>
  void weigh_block(KeyRange tile, KeyRange block);
  void finish(std::int64_t r);

  const DecodeTask& t_;
  const Problem& p_;
  const ScoreTerms& terms_;
  const ScoreUnits units_;
  std::int64_t fold_, rows_, tile_keys_;
  KeyRange seen_by_all_{0, 0};
  const RowShape qk_{p_.d_qk}, v_{p_.d_v};
  const std::int64_t q_stride_ = padded(p_.d_qk), s_stride_ = tile_keys_ + kPad, o_stride_ = padded(p_.d_v);
  float *queries_ = nullptr, *scores_ = nullptr;       // [rows][q_stride], [rows][s_stride]
  float *block_output_ = nullptr, *output_ = nullptr;  // [rows][o_stride]
  float *max_ = nullptr, *sum_ = nullptr;              // [rows]
};

void Decoder::lay_out() {
  float* next = t_.scratch;
  const auto take = [&next](std::int64_t floats) { return std::exchange(next, next + floats); };
  queries_ = take(rows_ * q_stride_);
  scores_ = take(rows_ * s_stride_);
  block_output_ = take(rows_ * o_stride_);
  output_ = take(rows_ * o_stride_);
  max_ = take(rows_);
  sum_ = take(rows_);
}

// Queries packed.
void Decoder::start() {
  const auto q = t_.run.inputs.queries();
  for (std::int64_t r = 0; r < rows_; ++r) {
    const float sign = terms_.query_factor ? units_.query_sign * terms_.query_factor[state_of(r)] : units_.query_sign;
    const float* from = row_at(q, r);
    float* to = queries_ + r * q_stride_;
    for (std::int64_t c = 0; c < qk_.whole; ++c) to[c] = sign * from[c];
    for (std::int64_t l = 0; qk_.has_last() && l < kLanes; ++l)
      to[qk_.whole + l] = qk_.element(l) < qk_.whole ? 0.0f : sign * from[qk_.element(l)];
  }
  std::fill_n(max_, rows_, kMasked);
  std::fill_n(sum_, rows_, 0.0f);
  std::fill_n(output_, rows_ * o_stride_, 0.0f);
}

KeyRange Decoder::keys_of_some() const {
  KeyRange some{p_.n_k, 0};
  for (std::int64_t r = 0; r < rows_; r += fold_) {
    const auto keys = visible(r);
    if (keys.size() > 0) some = {std::min(some.begin, keys.begin), std::max(some.end, keys.end)};
  }
  return some;
}

KeyRange Decoder::keys_of_all() const {
  KeyRange all{0, p_.n_k};
  for (std::int64_t r = 0; r < rows_; r += fold_) {
    const auto keys = visible(r);
    all = {std::max(all.begin, keys.begin), std::min(all.end, keys.end)};
  }
  return all;
}

void Decoder::run_tile(KeyRange tile) {
  score_tile(tile);
  const auto vectors = (tile.size() + kLanes - 1) / kLanes * kLanes;
  for (std::int64_t r = 0; r < rows_; ++r) {
    float* scores = scores_ + r * s_stride_;
    if (terms_.key_factor) scale_keys(tile, scores);
    if (p_.softcap) cap(scores, tile.size());
    if (terms_.has_bias()) add_bias(tile, r);
    mask_row(tile, r);
    std::fill(scores + tile.size(), scores + vectors, kMasked);
    weigh(r, vectors);
  }
  for (auto begin = tile.begin; begin < tile.end; begin += kDecodeBlock) {
    const KeyRange block{begin, std::min(begin + kDecodeBlock, tile.end)};
    if (any_hidden(block)) weigh_block<true>(tile, block);
    else weigh_block<false>(tile, block);
  }
}

// The last keys are taken four at a time too, the last one as often as it takes: its surplus scores are overwritten by kMasked.
void Decoder::score_tile(KeyRange tile) {
  const auto k = t_.run.inputs.keys();
  for (auto t = tile.begin; t < tile.end; t += kKeys) {
    const float* keys[kKeys];
    for (std::int64_t i = 0; i < kKeys; ++i) keys[i] = k.row(t_.batch, t_.kv_head, std::min(t + i, tile.end - 1));
    float* scores = scores_ + (t - tile.begin);
    if (rows_ == 1) {
      score_arriving_keys(keys, qk_, queries_, scores);
      continue;
    }
    touch_rows(keys[0], k.row_stride(), std::min<std::int64_t>(kKeys, tile.end - t), p_.d_qk);
    for_row_blocks<kRowBlock>(rows_, [&](std::int64_t r, auto block) HWY_ATTR {
      score_keys<decltype(block)::value>(keys, qk_, queries_ + r * q_stride_, q_stride_, scores + r * s_stride_, s_stride_);
    });
  }
}

// Hides the tile's keys that the row does not see.
void Decoder::mask_row(KeyRange tile, std::int64_t r) {
  float* scores = scores_ + r * s_stride_;
  if (p_.mask.kind != MaskKind::none) apply_dense_mask(tile, r);
  const auto seen = visible(r);
  const auto begin = std::clamp(seen.begin, tile.begin, tile.end), end = std::clamp(seen.end, begin, tile.end);
  std::fill(scores, scores + (begin - tile.begin), kMasked);
  std::fill(scores + (end - tile.begin), scores + tile.size(), kMasked);
}

// A boolean mask masks, an additive one is added and masks where it is -inf. Very negative finite values stay above kMasked: a row
// of nothing else still has a softmax.
void Decoder::apply_dense_mask(KeyRange tile, std::int64_t r) {
  constexpr float kLowest = -3.0e38f;
  float* scores = scores_ + r * s_stride_;
  if (p_.mask.kind == MaskKind::boolean) {
    const auto* allowed = row_at(t_.run.inputs.mask.as<const std::uint8_t>(), r) + tile.begin;
    for (std::int64_t t = 0; t < tile.size(); ++t) scores[t] = allowed[t] ? scores[t] : kMasked;
    return;
  }
  const float scale = p_.softcap || terms_.has_bias() ? 1.0f : units_.scale;
  const auto* bias = row_at(t_.run.inputs.mask.as<const float>(), r) + tile.begin;
  for (std::int64_t t = 0; t < tile.size(); ++t) {
    const float biased = std::max(scores[t] * scale + bias[t], kLowest);
    scores[t] = bias[t] == -std::numeric_limits<float>::infinity() ? kMasked : biased;
  }
}

// score = softcap * tanh(scale q.k / softcap); `count` is rounded up to whole vectors.
void Decoder::cap(float* scores, std::int64_t count) {
  const FloatTag d;
  const auto to_cap = hn::Set(d, units_.scale / static_cast<float>(*p_.softcap)),
             factor = hn::Set(d, static_cast<float>(*p_.softcap));
  for (std::int64_t t = 0; t < count; t += kLanes)
    hn::Store(hn::Mul(factor, tanh_vector(hn::Mul(to_cap, hn::Load(d, scores + t)))), d, scores + t);
}

void Decoder::scale_keys(KeyRange tile, float* scores) {
  const float* factors = terms_.key_factor + (t_.batch * p_.heads_kv + t_.kv_head) * p_.n_k + tile.begin;
  for (std::int64_t t = 0; t < tile.size(); ++t) scores[t] *= factors[t];
}

// score = scale score + bias
void Decoder::add_bias(KeyRange tile, std::int64_t r) {
  float* scores = scores_ + r * s_stride_;
  const float scale = p_.softcap ? 1.0f : units_.scale;
  for (std::int64_t t = 0; t < tile.size(); ++t) scores[t] *= scale;
  if (terms_.slopes) {
    const auto position = static_cast<float>(ScoreTerms::slope_position(p_, t_.batch, query_of(r)) - tile.begin);
    const float slope = terms_.slopes[head_of(r)];
    for (std::int64_t t = 0; t < tile.size(); ++t) scores[t] -= slope * std::abs(position - static_cast<float>(t));
  }
  if (terms_.distances) {
    const float* bias = terms_.distances->at(head_of(r), p_.position(query_of(r)) - tile.begin);
    for (std::int64_t t = 0; t < tile.size(); ++t) scores[t] += bias[-t];
  }
  if (terms_.potential) {
    const double* potential = terms_.potential_of(p_, t_.batch, head_of(r));
    const double row = ScoreTerms::row_potential(p_, potential, t_.batch, query_of(r));
    for (std::int64_t t = 0; t < tile.size(); ++t) scores[t] += static_cast<float>(row - potential[tile.begin + t]);
  }
}

// Scores of whole vectors become weights; what was summed before is brought to the new maximum.
void Decoder::weigh(std::int64_t r, std::int64_t count) {
  float* scores = scores_ + r * s_stride_;
  if (!terms_.pointwise) return rescale(r, softmax_step(scores, count, units_.to_log2, max_[r], sum_[r]));
  HWY_ALIGN float bias[kLanes];
  std::fill_n(bias, kLanes, terms_.pointwise->row_bias[t_.batch * p_.n_q + query_of(r)]);
  pointwise_weights<1, true>(terms_.pointwise->function, scores, count / kLanes, units_.final_scale, bias);
}

void Decoder::rescale(std::int64_t r, float factor) {
  const FloatTag d;
  float* output = output_ + r * o_stride_;
  for (std::int64_t c = 0; c < o_stride_; c += kLanes)
    hn::Store(hn::Mul(hn::Load(d, output + c), hn::Set(d, factor)), d, output + c);
}

// The block's own sum is formed first and added once. Rows of values longer than a block of columns are touched first, as the
// columns alone would not read them to their ends.
template <bool kGuarded>
void Decoder::weigh_block(KeyRange tile, KeyRange block) {
  std::fill_n(block_output_, rows_ * o_stride_, 0.0f);
  const auto v = t_.run.inputs.values();
  const auto chunk = value_keys(rows_, block.size());
  for (auto t = block.begin; t < block.end; t += chunk) {
    const auto count = std::min(chunk, block.end - t);
    const float* values = v.row(t_.batch, t_.kv_head, t);
    if (p_.d_v > kColumns * kLanes) touch_rows(values, v.row_stride(), count, p_.d_v);
    for_row_blocks<kValueRows>(rows_, [&](std::int64_t r, auto rows) HWY_ATTR {
      add_values<decltype(rows)::value, kGuarded>({.v = values,
                                                   .v_stride = v.row_stride(),
                                                   .count = count,
                                                   .w = scores_ + r * s_stride_ + (t - tile.begin),
                                                   .w_stride = s_stride_,
                                                   .o = block_output_ + r * o_stride_,
                                                   .o_stride = o_stride_},
                                                  v_);
    });
  }
  const FloatTag d;
  for (std::int64_t c = 0; c < rows_ * o_stride_; c += kLanes)
    hn::Store(hn::Add(hn::Load(d, output_ + c), hn::Load(d, block_output_ + c)), d, output_ + c);
}

// Divides by the sum and unpacks; a row that saw no key has sum 0 and gives exact zeros.
void Decoder::finish(std::int64_t r) {
  const float* from = output_ + r * o_stride_;
  float* to = row_at(t_.out, r);
  const float sum = t_.row_max ? sum_[r] : terms_.sum_with_sink(head_of(r), sum_[r], max_[r], units_.final_scale);
  const float factor = terms_.pointwise ? terms_.pointwise->row_factor[t_.batch * p_.n_q + query_of(r)]
                       : sum == 0.0f    ? 0.0f
                                        : 1.0f / sum;
  for (std::int64_t c = 0; c < v_.whole; ++c) to[c] = from[c] * factor;
  for (std::int64_t c = v_.whole; c < v_.dim; ++c) to[c] = from[v_.whole + kLanes - (v_.dim - c)] * factor;
  if (!t_.row_max) return;
  t_.row_max[state_of(r)] = max_[r];
  t_.row_sum[state_of(r)] = sum_[r];
}

}  // namespace

std::int64_t scratch_floats(const Problem& p) {
  return padded(decode_rows(p) * (padded(p.d_qk) + 2 * padded(p.d_v) + decode_tile_keys(p) + kPad + 2));
}

void run_split(const DecodeTask& task) {
  const FlushDenormals flush;
  Decoder(task).run();
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(scratch_floats);
HWY_EXPORT(run_split);

}  // namespace

std::int64_t decode_scratch_floats(const Problem& problem) {
  init_dispatch();
  return HWY_DYNAMIC_DISPATCH(scratch_floats)(problem);
}

void decode_split(const DecodeTask& task) { HWY_DYNAMIC_DISPATCH(run_split)(task); }

}  // namespace attnbench::kernels
#endif
