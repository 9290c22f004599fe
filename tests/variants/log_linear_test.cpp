// log_linear: which key is at which level, its chunks carried like binary digits, and simple decay where all levels weigh 1.
#include "tests/variants/recurrence_support.h"

namespace attnbench::testing {
namespace {

TEST_CASE("log_linear: row 11 sees its keys at levels 4 4 4 4 4 4 4 4 2 2 1 0") {
  Call call("log_linear", "n16 d16 causal");
  auto arrays = recurrent_arrays(call);
  fill(arrays.q, 1);
  fill(arrays.k, 0.25f);  // scores of 1 under the scale 1 / 4
  fill(arrays.v, 0);
  fill(arrays.extras["log_decay"], 0);
  for (std::int64_t t = 0; t < 16; ++t) {
    arrays.v.view().row(0, 0, t)[t] = 1;
    for (std::int64_t l = 0; l < 5; ++l) arrays.extras["level_scale"].view().row(0, 0, t)[l] = static_cast<float>(l);
  }
  const auto weights = call.run(arrays);
  const float levels[16] = {4, 4, 4, 4, 4, 4, 4, 4, 2, 2, 1, 0};
  for (int j = 0; j < 16; ++j) CHECK(weights.view().row(0, 0, 11)[j] == Approx(levels[j]).margin(1e-6));
}

TEST_CASE("log_linear is right whatever the shape, the alignment and the number of threads") {
  check_recurrence("log_linear");
  check_unseen("log_linear", {}, "level_scale");
}

TEST_CASE("log_linear carries its chunks as binary digits") {
  for (const char* problem :
       {"n63 d8 causal", "n64 d8 causal", "n65 d8 causal", "n128 d8 causal", "n129 d8 causal", "n450 d8:5 causal",
        "h4:2 n1100 d8 causal", "n5:700 d8 causal-bottom-right", "b2 n300 d8 causal klen=130,256"}) {
    Call call("log_linear", problem);
    CAPTURE(problem);
    CHECK(error_with(call, recurrent_arrays(call)) < kTolerance);
  }
}

TEST_CASE("log_linear with levels that all weigh 1 is simple decay, also with gates of 0 and of a full reset") {
  Call levels("log_linear", "h2 n300 d8 causal"), gla("gla", "h2 n300 d8 causal");
  auto arrays = recurrent_arrays(levels), others = recurrent_arrays(gla);
  mix_log_decays(arrays.extras["log_decay"]);
  fill(arrays.extras["level_scale"], 1);
  for (std::int64_t t = 0; t < element_count(others.extras["log_decay"].shape()); ++t)
    others.extras["log_decay"].data()[t] = arrays.extras["log_decay"].data()[t / 8];
  CHECK(relative_rms(levels.run(arrays), doubles(gla.run(others))) < kTolerance);
}

// The number of levels is 1 + ceil(log2 n); rounding down is a public mistake and would leave the last one without a scale.
TEST_CASE("log_linear asks for 1 + ceil(log2 n) levels") {
  const auto levels = [](const char* text) {
    const auto& variant = *find_variant("log_linear");
    return extras_of(variant, parse_problem(text), Params(variant.params))[1].shape[3];
  };
  CHECK(levels("n1 d4 causal") == 1);
  CHECK(levels("n2 d4 causal") == 2);
  CHECK(levels("n3 d4 causal") == 3);
  CHECK(levels("n16 d4 causal") == 5);
  CHECK(levels("n17 d4 causal") == 6);
  CHECK(levels("n1:17 d4 causal-bottom-right") == 6);
}

}  // namespace
}  // namespace attnbench::testing
