// If these fail, a variant runs a problem it does not know, or a selection goes by the wrong name.
#include "variants/api/variant.h"

#include <array>
#include <bit>

#include "tests/catch.h"
#include "variants/api/names.h"

using namespace attnbench;

namespace {

constexpr std::array kSpecs{integer_param("window", 128, 0, 4096, "neighbours")};

Variant example() {
  Variant v{};
  v.name = "example";
  v.supports = kCausal | kGqa;
  v.params = kSpecs;
  return v;
}

}  // namespace

TEST_CASE("each feature of a problem is seen on its own") {
  CHECK(features_of(parse_problem("b3 h4 n9 d8")) == 0);
  CHECK(features_of(parse_problem("h4:2 n9")) == kGqa);
  CHECK(features_of(parse_problem("n9:10")) == kCross);
  CHECK(features_of(parse_problem("n9 d4:5")) == kUnequalDims);
  CHECK(features_of(parse_problem("n9 causal")) == kCausal);
  CHECK(features_of(parse_problem("n9 window=1:1")) == kWindow);
  CHECK(features_of(parse_problem("n9 klen=9")) == kKeyLengths);
  CHECK(features_of(parse_problem("n9 mask=bool")) == kBooleanMask);
  CHECK(features_of(parse_problem("n9 mask=additive")) == kAdditiveMask);
  CHECK(features_of(parse_problem("n9 scale=1")) == kScale);
  CHECK(features_of(parse_problem("n9 softcap=1")) == kSoftcap);
  CHECK(features_of(parse_problem("n9 f32")) == 0);
  CHECK(features_of(parse_problem("n9 bf16")) == kBf16);
  CHECK(features_of(parse_problem("n9 f16")) == kF16);
  CHECK(features_of(parse_problem("n9 f64")) == kF64);
  CHECK(features_of(parse_problem("h4:2 n9:10 d4:5 causal-top-left window=1:1 klen=9 mask=bool scale=1 softcap=1")) ==
        (kEverything & ~kAdditiveMask));
}

TEST_CASE("every missing feature is a reason of its own, and the variant adds further ones") {
  auto v = example();
  const Params params(v.params);
  CHECK(unsupported_reasons(v, parse_problem("h4:2 n9 causal"), params).empty());
  const auto reasons = unsupported_reasons(v, parse_problem("h4:2 n9 causal softcap=2 klen=3"), params);
  REQUIRE(reasons.size() == 2);
  CHECK(reasons[0] == "example does not support key lengths");
  CHECK(reasons[1] == "example does not support softcap");
  v.unsupported = [](const Problem& p, const Params&, Reasons& list) {
    if (p.d_qk % 2) list.push_back("odd d");
  };
  CHECK(unsupported_reasons(v, parse_problem("n9 d3"), params) == Reasons{"odd d"});
  CHECK(unsupported_reasons(v, parse_problem("n9 d3 softcap=2"), params).size() == 2);
  CHECK(unsupported_reasons(v, parse_problem("n9 d4"), params).empty());
}

TEST_CASE("every feature and every law has a name") {
  CHECK(names_of(kFeatureNames, kAllFeatures).size() == static_cast<std::size_t>(std::popcount(kAllFeatures)));
  CHECK(names_of(kFeatureNames, kCausal | kGqa) == std::vector<std::string>{"gqa", "causal"});
  CHECK(names_of(kLawNames, kSoftmaxLaws).size() == static_cast<std::size_t>(std::popcount(kSoftmaxLaws)));
  CHECK(names_of(kLawNames, 0).empty());
}

TEST_CASE("labels show what differs from the defaults") {
  const auto v = example();
  Params params(v.params);
  CHECK(label(v, params) == "example");
  params.set("window", "7");
  CHECK(label(v, params) == "example(window=7)");
}

TEST_CASE("optional functions have neutral defaults") {
  auto v = example();
  const Params params(v.params);
  const auto problem = parse_problem("n9 d4");
  CHECK(declared_workspace(v, problem, params, 2) == 0);
  CHECK(prepare(v, problem, params, 1, 2).state == nullptr);
  v.workspace = [](const Problem& p, const Params&, int threads) { return static_cast<std::size_t>(p.n_q * threads); };
  v.prepare = [](const PrepareTask& task) { return Prepared::of(task.seed + static_cast<std::uint64_t>(task.threads), 8); };
  CHECK(declared_workspace(v, problem, params, 2) == 18);
  const auto prepared = prepare(v, problem, params, 40, 2);
  CHECK(prepared.as<std::uint64_t>() == 42);
  CHECK(prepared.bytes == 8);
}
