// If these fail, a descriptor is incomplete or contradicts itself, or a variant lets through a problem it does not support.
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>

#include "tests/catch.h"
#include "tests/variants/contract_test_support.h"

using namespace attnbench;
using namespace attnbench::test;

namespace {

bool has_text(const char* text) { return text != nullptr && *text != '\0'; }

struct FeatureExample {
  Feature feature;
  const char* problem;  // needs this feature and no other
};

constexpr FeatureExample kExamples[] = {
    {kGqa, "b1 h4:2 n9 d8"},
    {kCross, "b1 h2 n9:12 d8"},
    {kUnequalDims, "b1 h2 n9 d8:5"},
    {kCausal, "b1 h2 n9 d8 causal"},
    {kWindow, "b1 h2 n9 d8 window=3:3"},
    {kKeyLengths, "b1 h2 n9 d8 klen=4"},
    {kBooleanMask, "b1 h2 n9 d8 mask=bool"},
    {kAdditiveMask, "b1 h2 n9 d8 mask=additive"},
    {kScale, "b1 h2 n9 d8 scale=0.5"},
    {kSoftcap, "b1 h2 n9 d8 softcap=5"},
};

}  // namespace

TEST_CASE("the registry is complete, sorted and found by name") {
  const auto variants = builtin_variants();
  for (const char* name : {"naive", "dot_product", "scaled_dot_product", "multi_head", "additive", "blockwise", "sliding_window",
                           "block_sparse", "strided", "linear"}) {
    CAPTURE(name);
    CHECK(find_variant(name) != nullptr);
  }
  for (std::size_t t = 1; t < variants.size(); ++t) CHECK(std::strcmp(variants[t - 1]->name, variants[t]->name) < 0);
  for (const auto* variant : variants) CHECK(find_variant(variant->name) == variant);
  CHECK(find_variant("") == nullptr);
  CHECK(find_variant("no_such_variant") == nullptr);
}

TEST_CASE("descriptors are complete and consistent") {
  for (const auto* v : builtin_variants()) {
    DYNAMIC_SECTION(v->name) {
      CHECK(std::ifstream(std::string(ATTNBENCH_SOURCE_DIR "/variants/") + v->name + ".cpp").good());
      for (const char* text : {v->family, v->summary, v->paper, v->time_label, v->memory_label}) CHECK(has_text(text));
      CHECK(std::strchr(v->summary, '\n') == nullptr);
      CHECK(std::strncmp(v->time_label, "O(", 2) == 0);
      CHECK(std::strncmp(v->memory_label, "O(", 2) == 0);
      REQUIRE(v->run != nullptr);
      REQUIRE(v->cost != nullptr);
      CHECK((v->supports & ~kEverything) == 0);
      const bool dense = v->computes == Computes::exact_softmax, pattern = v->computes == Computes::masked_softmax;
      CHECK((v->oracle != nullptr) == (!dense && !pattern));
      CHECK((v->attends != nullptr) == pattern);
      CHECK(((v->laws & kRowStochastic) == 0 || (v->laws & kWeightsReadable) != 0));
      if (dense) CHECK(v->laws == kSoftmaxLaws);
    }
  }
}

TEST_CASE("parameters have unique names, defaults in range and words for help") {
  for (const auto* v : builtin_variants()) {
    DYNAMIC_SECTION(v->name) {
      std::set<std::string> names;
      for (const auto& spec : v->params) {
        CAPTURE(spec.name);
        CHECK(names.insert(spec.name).second);
        CHECK(has_text(spec.help));
        if (spec.type == ParamSpec::Type::choice) {
          Params params(v->params);
          CHECK_NOTHROW(params.set(spec.name, spec.text));
        } else {
          CHECK(spec.min <= spec.number);
          CHECK(spec.number <= spec.max);
        }
      }
      CHECK(defaults(*v).label() == v->name);
    }
  }
}

TEST_CASE("every feature is supported or refused by name, and nothing else") {
  for (const auto* v : builtin_variants()) {
    DYNAMIC_SECTION(v->name) {
      CHECK(supports(defaults(*v), parse_problem("b2 h2 n9 d8")));
      for (const auto& [feature, text] : kExamples) {
        CAPTURE(text);
        const auto problem = parse_problem(text);
        REQUIRE(features_of(problem) == feature);
        const auto reasons = unsupported_reasons(*v, problem, Params(v->params));
        INFO(joined(reasons));
        CHECK(reasons.empty() == ((v->supports & feature) != 0));
        for (const auto& reason : reasons) CHECK(reason.find(v->name) != std::string::npos);
      }
    }
  }
}

TEST_CASE("declared cost is finite, positive and covers the compulsory traffic") {
  for (const auto* v : builtin_variants()) {
    for (const auto& selected : all_selections(*v)) {
      DYNAMIC_SECTION(selected.label()) {
        for (const auto& p : supported_problems(selected)) {
          INFO(to_string(p));
          const auto cost = v->cost(p, selected.params);
          for (const double count : {cost.multiply_adds, cost.exps, cost.bytes, cost.pairs})
            CHECK((std::isfinite(count) && count >= 0));
          CHECK(cost.bytes >= compulsory_bytes(p));
          if (visible_pairs(p) > 0) CHECK(cost.multiply_adds > 0);
          CHECK(cost.pairs <= visible_pairs(p));
        }
      }
    }
  }
}
