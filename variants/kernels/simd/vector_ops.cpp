#include "variants/kernels/simd/vector_ops.h"

#include <cmath>
#include <limits>

#include "variants/kernels/simd/isa.h"
#include "variants/kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "variants/kernels/simd/vector_ops.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "variants/kernels/simd/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnbench::kernels::HWY_NAMESPACE {

// The last, incomplete vector of a row: `count` < kLanes elements copied to and from a full one, the rest set to `fill`.
struct Tail {
  HWY_ALIGN float lanes[kLanes];

  Tail(const float* from, std::int64_t count, float fill) {
    for (std::int64_t i = 0; i < kLanes; ++i) lanes[i] = i < count ? from[i] : fill;
  }
  FloatVec load() const { return hn::Load(FloatTag(), lanes); }
};

void store_tail(FloatVec v, float* to, std::int64_t count) {
  HWY_ALIGN float lanes[kLanes];
  hn::Store(v, FloatTag(), lanes);
  for (std::int64_t i = 0; i < count; ++i) to[i] = lanes[i];
}

// y[i] = f(x[i]); f must accept zeros.
template <class F>
HWY_INLINE void map(const float* x, float* y, std::int64_t count, F f) {
  const FloatTag d;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(f(hn::LoadU(d, x + i)), d, y + i);
  if (i < count) store_tail(f(Tail(x + i, count - i, 0.0f).load()), y + i, count - i);
}

// Four accumulators: one would wait out the latency of every addition.
float dot_row(const float* a, const float* b, std::int64_t count) {
  const FloatTag d;
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    s0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), s0);
    s1 = hn::MulAdd(hn::LoadU(d, a + i + kLanes), hn::LoadU(d, b + i + kLanes), s1);
    s2 = hn::MulAdd(hn::LoadU(d, a + i + 2 * kLanes), hn::LoadU(d, b + i + 2 * kLanes), s2);
    s3 = hn::MulAdd(hn::LoadU(d, a + i + 3 * kLanes), hn::LoadU(d, b + i + 3 * kLanes), s3);
  }
  for (; i + kLanes <= count; i += kLanes) s0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), s0);
  if (i < count) s1 = hn::MulAdd(Tail(a + i, count - i, 0.0f).load(), Tail(b + i, count - i, 0.0f).load(), s1);
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
}

void axpy_row(float a, const float* x, float* y, std::int64_t count) {
  const FloatTag d;
  const auto factor = hn::Set(d, a);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(hn::MulAdd(factor, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  for (; i < count; ++i) y[i] += a * x[i];
}

void scale_row(float a, float* x, std::int64_t count) {
  const auto factor = hn::Set(FloatTag(), a);
  map(x, x, count, [factor](FloatVec v) HWY_ATTR { return hn::Mul(factor, v); });
}

void exp_row(const float* x, float* y, std::int64_t count) {
  const auto top = hn::Set(FloatTag(), 88.0f);
  map(x, y, count, [top](FloatVec v) HWY_ATTR { return exp_vector(hn::IfThenElse(hn::Gt(v, top), top, v)); });
}

void exp2_row(const float* x, float factor, float* y, std::int64_t count) {
  map(x, y, count, [f = hn::Set(FloatTag(), factor)](FloatVec v) HWY_ATTR { return exp2_scaled(v, f); });
}

void tanh_row(const float* x, float* y, std::int64_t count) {
  map(x, y, count, [](FloatVec v) HWY_ATTR { return tanh_vector(v); });
}

float max_row(const float* row, std::int64_t count) {
  const FloatTag d;
  const float lowest = -std::numeric_limits<float>::infinity();
  auto top = hn::Set(d, lowest);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) top = hn::Max(top, hn::LoadU(d, row + i));
  if (i < count) top = hn::Max(top, Tail(row + i, count - i, lowest).load());
  return max_of_lanes(top);
}

void softmax_row(float* row, std::int64_t count) {
  const FloatTag d;
  const float lowest = -std::numeric_limits<float>::infinity();
  const float top = max_row(row, count);
  if (top == lowest) {
    for (std::int64_t i = 0; i < count; ++i) row[i] = 0.0f;
    return;
  }
  const auto shift = hn::Set(d, top);
  auto total = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto weight = exp_vector(hn::Sub(hn::LoadU(d, row + i), shift));
    total = hn::Add(total, weight);
    hn::StoreU(weight, d, row + i);
  }
  if (i < count) {
    const auto weight = exp_vector(hn::Sub(Tail(row + i, count - i, lowest).load(), shift));
    total = hn::Add(total, weight);
    store_tail(weight, row + i, count - i);
  }
  scale_row(1.0f / hn::GetLane(hn::SumOfLanes(d, total)), row, count);
}

// One query against one key. Lanes beyond dim have v = 0 and add nothing.
float additive_score(const float* q, const float* k, const float* v, std::int64_t dim) {
  const FloatTag d;
  auto sum = hn::Zero(d), odd = sum;
  std::int64_t c = 0;
  for (; c + 2 * kLanes <= dim; c += 2 * kLanes) {
    const auto x0 = hn::Add(hn::LoadU(d, q + c), hn::LoadU(d, k + c));
    const auto x1 = hn::Add(hn::LoadU(d, q + c + kLanes), hn::LoadU(d, k + c + kLanes));
    sum = hn::MulAdd(hn::LoadU(d, v + c), tanh_vector(x0), sum);
    odd = hn::MulAdd(hn::LoadU(d, v + c + kLanes), tanh_vector(x1), odd);
  }
  for (; c + kLanes <= dim; c += kLanes)
    sum = hn::MulAdd(hn::LoadU(d, v + c), tanh_vector(hn::Add(hn::LoadU(d, q + c), hn::LoadU(d, k + c))), sum);
  if (c < dim) {
    const auto x = hn::Add(Tail(q + c, dim - c, 0.0f).load(), Tail(k + c, dim - c, 0.0f).load());
    odd = hn::MulAdd(Tail(v + c, dim - c, 0.0f).load(), tanh_vector(x), odd);
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(sum, odd)));
}

void additive_score_rows(const float* query, const float* keys, std::int64_t key_stride, const float* v, std::int64_t dim,
                         std::int64_t n_keys, float* scores) {
  for (std::int64_t j = 0; j < n_keys; ++j) scores[j] = additive_score(query, keys + j * key_stride, v, dim);
}

}  // namespace attnbench::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnbench::kernels {
namespace {

HWY_EXPORT(dot_row);
HWY_EXPORT(axpy_row);
HWY_EXPORT(scale_row);
HWY_EXPORT(exp_row);
HWY_EXPORT(exp2_row);
HWY_EXPORT(tanh_row);
HWY_EXPORT(softmax_row);
HWY_EXPORT(additive_score_rows);

}  // namespace

float dot(const float* a, const float* b, std::int64_t count) {
  init_dispatch();
  return HWY_DYNAMIC_DISPATCH(dot_row)(a, b, count);
}

void axpy(float a, const float* x, float* y, std::int64_t count) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(axpy_row)(a, x, y, count);
}

void scale(float a, float* x, std::int64_t count) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(scale_row)(a, x, count);
}

void exp(const float* x, float* y, std::int64_t count) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(exp_row)(x, y, count);
}

void exp2_scaled(const float* x, float factor, float* y, std::int64_t count) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(exp2_row)(x, factor, y, count);
}

void tanh(const float* x, float* y, std::int64_t count) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(tanh_row)(x, y, count);
}

void softmax_in_place(float* row, std::int64_t count) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(softmax_row)(row, count);
}

void additive_scores(const float* query, const float* keys, std::int64_t key_stride, const float* v, std::int64_t dim,
                     std::int64_t n_keys, float* scores) {
  init_dispatch();
  HWY_DYNAMIC_DISPATCH(additive_score_rows)(query, keys, key_stride, v, dim, n_keys, scores);
}

}  // namespace attnbench::kernels
#endif
