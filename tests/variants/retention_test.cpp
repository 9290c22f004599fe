// retention: its laws of decay, the closed forms, the quadratic form of the paper, and what rounding may not do over a long
// sequence.
#include "tests/variants/recurrence_support.h"

namespace attnbench::testing {
namespace {

// d 1, scale 1 and ones everywhere: row t is 1 + gamma + ... + gamma^t.
std::vector<float> sums_of_powers(const Settings& settings, const std::string& heads = "h1") {
  Call call("retention", heads + " n5 d1 causal scale=1", settings);
  auto arrays = recurrent_arrays(call);
  for (auto* x : {&arrays.q, &arrays.k, &arrays.v}) fill(*x, 1);
  const auto out = call.run(arrays);
  return {out.data(), out.data() + element_count(out.shape())};
}

// Row 1 of each head is 1 + gamma_h.
void check_gammas(const Settings& settings, const std::vector<double>& gammas) {
  const auto sums = sums_of_powers(settings, "h8");
  for (std::size_t h = 0; h < 8; ++h) CHECK(sums[h * 5 + 1] - 1 == Approx(gammas[h]).margin(1e-4));
}

TEST_CASE("retention sums fading keys: a geometric series") {
  const auto check = [](const std::vector<float>& sums, const std::vector<double>& expected) {
    for (std::size_t t = 0; t < 5; ++t) CHECK(sums[t] == Approx(expected[t]).epsilon(1e-6));
  };
  check(sums_of_powers({{"decay", "constant"}, {"gamma", "0.9"}}), {1, 1.9, 2.71, 3.439, 4.0951});
  check(sums_of_powers({}), {1, 1.96875, 2.907227, 3.816376, 4.697114});  // head 0: 1 - 2^-5
  check(sums_of_powers({{"decay", "constant"}, {"gamma", "1"}}), {1, 2, 3, 4, 5});
  check(sums_of_powers({{"decay", "constant"}, {"gamma", "0"}}), {1, 1, 1, 1, 1});
}

TEST_CASE("retention: the decays of eight heads, by each law") {
  check_gammas({},
               {1 - 1 / 32., 1 - 1 / 64., 1 - 1 / 128., 1 - 1 / 256., 1 - 1 / 512., 1 - 1 / 1024., 1 - 1 / 2048., 1 - 1 / 4096.});
  check_gammas({{"decay", "lightning"}}, {.606531, .778801, .882497, .939413, .969233, .984496, .992218, .996101});
  check_gammas({{"decay", "fla"}}, {1, .3679, .1353, .0498, .0183, .0067, .0025, .0009});
  check_gammas({{"decay", "fla"}, {"depth", "1"}}, {1, 1, 1, 1, 1, 1, 1, 1});
}

TEST_CASE("retention's reference is the quadratic form") {
  Call call("retention", "n60 d7 causal", {{"decay", "constant"}, {"gamma", "0.8"}});
  const auto arrays = recurrent_arrays(call);
  ExactRows rows{60, 7, doubles(arrays.q), doubles(arrays.k), std::vector<double>(60 * 7, 0.8), doubles(arrays.v)};
  for (double& q : rows.q) q /= std::sqrt(7.0);
  CHECK(relative_rms(call.reference(arrays.inputs(call.problem)), quadratic_form(rows)) < 1e-14);
}

TEST_CASE("retention is right whatever the shape, the alignment and the number of threads") {
  check_recurrence("retention");
  check_recurrence("retention", {{"decay", "fla"}});
  check_unseen("retention");
}

TEST_CASE("retention: where keys have ended the state stays as it is") {
  Call call("retention", "n8 d4 causal klen=5");
  auto arrays = recurrent_arrays(call);
  for (std::int64_t i = 5; i < 8; ++i) std::copy_n(arrays.q.view().row(0, 0, 4), 4, arrays.q.view().row(0, 0, i));
  const auto out = call.run(arrays);
  for (std::int64_t i = 5; i < 8; ++i)
    for (std::int64_t c = 0; c < 4; ++c) CHECK(out.view().row(0, 0, i)[c] == Approx(out.view().row(0, 0, 4)[c]).epsilon(1e-6));
}

// One rounding of gamma^4 per group of positions, always to the same side, would take this to 1e-5 and more.
TEST_CASE("retention's decay does not drift over a long sequence") {
  for (const char* gamma : {"0.9990001", "0.9999"}) {
    Call call("retention", "n8192 d2 causal", {{"decay", "constant"}, {"gamma", gamma}});
    CAPTURE(gamma);
    CHECK(error_with(call, recurrent_arrays(call)) < 1e-6);
  }
}

TEST_CASE("retention counts one write and one read of the state per position") {
  const auto cost = [](const char* text) {
    return find_variant("retention")->cost(parse_problem(text), Params(find_variant("retention")->params));
  };
  CHECK(cost("h4:2 n10 d8:5 causal").multiply_adds == (2 + 4) * 10 * 8 * 5);
  CHECK(cost("n20:30 d8 causal-top-left").multiply_adds == 40 * 64);
  CHECK(cost("n30:20 d8 causal-bottom-right").multiply_adds == 40 * 64);
}

}  // namespace
}  // namespace attnbench::testing
