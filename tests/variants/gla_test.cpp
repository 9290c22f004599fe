// gla: gates per channel from nothing to a full reset, what it becomes with equal gates, and HGRN2's keys.
#include "tests/variants/recurrence_support.h"

namespace attnbench::testing {
namespace {

TEST_CASE("gla's reference is the quadratic form, also with gates of 0 and of a full reset") {
  for (const bool hgrn : {false, true}) {
    Call call("gla", "n60 d7 causal", {{"k", hgrn ? "one_minus_gate" : "input"}, {"tau", "1"}});
    const auto arrays = recurrent_arrays(call);
    mix_log_decays(arrays.extras["log_decay"]);
    ExactRows rows{60, 7, doubles(arrays.q), doubles(arrays.k), doubles(arrays.extras["log_decay"]), doubles(arrays.v)};
    for (double& a : rows.decay) a = std::exp(a);
    if (hgrn)
      for (std::size_t t = 0; t < rows.k.size(); ++t) rows.k[t] = 1 - rows.decay[t];
    else
      for (double& q : rows.q) q /= std::sqrt(7.0);  // HGRN2 has no scale
    const auto inputs = arrays.inputs(call.problem);
    CHECK(relative_rms(call.reference(inputs), quadratic_form(rows)) < 1e-14);
    CHECK(relative_rms(call.run(inputs), quadratic_form(rows)) < kTolerance);
  }
}

TEST_CASE("gla is right whatever the shape, the alignment and the number of threads") {
  check_recurrence("gla");
  check_recurrence("gla", {{"k", "one_minus_gate"}});
  check_unseen("gla");
}

TEST_CASE("gla with one gate for all channels is simple decay, with none linear attention without a normaliser") {
  for (const auto& [gamma, g] : {std::pair{"0.9", std::log(0.9f)}, {"1", 0.0f}}) {
    Call gla("gla", "h2 n50 d8 causal"), retention("retention", "h2 n50 d8 causal", {{"decay", "constant"}, {"gamma", gamma}});
    auto arrays = recurrent_arrays(gla);
    fill(arrays.extras["log_decay"], g);
    CHECK(relative_rms(gla.run(arrays), doubles(retention.run(arrays))) < 1e-6);
  }
}

TEST_CASE("gla: a gate of 0 forgets everything before it, for its channel alone") {
  Call call("gla", "n30 d4 causal scale=1");
  auto arrays = recurrent_arrays(call);
  fill(arrays.extras["log_decay"], 0);
  std::fill_n(arrays.extras["log_decay"].view().row(0, 0, 20), 4, kMinusInfinity);
  const auto out = call.run(arrays);
  double score = 0;
  for (std::int64_t c = 0; c < 4; ++c) score += double{arrays.q.view().row(0, 0, 20)[c]} * double{arrays.k.view().row(0, 0, 20)[c]};
  for (std::int64_t c = 0; c < 4; ++c)
    CHECK(out.view().row(0, 0, 20)[c] == Approx(score * double{arrays.v.view().row(0, 0, 20)[c]}).margin(1e-6));
}

// Quotients of cumulated gates, e^G_i / e^G_j, are NaN in float32 at gates eight times as strong as log sigmoid(Z).
TEST_CASE("gla stays exact where gates are so strong that quotients of their products overflow") {
  Call call("gla", "n100 d16 causal", {{"tau", "1"}});
  auto arrays = recurrent_arrays(call);
  const auto& g = arrays.extras["log_decay"];
  float sum = 0;
  for (std::int64_t t = 0; t < element_count(g.shape()); ++t) sum += g.data()[t] *= 50;
  CHECK(std::exp(-sum / 16) == std::numeric_limits<float>::infinity());
  CHECK(error_with(call, arrays) < kTolerance);
}

TEST_CASE("gla: the gate belongs to the key, so beyond a key length nothing fades") {
  Call padded("gla", "n8 d4 causal klen=5"), stopped("gla", "n8 d4 causal");
  auto arrays = recurrent_arrays(padded);
  const auto out = padded.run(arrays);
  for (std::int64_t j = 5; j < 8; ++j) {
    std::fill_n(arrays.extras["log_decay"].view().row(0, 0, j), 4, 0.0f);
    std::fill_n(arrays.v.view().row(0, 0, j), 4, 0.0f);
  }
  CHECK(relative_rms(out, doubles(stopped.run(arrays))) < 1e-6);
  // Zeroing the value alone is the mistake: the gate of the padding goes on.
  auto wrong = recurrent_arrays(padded);
  for (std::int64_t j = 5; j < 8; ++j) std::fill_n(wrong.v.view().row(0, 0, j), 4, 0.0f);
  CHECK(relative_rms(out, doubles(stopped.run(wrong))) > 1e-3);
}

}  // namespace
}  // namespace attnbench::testing
