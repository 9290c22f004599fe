// gated_delta_net and kimi_delta: the decay before the erasure, gates of 0 and of a full reset, and what each is a case of.
#include "tests/variants/recurrence_support.h"

namespace attnbench::testing {
namespace {

// The inputs of a call as the quadratic form has them.
ExactRows exact_rows_of(const Call& call, const NamedTensors& arrays) {
  const auto n = call.problem.n_k, d = call.problem.d_qk;
  ExactRows rows{n,
                 d,
                 unit_rows(doubles(arrays.q), d, 1 / std::sqrt(static_cast<double>(d))),
                 unit_rows(doubles(arrays.k), d, 1),
                 {},
                 doubles(arrays.v),
                 doubles(arrays.extras["beta"])};
  const auto& g = arrays.extras["log_decay"];
  for (std::int64_t t = 0; t < n * d; ++t) rows.decay.push_back(std::exp(double{g.data()[g.shape()[3] == 1 ? t / d : t]}));
  return rows;
}

TEST_CASE("gated delta rules: the reference is the quadratic form, also with gates of 0 and of a full reset, betas of 0, 1 and 2") {
  for (const char* variant : {"gated_delta_net", "kimi_delta"}) {
    Call call(variant, "n60 d7 causal");
    const auto arrays = recurrent_arrays(call);
    mix_log_decays(arrays.extras["log_decay"]);
    for (int t = 0; t < 60; t += 3) arrays.extras["beta"].data()[t] = static_cast<float>(t % 9 / 3);
    const auto inputs = arrays.inputs(call.problem);
    const auto exact = quadratic_form(exact_rows_of(call, arrays));
    CAPTURE(variant);
    CHECK(relative_rms(call.reference(inputs), exact) < 1e-13);
    CHECK(relative_rms(call.run(inputs), exact) < kTolerance);
  }
}

TEST_CASE("gated delta rules are right whatever the shape, the alignment and the number of threads") {
  for (const char* variant : {"gated_delta_net", "kimi_delta"}) {
    check_recurrence(variant);
    check_recurrence(variant, {{"span", "2"}});
    check_unseen(variant);
  }
}

// S_t = e^g S + beta k (v - k^T S)^T, the wrong order: what is taken out has not faded.
TEST_CASE("gated_delta_net takes out what it finds in the faded state, not in the one before") {
  Call call("gated_delta_net", "n2 d1 causal scale=1");
  auto arrays = recurrent_arrays(call);
  for (auto* x : {&arrays.q, &arrays.k, &arrays.v}) fill(*x, 1);
  fill(arrays.extras["beta"], 0.5f);
  fill(arrays.extras["log_decay"], std::log(0.5f));
  const auto out = call.run(arrays);
  CHECK(out.data()[0] == Approx(0.5).epsilon(1e-5));
  CHECK(out.data()[1] == Approx(0.25 + 0.5 * (1 - 0.25)).epsilon(1e-5));  // the wrong order: 0.25 + 0.5 (1 - 0.5) = 0.5
}

TEST_CASE("kimi_delta with one gate for all channels is gated_delta_net, which without gates is delta_net") {
  const char* problem = "h4:2 n70 d8:20 causal";
  Call kimi("kimi_delta", problem), gated("gated_delta_net", problem), plain("delta_net", problem);
  auto scalar = recurrent_arrays(gated), channel = recurrent_arrays(kimi);
  copy(scalar.extras["beta"], channel.extras["beta"]);
  for (std::int64_t t = 0; t < element_count(channel.extras["log_decay"].shape()); ++t)
    channel.extras["log_decay"].data()[t] = scalar.extras["log_decay"].data()[t / 8];
  CHECK(relative_rms(kimi.run(channel), doubles(gated.run(scalar))) < 1e-6);
  fill(scalar.extras["log_decay"], 0);
  fill(channel.extras["log_decay"], 0);
  CHECK(relative_rms(gated.run(scalar), doubles(plain.run(scalar))) < 1e-7);
  CHECK(relative_rms(kimi.run(channel), doubles(plain.run(channel))) < 1e-7);
}

TEST_CASE("gated delta rules: a full reset leaves the position's own key alone; beta 0 writes nothing") {
  for (const char* variant : {"gated_delta_net", "kimi_delta"}) {
    Call call(variant, "n40 d8 causal");
    auto arrays = recurrent_arrays(call);
    fill(arrays.extras["log_decay"], kMinusInfinity);
    CHECK(error_with(call, arrays) < kTolerance);
    const auto out = call.run(arrays);
    std::fill_n(arrays.v.view().row(0, 0, 0), 8 * 20, 5.0f);
    CHECK(std::memcmp(out.view().row(0, 0, 20), call.run(arrays).view().row(0, 0, 20), 20 * 8 * sizeof(float)) == 0);
    fill(arrays.extras["beta"], 0);
    const auto nothing = call.run(arrays);
    CHECK(std::count(nothing.data(), nothing.data() + 40 * 8, 0.0f) == 40 * 8);
  }
}

TEST_CASE("gated delta rules stay exact over a long sequence, whose slowest heads remember a thousand positions") {
  for (const char* variant : {"gated_delta_net", "kimi_delta"}) {
    Call call(variant, "h2 n4096 d64 causal");
    CHECK(error_with(call, recurrent_arrays(call)) < 1e-6);
  }
}

}  // namespace
}  // namespace attnbench::testing
