#include "variants/kernels/softmax/attention_row.h"

#include <algorithm>
#include <limits>

#include "variants/kernels/simd/vector_ops.h"

namespace attnbench::kernels {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();

void apply_softcap(float cap, float* scores, std::int64_t count) {
  scale(1 / cap, scores, count);
  tanh(scores, scores, count);
  scale(cap, scores, count);
}

// mask: row i of the dense mask at the first score.
void apply_boolean_mask(const std::uint8_t* mask, float* scores, std::int64_t count) {
  for (std::int64_t j = 0; j < count; ++j) scores[j] = mask[j] ? scores[j] : kMasked;
}

void add_bias(const float* mask, float* scores, std::int64_t count) {
  for (std::int64_t j = 0; j < count; ++j) scores[j] = mask[j] == kMasked ? kMasked : scores[j] + mask[j];
}

}  // namespace

void scores_to_weights(const Problem& p, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i, KeyRange keys,
                       float* scores) {
  const auto visible = visible_keys(p, b, i);
  if (visible.size() == 0) return void(std::fill_n(scores, keys.size(), 0.0f));
  float* row = scores + (visible.begin - keys.begin);
  const auto count = visible.size();
  if (p.softcap) apply_softcap(static_cast<float>(*p.softcap), row, count);
  if (p.mask.kind == MaskKind::boolean)
    apply_boolean_mask(inputs.mask.as<const std::uint8_t>().row(b, h, i) + visible.begin, row, count);
  if (p.mask.kind == MaskKind::additive) add_bias(inputs.mask.as<const float>().row(b, h, i) + visible.begin, row, count);
  softmax_in_place(row, count);
  std::fill(scores, row, 0.0f);
  std::fill(row + count, scores + keys.size(), 0.0f);
}

KeyRange keys_seen_by_any(const Problem& p, std::int64_t b, std::int64_t begin, std::int64_t end) {
  KeyRange any;
  for (auto i = begin; i < end; ++i) {
    const auto keys = visible_keys(p, b, i);
    if (keys.size() == 0) continue;
    any = any.size() == 0 ? keys : KeyRange{std::min(any.begin, keys.begin), std::max(any.end, keys.end)};
  }
  return any;
}

KeyRange keys_seen_by_all(const Problem& p, std::int64_t b, std::int64_t begin, std::int64_t end) {
  KeyRange all{0, p.mask.kind == MaskKind::none ? p.n_k : 0};
  for (auto i = begin; i < end; ++i) {
    const auto keys = visible_keys(p, b, i);
    all = {std::max(all.begin, keys.begin), std::min(all.end, keys.end)};
  }
  return all.size() == 0 ? KeyRange{} : all;
}

}  // namespace attnbench::kernels
