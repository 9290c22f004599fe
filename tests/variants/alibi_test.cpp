// alibi: slopes for any number of heads, distances under any alignment.
#include "tests/variants/exact_test_support.h"

namespace attnbench::testing {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

// Slopes read off the weights of equal scores: from one key to the next they grow by e^m.
std::vector<double> slopes(int heads, int heads_kv = 0, const Settings& settings = {}) {
  Call call("alibi", "h" + std::to_string(heads) + ":" + std::to_string(heads_kv ? heads_kv : heads) + " n3 d4:3 causal", settings);
  auto a = zero_queries(call.problem);
  const auto w = weights_of(call, a);
  std::vector<double> found;
  for (int h = 0; h < heads; ++h) found.push_back(std::log(double{w.view().row(0, h, 2)[2]} / double{w.view().row(0, h, 2)[1]}));
  return found;
}

void check_slopes(const std::vector<double>& got, const std::vector<double>& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t h = 0; h < want.size(); ++h) CHECK(got[h] == Approx(want[h]).margin(1e-6));
}

TEST_CASE("alibi: slopes of a power of two heads") {
  check_slopes(slopes(1), {1 / 256.0});
  check_slopes(slopes(2), {1 / 16.0, 1 / 256.0});
  check_slopes(slopes(4), {0.25, 0.0625, 1 / 64.0, 1 / 256.0});
  check_slopes(slopes(8), {0.5, 0.25, 0.125, 0.0625, 1 / 32.0, 1 / 64.0, 1 / 128.0, 1 / 256.0});
  CHECK(slopes(16)[0] == Approx(0.70710678));
  CHECK(slopes(16)[15] == Approx(1 / 256.0).margin(1e-6));
}

// Taking 2^(-8 (h + 1) / 12) for all twelve is the mistake that stayed in a public library for two years.
TEST_CASE("alibi: twelve heads take the eight slopes and every other one of sixteen") {
  const auto found = slopes(12);
  check_slopes(
      found, {0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625, 0.70710678, 0.35355339, 0.17677670, 0.08838835});
  CHECK(std::abs(found[0] - std::exp2(-8 / 12.0)) > 0.1);
}

TEST_CASE("alibi: slopes count query heads, whatever they share") {
  check_slopes(slopes(12, 3), slopes(12));
  check_slopes(slopes(8, 1), slopes(8));
}

TEST_CASE("alibi: max_bias scales the exponents") { check_slopes(slopes(4, 4, {{"max_bias", "4"}}), {0.5, 0.25, 0.125, 0.0625}); }

// The first of eight heads has the slope 1/2.
TEST_CASE("alibi: equal scores give a geometric row, causal and not") {
  for (const char* n : {"n5", "n40"}) {  // decoding, tiles
    CAPTURE(n);
    const std::string shape = std::string("h8 ") + n + (n[1] == '5' ? " d4:5" : " d4:40");
    Call causal("alibi", shape + " causal"), both("alibi", shape);
    auto a = zero_queries(causal.problem);
    check_row(weights_of(causal, a).view().row(0, 0, 4), {0.058012, 0.095646, 0.157694, 0.259993, 0.428656});
    if (n[1] == '5') check_row(weights_of(both, a).view().row(0, 0, 2), {0.124755, 0.205686, 0.339119, 0.205686, 0.124755});
    const double r = std::exp(-0.5);
    const auto i = causal.problem.n_q - 1;
    const auto w = weights_of(causal, a);
    for (std::int64_t j = 0; j <= i; ++j)
      CHECK(double{w.view().row(0, 0, i)[j]} ==
            Approx((1 - r) * std::pow(r, static_cast<double>(i - j)) / (1 - std::pow(r, static_cast<double>(i + 1)))).margin(1e-6));
  }
}

// A bias of m j without the row's own position is the same for causal rows and another function without the mask.
TEST_CASE("alibi is the relative form: causal rows agree with a bias by column, others do not") {
  for (const bool causal : {true, false}) {
    const std::string shape = causal ? "n60 d8 causal" : "n60 d8";
    Call call("alibi", shape, {{"max_bias", "4"}}), column("blockwise", shape + " mask=additive");
    auto a = random_arrays(column.problem);
    for (std::int64_t t = 0; t < 3600; ++t) a.mask.data()[t] = 0.0625f * static_cast<float>(t % 60);
    const double apart = distance(call.run(random_arrays(call.problem)), column.run(a));
    if (causal) CHECK(apart < kTolerance);
    else CHECK(apart > 0.1);
  }
}

TEST_CASE("alibi measures distance from the row's position, bottom-right and top-left") {
  for (const char* text :
       {"h12:3 n40:130 d8 causal-bottom-right", "h3 n130:40 d8 causal-bottom-right", "h3 n130:40 d8 causal-top-left",
        "h3 n40:130 d8 causal-top-left", "h3 n40:130 d8", "h6:1 n1:3000 d16 causal-bottom-right", "h2 n2:9000 d8",
        "h2 n40:5000 d8 softcap=2", "b2 h3 n90 d8 klen=80,3 window=20:9", "h100:2 n20:30 d8 mask=additive scale=-1"}) {
    CAPTURE(text);
    CHECK(error_of(Call("alibi", text)) < kTolerance);
  }
}

TEST_CASE("alibi stays exact where the farthest keys are 16000 away") {
  Call call("alibi", "h2 n70:16000 d8:4 causal-bottom-right");
  const auto a = random_arrays(call.problem);
  const auto inputs = a.inputs(call.problem);
  CHECK(relative_rms(call.run(inputs), call.reference(inputs)) < kTolerance);
}

}  // namespace
}  // namespace attnbench::testing
