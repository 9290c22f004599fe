// cosformer: published sums, rows without weights, positions of cached keys, and the period.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

// q = k = 1, M = 6: w_ij = cos(pi/12 (i - j)). Row sums and the last row's weights of an independent computation.
TEST_CASE("cosformer: golden numbers of six equal positions") {
  const double sums[] = {1, 1.965926, 2.831951, 3.539058, 4.039058, 4.297877};
  const double last[] = {.06022, .116337, .164525, .201501, .224745, .232673};
  Call call("cosformer", "n6 d1:6 causal");
  auto a = random_arrays(call.problem);
  std::fill_n(a.q.data(), 6, 1.0f);
  std::fill_n(a.k.data(), 6, 1.0f);
  for (std::int64_t t = 0; t < 36; ++t) a.v.data()[t] = t % 7 == 0 ? 1.0f : 0.0f;
  const auto out = call.run(a);
  for (std::int64_t i = 0; i < 6; ++i) {
    CHECK(out.view().row(0, 0, i)[i] == Approx(1 / sums[i]).epsilon(1e-5));  // a row's own key weighs 1
    CHECK(out.view().row(0, 0, 5)[i] == Approx(last[i]).epsilon(1e-4));
  }
}

TEST_CASE("cosformer: a row of nothing but negative channels has no weights and is 0") {
  for (const char* text : {"n20 d4", "n20 d4 causal"}) {
    Call call("cosformer", text);
    auto a = random_arrays(call.problem);
    for (std::int64_t c = 0; c < 4; ++c) a.q.view().row(0, 0, 7)[c] = -1 - static_cast<float>(c);
    const auto out = call.run(a);
    for (std::int64_t c = 0; c < 4; ++c) CHECK(out.view().row(0, 0, 7)[c] == 0);
    CHECK(out.view().row(0, 0, 19)[0] != 0);
  }
}

TEST_CASE("cosformer's rows with weights sum to 1") {
  Call call("cosformer", "h2 n90 d32 causal");
  auto a = random_arrays(call.problem);
  std::fill_n(a.v.data(), element_count(a.v.shape()), 1.0f);
  const auto out = call.run(a);
  for (std::int64_t t = 0; t < element_count(out.shape()); ++t) CHECK(out.data()[t] == Approx(1).epsilon(2e-6));
}

// The released code takes a query's index for its position; with cached keys that is another function.
TEST_CASE("cosformer: the last rows over cached keys are those of the whole sequence") {
  Call whole("cosformer", "n50 d16 causal"), rest("cosformer", "n7:50 d16 causal-bottom-right");
  const auto a = random_arrays(whole.problem);
  auto b = random_arrays(rest.problem);
  std::copy_n(a.q.view().row(0, 0, 43), 7 * 16, b.q.data());
  std::copy_n(a.k.data(), 50 * 16, b.k.data());
  std::copy_n(a.v.data(), 50 * 16, b.v.data());
  const auto all = whole.run(a), last = rest.run(b);
  for (std::int64_t t = 0; t < 7 * 16; ++t) CHECK(last.data()[t] == Approx(all.view().row(0, 0, 43)[t]).margin(1e-5));
}

TEST_CASE("cosformer: a fixed period keeps earlier rows when the sequence grows; the default does not") {
  const auto first_rows = [](const char* text, const char* period) {
    Call call("cosformer", text, {{"period", period}});
    const auto longest = random_arrays(parse_problem("n60 d16 causal"));
    auto a = random_arrays(call.problem);
    for (auto [to, from] : {std::pair{&a.q, &longest.q}, {&a.k, &longest.k}, {&a.v, &longest.v}})
      std::copy_n(from->data(), element_count(to->shape()), to->data());
    const auto out = call.run(a);
    return std::vector<float>(out.data(), out.data() + 30 * 16);
  };
  CHECK(first_rows("n30 d16 causal", "100") == first_rows("n60 d16 causal", "100"));
  CHECK(first_rows("n30 d16 causal", "0") != first_rows("n60 d16 causal", "0"));
}

TEST_CASE("cosformer is right around panels, alignments and segments, also with more rows than keys") {
  for (const char* text : {"n1 d1", "h4:2 n63 d8:5", "n65:129 d16", "n130:40 d33", "n130:40 d8 causal-bottom-right",
                           "n130:40 d8 causal-top-left", "b2 n40:130 d8 causal-bottom-right klen=130,7", "h2 n300 d16 causal"})
    for (const int threads : {1, 5}) {
      CAPTURE(text, threads);
      CHECK(error_of(Call("cosformer", text, {}, threads)) < kTolerance);
    }
}

TEST_CASE("cosformer refuses periods that make weights negative") {
  const auto& variant = *find_variant("cosformer");
  Params params(variant.params);
  params.set("period", "9");
  CHECK(unsupported_reasons(variant, parse_problem("n9:4 d4"), params).empty());
  CHECK(unsupported_reasons(variant, parse_problem("n10:4 d4"), params).size() == 1);
  CHECK(unsupported_reasons(variant, parse_problem("n4 d4 scale=1"), Params(variant.params)).size() == 1);
}

}  // namespace
}  // namespace attnbench::testing
