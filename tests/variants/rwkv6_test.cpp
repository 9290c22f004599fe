// rwkv6: the read before the update, the bonus, and gates that act on later rows only.
#include "tests/variants/recurrence_support.h"

namespace attnbench::testing {
namespace {

// o_i = sum_{j < i} (r_i . Gamma_ij k_j) v_j + (r_i . u k_i) v_i, Gamma_ij the product of the gates strictly between j and i, or,
// the usual mistake, up to i.
std::vector<double> by_pairs(const NamedTensors& arrays, std::int64_t n, std::int64_t d, bool up_to_own) {
  std::vector<double> out(static_cast<std::size_t>(n * d), 0.0);
  const auto q = arrays.q.view(), k = arrays.k.view(), v = arrays.v.view(), g = arrays.extras["log_decay"].view();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      double score = 0;
      for (std::int64_t c = 0; c < d; ++c) {
        double gate = j == i ? double{arrays.extras["bonus"].data()[c]} : 1;
        for (auto l = j + 1; l < i + (up_to_own && j < i); ++l) gate *= std::exp(double{g.row(0, 0, l)[c]});
        score += double{q.row(0, 0, i)[c]} * gate * double{k.row(0, 0, j)[c]};
      }
      for (std::int64_t c = 0; c < d; ++c) out[static_cast<std::size_t>(i * d + c)] += score * double{v.row(0, 0, j)[c]};
    }
  return out;
}

TEST_CASE("rwkv6 is its sum over pairs, also with gates of 0 and of a full reset") {
  Call call("rwkv6", "n60 d7 causal");
  const auto arrays = recurrent_arrays(call);
  const auto inputs = arrays.inputs(call.problem);
  CHECK(relative_rms(call.run(inputs), by_pairs(arrays, 60, 7, true)) > 1e-2);  // the gate of the row's own position is not its own
  mix_log_decays(arrays.extras["log_decay"]);
  CHECK(relative_rms(call.reference(inputs), by_pairs(arrays, 60, 7, false)) < 1e-14);
  CHECK(relative_rms(call.run(inputs), by_pairs(arrays, 60, 7, false)) < kTolerance);
}

TEST_CASE("rwkv6 is right whatever the shape, the alignment and the number of threads") {
  check_recurrence("rwkv6");
  check_unseen("rwkv6");
}

TEST_CASE("rwkv6's first row is its bonus alone") {
  Call call("rwkv6", "n5 d4 causal");
  auto arrays = recurrent_arrays(call);
  const auto out = call.run(arrays);
  double score = 0;
  for (int c = 0; c < 4; ++c)
    score += double{arrays.q.data()[c]} * double{arrays.extras["bonus"].data()[c]} * double{arrays.k.data()[c]};
  for (int c = 0; c < 4; ++c) CHECK(out.data()[c] == Approx(score * double{arrays.v.data()[c]}).margin(1e-6));
}

TEST_CASE("rwkv6 with a bonus of 1 and no gates is gla without gates") {
  Call rwkv("rwkv6", "h2 n50 d8 causal"), gla("gla", "h2 n50 d8 causal scale=1");
  auto arrays = recurrent_arrays(rwkv);
  fill(arrays.extras["log_decay"], 0);
  fill(arrays.extras["bonus"], 1);
  CHECK(relative_rms(rwkv.run(arrays), doubles(gla.run(arrays))) < 1e-6);
}

}  // namespace
}  // namespace attnbench::testing
