// taylor: the polynomial by its values, its distance to softmax, its features' number, exactness around panels.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

// One channel of scale 1: the weight of key k for query 1 is 1 + k + k^2 / 2 = .5, 1, 2.5, 5, 13 for k = -1, 0, 1, 2, 4, which is
// 1.3591, 1, .9197, .6767, .2381 of e^k.
TEST_CASE("taylor: golden values of the polynomial") {
  const float keys[] = {-1, 0, 1, 2, 4};
  const double weights[] = {0.5, 1, 2.5, 5, 13}, of_exp[] = {1.3591, 1, .9197, .6767, .2381};
  Call call("taylor", "n1:5 d1:5 scale=1");
  auto a = random_arrays(call.problem);
  a.q.data()[0] = 1;
  std::copy_n(keys, 5, a.k.data());
  for (std::int64_t t = 0; t < 25; ++t) a.v.data()[t] = t % 6 == 0 ? 1.0f : 0.0f;
  const auto out = call.run(a);
  for (std::int64_t j = 0; j < 5; ++j) {
    CHECK(out.data()[j] == Approx(weights[j] / 22));
    CHECK(weights[j] / std::exp(keys[j]) == Approx(of_exp[j]).epsilon(1e-4));
  }
}

TEST_CASE("taylor comes as near softmax as scores are small") {
  const auto distance = [](float variance) {
    Call call("taylor", "n1024 d64");
    auto a = random_arrays(call.problem);
    for (auto* x : {&a.q, &a.k})
      for (std::int64_t t = 0; t < element_count(x->shape()); ++t) x->data()[t] *= std::sqrt(variance);
    const auto inputs = a.inputs(call.problem);
    return relative_rms(call.run(inputs), Call("naive", "n1024 d64").reference(inputs));
  };
  CHECK(distance(0.25f) == Approx(0.010).epsilon(0.15));  // figures of an independent float64 computation
  CHECK(distance(1) == Approx(0.387).epsilon(0.1));
}

TEST_CASE("taylor counts 45, 153, 561 and 2145 features, and refuses more than 96 channels") {
  const auto& variant = *find_variant("taylor");
  for (const auto& [d, m] : {std::pair{8, 45}, {16, 153}, {32, 561}, {64, 2145}}) {
    const auto p = parse_problem("n10 d" + std::to_string(d) + ":4");
    CHECK(variant.cost(p, Params()).multiply_adds == 10 * m * 4 + 10 * m * 5);
  }
  CHECK(unsupported_reasons(variant, parse_problem("n4 d96"), Params()).empty());
  CHECK(unsupported_reasons(variant, parse_problem("n4 d97:4"), Params()).size() == 1);
}

TEST_CASE("taylor is right around panels, alignments and segments, at any scale") {
  for (const char* text :
       {"n1 d1", "h4:2 n63 d8:5", "n65:129 d16", "n30:20 d33", "n130:40 d8 causal-bottom-right", "n20 d3 scale=-2",
        "n130:40 d8 causal-top-left", "b2 n40:130 d8 causal-bottom-right klen=130,7", "h2 n300 d16 causal"})
    for (const int threads : {1, 5}) {
      CAPTURE(text, threads);
      CHECK(error_of(Call("taylor", text, {}, threads)) < kTolerance);
    }
}

TEST_CASE("taylor: changing the future leaves the past as it was, by a bit") {
  Call call("taylor", "n70 d16 causal");
  auto a = random_arrays(call.problem);
  const auto clean = call.run(a);
  for (auto* x : {&a.k, &a.v}) std::fill_n(x->view().row(0, 0, 50), 20 * 16, 100.0f);
  CHECK(std::memcmp(clean.data(), call.run(a).data(), 50 * 16 * sizeof(float)) == 0);
}

}  // namespace
}  // namespace attnbench::testing
