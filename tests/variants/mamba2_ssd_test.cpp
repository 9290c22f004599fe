// mamba2_ssd: what the step size multiplies, the skip, and its place among the other recurrences.
#include "tests/variants/recurrence_support.h"

namespace attnbench::testing {
namespace {

TEST_CASE("mamba2_ssd's reference is simple decay with keys dt B and log-decays dt A") {
  Call call("mamba2_ssd", "n60 d7 causal");
  const auto arrays = recurrent_arrays(call);
  fill(arrays.extras["a"], -3);
  ExactRows rows{60, 7, doubles(arrays.q), doubles(arrays.k), std::vector<double>(60 * 7), doubles(arrays.v)};
  for (std::size_t t = 0; t < rows.k.size(); ++t) {
    const double dt = arrays.extras["dt"].data()[t / 7];
    rows.k[t] *= dt;
    rows.decay[t] = std::exp(-3 * dt);
  }
  CHECK(relative_rms(call.reference(arrays.inputs(call.problem)), quadratic_form(rows)) < 1e-14);
  // Readers of the paper's short listing forget dt in what is written.
  auto forgotten = rows;
  forgotten.k = doubles(arrays.k);
  CHECK(relative_rms(call.run(arrays), quadratic_form(forgotten)) > 0.5);
}

TEST_CASE("mamba2_ssd is right whatever the shape, the alignment and the number of threads") {
  check_recurrence("mamba2_ssd");
  check_recurrence("mamba2_ssd", {{"skip", "1"}});
  check_unseen("mamba2_ssd", {{"skip", "1"}});
}

TEST_CASE("mamba2_ssd with dt = 1 and A = log gamma is retention") {
  Call ssd("mamba2_ssd", "h2 n70 d8 causal"),
      retention("retention", "h2 n70 d8 causal scale=1", {{"decay", "constant"}, {"gamma", "0.9"}});
  auto arrays = recurrent_arrays(ssd);
  fill(arrays.extras["dt"], 1);
  fill(arrays.extras["a"], std::log(0.9f));
  CHECK(relative_rms(ssd.run(arrays), doubles(retention.run(arrays))) < 1e-6);
}

TEST_CASE("mamba2_ssd's skip adds D_h x, where there is an x") {
  const char* problem = "h2 n40 d8 causal klen=30";
  Call with("mamba2_ssd", problem, {{"skip", "1"}}), without("mamba2_ssd", problem);
  auto arrays = recurrent_arrays(with);
  arrays.extras["skip"].data()[0] = 2;
  arrays.extras["skip"].data()[1] = -0.5f;
  const auto out = with.run(arrays), plain = without.run(arrays);
  for (std::int64_t h = 0; h < 2; ++h)
    for (std::int64_t i = 0; i < 40; ++i)
      for (std::int64_t c = 0; c < 8; ++c) {
        const float x = i < 30 ? arrays.v.view().row(0, h, i)[c] : 0.0f;
        CHECK(out.view().row(0, h, i)[c] == Approx(plain.view().row(0, h, i)[c] + (h ? -0.5f : 2.0f) * x).margin(2e-6));
      }
}

TEST_CASE("mamba2_ssd: a step size without end resets the state") {
  Call call("mamba2_ssd", "n30 d4 causal");
  auto arrays = recurrent_arrays(call);
  fill(arrays.extras["a"], kMinusInfinity);
  fill(arrays.extras["dt"], 1);
  CHECK(error_with(call, arrays) < kTolerance);  // each row sees its own key only
}

}  // namespace
}  // namespace attnbench::testing
