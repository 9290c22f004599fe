// additive: the scoring layer, its parameters, and what is never stored.
#include "tests/catch.h"
#include "tests/variants/call.h"
#include "variants/kernels/random_weights.h"

namespace attnbench::testing {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

TEST_CASE("additive scores with w_v . tanh(W_q q + W_k k), each weight in its place") {
  Call call("additive", "n1:2 d3:1", {{"d_a", "5"}});  // prepared with seed 7
  const auto a = random_arrays(call.problem);
  const auto w_q = kernels::random_weights(15, 3, 7, 0), w_k = kernels::random_weights(15, 3, 7, 1);
  const auto w_v = kernels::random_weights(5, 5, 7, 2);
  double score[2] = {};
  for (std::size_t j = 0; j < 2; ++j)
    for (std::size_t u = 0; u < 5; ++u) {
      double unit = 0;
      for (std::size_t c = 0; c < 3; ++c) unit += w_q[u * 3 + c] * a.q.data()[c] + w_k[u * 3 + c] * a.k.data()[j * 3 + c];
      score[j] += w_v[u] * std::tanh(unit);
    }
  const double weight = 1 / (1 + std::exp(score[1] - score[0]));
  CHECK(call.run(a).data()[0] == Approx(weight * a.v.data()[0] + (1 - weight) * a.v.data()[1]).margin(1e-6));
}

TEST_CASE("additive is right for scoring layers narrower and wider than the heads") {
  for (const char* d_a : {"1", "7", "64", "130"})
    for (const char* text :
         {"h2 n97 d33", "h4:2 n50:70 d16:9 causal-bottom-right", "b2 n130 d8 klen=77,0 mask=additive", "n90 d8 window=9:4"}) {
      INFO(text << ", d_a " << d_a);
      CHECK(error_of(Call("additive", text, {{"d_a", d_a}})) < kTolerance);
    }
}

TEST_CASE("additive with identity weights is right where tanh saturates") {
  Call call("additive", "n60 d8", {{"weights", "identity"}});
  auto a = random_arrays(call.problem);
  for (std::int64_t i = 0; i < 60 * 8; ++i) a.k.data()[i] *= 1000;
  const auto inputs = a.inputs(call.problem);
  CHECK(relative_rms(call.run(inputs), call.reference(inputs)) < kTolerance);
}

TEST_CASE("additive refuses identity weights of another width, and problems with a scale or softcap") {
  const auto& variant = *find_variant("additive");
  const auto count = [&](const char* text, const Settings& settings) {
    Params params(variant.params);
    for (const auto& [key, value] : settings) params.set(key, value);
    return unsupported_reasons(variant, parse_problem(text), params).size();
  };
  CHECK(count("n4 d8", {{"weights", "identity"}}) == 0);
  CHECK(count("n4 d8", {{"weights", "identity"}, {"d_a", "8"}}) == 0);
  CHECK(count("n4 d8", {{"weights", "identity"}, {"d_a", "9"}}) == 1);
  CHECK(count("n4 d8 scale=1", {}) == 1);
  CHECK(count("n4 d8 softcap=1", {}) == 1);
}

TEST_CASE("additive: masked keys may hold NaN in keys and values") {
  Call call("additive", "b2 n80 d8 causal klen=60,80");
  auto a = random_arrays(call.problem);
  const auto clean = call.run(a);
  for (auto* tensor : {&a.k, &a.v}) {
    std::fill_n(tensor->view().row(0, 0, 60), 8, std::numeric_limits<float>::quiet_NaN());
    std::fill_n(tensor->view().row(1, 0, 79), 8, std::numeric_limits<float>::infinity());
  }
  const auto out = call.run(a);
  CHECK(std::memcmp(out.data(), clean.data(), (80 + 79) * 8 * sizeof(float)) == 0);
  CHECK(std::isnan(out.view().row(1, 0, 79)[0]));
}

TEST_CASE("additive: a key masked by a dense mask may hold NaN") {
  Call call("additive", "n30 d8 mask=bool");
  auto a = random_arrays(call.problem);
  for (std::int64_t i = 0; i < 30; ++i) a.mask.view<std::uint8_t>().row(0, 0, i)[11] = 0;
  const auto clean = call.run(a);
  for (auto* tensor : {&a.k, &a.v}) std::fill_n(tensor->view().row(0, 0, 11), 8, std::numeric_limits<float>::quiet_NaN());
  CHECK(same_bits(call.run(a), clean));
}

TEST_CASE("additive needs memory for the two projections and a row per thread, nothing quadratic") {
  const auto& variant = *find_variant("additive");
  Params params(variant.params);
  params.set("d_a", "32");
  const auto bytes = [&](const char* text, int threads) {
    return declared_workspace(variant, parse_problem(text), params, threads);
  };
  CHECK(bytes("h4:2 n1024 d64", 2) == ((4 + 2) * 1024 * 32 + 2 * 1024) * sizeof(float));
  CHECK(bytes("n4096 d64", 1) == 2 * bytes("n2048 d64", 1));
}

TEST_CASE("additive counts a tanh per pair and unit") {
  const auto& variant = *find_variant("additive");
  Params params(variant.params);
  params.set("d_a", "3");
  const auto cost = variant.cost(parse_problem("n10 d4:6 causal"), params);
  CHECK(cost.pairs == 55);
  CHECK(cost.exps == 55 * (3 + 1));
  CHECK(cost.multiply_adds == 2 * 10 * 4 * 3 + 55 * (3 + 6));
}

}  // namespace
}  // namespace attnbench::testing
