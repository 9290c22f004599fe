// delta_net: retrieval, overwriting, its closed forms and the quadratic form with its triangular system.
#include "tests/variants/recurrence_support.h"

namespace attnbench::testing {
namespace {

TEST_CASE("delta_net's reference is the quadratic form, also with betas of 0, 1 and 2") {
  for (const char* span : {"1", "2"}) {
    Call call("delta_net", "n60 d7 causal", {{"span", span}});
    const auto arrays = recurrent_arrays(call);
    for (int t = 0; t < 60; t += 3) arrays.extras["beta"].data()[t] = static_cast<float>(t % 9 / 3);
    ExactRows rows{60,
                   7,
                   unit_rows(doubles(arrays.q), 7, 1 / std::sqrt(7.0)),
                   unit_rows(doubles(arrays.k), 7, 1),
                   std::vector<double>(60 * 7, 1.0),
                   doubles(arrays.v),
                   doubles(arrays.extras["beta"])};
    if (*span == '2') {
      for (int t = 0; t < 60; t += 3) arrays.extras["beta"].data()[t] /= 2;
      for (int t = 0; t < 60; ++t)
        if (t % 3 != 0) rows.beta[static_cast<std::size_t>(t)] *= 2;
    }
    const auto inputs = arrays.inputs(call.problem);
    CHECK(relative_rms(call.reference(inputs), quadratic_form(rows)) < 1e-13);
    CHECK(relative_rms(call.run(inputs), quadratic_form(rows)) < kTolerance);
  }
}

TEST_CASE("delta_net is right whatever the shape, the alignment and the number of threads") {
  check_recurrence("delta_net");
  check_recurrence("delta_net", {{"span", "2"}});
  check_unseen("delta_net");
}

TEST_CASE("delta_net of ones at d 1 is a moving average") {
  Call call("delta_net", "n4 d1 causal scale=1");
  auto arrays = recurrent_arrays(call);
  for (auto* x : {&arrays.q, &arrays.k, &arrays.v}) fill(*x, 1);
  fill(arrays.extras["beta"], 0.25f);
  const auto out = call.run(arrays);
  const double expected[] = {.25, .4375, .578125, .68359375};
  for (int t = 0; t < 4; ++t) CHECK(out.data()[t] == Approx(expected[t]).epsilon(3e-6));  // |1|^2 + 1e-6 in the norms
}

// 30 unit vectors e_c as keys, each value looked up later by its key.
TEST_CASE("delta_net with beta 1 gives back the value last bound to a key") {
  Call call("delta_net", "n24 d8 causal scale=1");
  auto arrays = recurrent_arrays(call);
  for (auto* x : {&arrays.q, &arrays.k}) fill(*x, 0);
  for (std::int64_t t = 0; t < 24; ++t) {
    arrays.k.view().row(0, 0, t)[t % 8] = 1;
    arrays.q.view().row(0, 0, t)[(t + 3) % 8] = 1;
  }
  fill(arrays.extras["beta"], 1);
  const auto out = call.run(arrays);
  for (std::int64_t t = 0; t < 24; ++t) {
    const auto bound = (t + 3) % 8 <= t % 8 ? t / 8 * 8 + (t + 3) % 8 : t / 8 * 8 + (t + 3) % 8 - 8;  // the last such key
    for (std::int64_t c = 0; c < 8; ++c)
      CHECK(out.view().row(0, 0, t)[c] == Approx(bound < 0 ? 0.0f : arrays.v.view().row(0, 0, bound)[c]).margin(5e-6));
  }
}

TEST_CASE("delta_net with beta 0 writes nothing, and nothing is exactly 0") {
  Call call("delta_net", "h4:2 n40 d8 causal");
  auto arrays = recurrent_arrays(call);
  fill(arrays.extras["beta"], 0);
  const auto out = call.run(arrays);
  CHECK(std::count(out.data(), out.data() + element_count(out.shape()), 0.0f) == element_count(out.shape()));
}

// Raw N(0, 1) keys at d 64 overflow within 100 positions; these are a thousand times as long.
TEST_CASE("delta_net does not see how long keys and queries are") {
  Call call("delta_net", "n300 d64 causal");
  auto arrays = recurrent_arrays(call);
  const auto before = call.run(arrays);
  for (auto* x : {&arrays.q, &arrays.k})
    for (std::int64_t t = 0; t < element_count(x->shape()); ++t) x->data()[t] *= 1000;
  CHECK(relative_rms(call.run(arrays), doubles(before)) < 1e-5);
}

TEST_CASE("delta_net stays exact over a long sequence, also where betas reach 2") {
  for (const char* span : {"1", "2"}) {
    Call call("delta_net", "n4096 d64 causal", {{"span", span}});
    CHECK(error_with(call, recurrent_arrays(call)) < 1e-6);
  }
}

TEST_CASE("delta_net counts what a key finds, what it writes and what a query reads") {
  const auto& variant = *find_variant("delta_net");
  CHECK(variant.cost(parse_problem("h4:2 n10 d8:5 causal"), Params(variant.params)).multiply_adds == (2 * 2 + 4) * 10 * 8 * 5);
}

}  // namespace
}  // namespace attnbench::testing
