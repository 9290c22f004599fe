// dot_product: a scale of 1, nothing else, and the whole matrix stored.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

TEST_CASE("dot_product refuses a problem that sets a scale, because its own is 1 by definition") {
  const auto reasons = unsupported_reasons(*find_variant("dot_product"), parse_problem("n4 d4 scale=0.5"), Params());
  REQUIRE(reasons.size() == 1);
  CHECK(reasons[0] == "dot_product does not support an explicit scale");
}

TEST_CASE("dot_product is naive attention with scale 1, masks and softcap included") {
  for (const char* text : {"h2 n70 d5", "h4:2 n130:140 d16:9 causal-bottom-right", "b2 n65 d8 softcap=2 klen=30,0",
                           "h2 n129 d8 mask=bool:h", "n129 d8 window=10:2 mask=additive"}) {
    INFO(text);
    Call call("dot_product", text), naive("naive", std::string(text) + " scale=1");
    const auto a = random_arrays(call.problem);
    const auto out = call.run(a), expected = naive.run(a);
    for (std::int64_t i = 0; i < element_count(out.shape()); ++i) CHECK(out.data()[i] == Approx(expected.data()[i]).margin(1e-5));
  }
}

TEST_CASE("dot_product's oracle leaves the scale out although the problem's default is 1 / sqrt d") {
  Call call("dot_product", "n3 d4");
  Call scaled("naive", "n3 d4");
  const auto a = random_arrays(call.problem);
  const auto inputs = a.inputs(call.problem);
  CHECK(relative_rms(call.run(inputs), call.reference(inputs)) < kTolerance);
  CHECK(relative_rms(call.run(inputs), scaled.reference(inputs)) > 1e-2);
}

TEST_CASE("dot_product keeps NaN in future keys from the past") {
  Call call("dot_product", "n200 d8 causal");
  auto a = random_arrays(call.problem);
  const auto clean = call.run(a);
  std::fill_n(a.v.view().row(0, 0, 190), 8, std::numeric_limits<float>::quiet_NaN());
  std::fill_n(a.k.view().row(0, 0, 190), 8, std::numeric_limits<float>::quiet_NaN());
  const auto out = call.run(a);
  CHECK(std::memcmp(out.data(), clean.data(), 190 * 8 * sizeof(float)) == 0);
  CHECK(std::isnan(out.view().row(0, 0, 190)[0]));
}

TEST_CASE("dot_product stores the n x n matrix of every head") {
  const auto bytes = declared_workspace(*find_variant("dot_product"), parse_problem("b2 h3 n1024 d64"), Params(), 1);
  CHECK(bytes == (2 * 3 * 1024 * 1024 + 512 * 64) * sizeof(float));
}

}  // namespace
}  // namespace attnbench::testing
