// If these fail, sliding_window sees other keys than the Longformer pattern, or does work it does not declare.
#include "tests/kernels/kernels_test_support.h"
#include "tests/variants/sparse_test_support.h"

using namespace attnbench;
using namespace attnbench::testing;

namespace {

bool sees(Call& call, std::int64_t i, std::int64_t j) {
  return call.variant.attends({call.problem, call.params, call.prepared}, 0, 0, i, j);
}

}  // namespace

TEST_CASE("sliding_window matches its pattern's truth and counts its pairs") {
  check_sparse("sliding_window", {{"window", "0"}});
  check_sparse("sliding_window", {{"window", "3"}, {"globals", "1"}});
  check_sparse("sliding_window", {{"window", "16"}, {"globals", "5"}});
  check_sparse("sliding_window", {{"window", "60"}, {"globals", "50"}});
  check_sparse("sliding_window", {{"window", "100000"}});
}

TEST_CASE("global tokens see all and are seen by all, others only their window") {
  Call call("sliding_window", "n100 d4", {{"window", "2"}, {"globals", "3"}});
  CHECK(sees(call, 2, 99));
  CHECK(sees(call, 99, 2));
  CHECK_FALSE(sees(call, 3, 99));
  CHECK_FALSE(sees(call, 99, 3));
  CHECK(sees(call, 50, 48));
  CHECK(sees(call, 50, 52));
  CHECK_FALSE(sees(call, 50, 47));
}

TEST_CASE("sliding_window does work proportional to the window, not to n squared") {
  const Call small("sliding_window", "n1024 d8 causal", {{"window", "31"}});
  const Call large("sliding_window", "n4096 d8 causal", {{"window", "31"}});
  const auto pairs = [](const Call& call) { return call.variant.cost(call.problem, call.params).pairs; };
  CHECK(pairs(small) == 1024 * 32 - 31 * 32 / 2);
  CHECK(pairs(large) == 4096 * 32 - 31 * 32 / 2);
}

TEST_CASE("sliding_window reads no key outside its window: the others lie in memory that cannot be read") {
  constexpr std::int64_t kKeys = 128, kDim = 8;  // the window's keys fill whole pages, so both ends are guarded
  Call call("sliding_window", "n1:20000 d8 causal-bottom-right", {{"window", "127"}}, 1);
  const GuardedArray<float> k(kKeys * kDim), v(kKeys * kDim);
  for (std::int64_t i = 0; i < kKeys * kDim; ++i) k[i] = 0.0f, v[i] = static_cast<float>(i % kDim);
  Tensor q({1, 1, 1, kDim});
  const Shape shape{1, 1, 20000, kDim};
  const auto ending_at = [&](const GuardedArray<float>& rows) {
    return TensorRef{rows.data() - (20000 - kKeys) * kDim, DType::f32, shape, dense_strides(shape)};
  };
  const auto out = call.run(Inputs{q.ref(), ending_at(k), ending_at(v), {}});
  for (std::int64_t c = 0; c < kDim; ++c) CHECK(out.data()[c] == Approx(static_cast<double>(c)));
}
