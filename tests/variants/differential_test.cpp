// differential: two maps of half-width heads, their scale, their keys under grouped heads, their difference.
#include "harness/contract/check.h"
#include "tests/variants/exact_test_support.h"

namespace attnbench::testing {
namespace {

TEST_CASE("differential: rows sum to 1 - lambda, with negative weights among them") {
  for (const char* lambda : {"0.8", "0.2", "1"})
    for (const char* text : {"b2 h4:2 n60 d8:60 causal", "h2 n3:300 d16:300"}) {
      CAPTURE(lambda, text);
      Call call("differential", text, {{"lambda", lambda}});
      auto a = random_arrays(call.problem);
      const auto w = weights_of(call, a);
      const auto& p = call.problem;
      for (std::int64_t t = 0; t < p.batch * p.heads_q * p.n_q; ++t) {
        const float* row = w.data() + t * p.n_k;
        CHECK(std::accumulate(row, row + p.n_k, 0.0) == Approx(1 - std::stod(lambda)).margin(1e-5));
      }
      CHECK(std::any_of(w.data(), w.data() + element_count(w.shape()), [](float x) { return x < 0; }));
    }
}

// q = [1; 0], k_j = [j; 0]: the first map is softmax(j / sqrt(1)), the second is uniform.
TEST_CASE("differential scales by the width of a half, not of a head") {
  Call call("differential", "n1:2 d2:2", {{"lambda", "0.5"}});
  NamedTensors a{tensor_of({1, 1, 1, 2}, {1, 0}), tensor_of({1, 1, 2, 2}, {0, 0, 1, 0}), Tensor({1, 1, 2, 2}), {}};
  const double second = 1 / (1 + std::exp(-1.0)), mistaken = 1 / (1 + std::exp(-1 / std::sqrt(2.0)));
  check_row(weights_of(call, a).data(), {1 - second - 0.25, second - 0.25});
  CHECK(std::abs(second - mistaken) > 0.05);
}

TEST_CASE("differential without a second map is blockwise on the first halves") {
  Call call("differential", "h4:2 n50 d16:8 causal", {{"lambda", "0"}}), half("blockwise", "h4:2 n50 d8 causal");
  const auto a = random_arrays(call.problem);
  auto b = empty_inputs(half.problem);
  for (std::int64_t t = 0; t < 4 * 50; ++t) std::copy_n(a.q.data() + t * 16, 8, b.q.data() + t * 8);
  for (std::int64_t t = 0; t < 2 * 50; ++t) std::copy_n(a.k.data() + t * 16, 8, b.k.data() + t * 8);
  std::copy_n(a.v.data(), 2 * 50 * 8, b.v.data());
  CHECK(distance(call.run(a), half.run(b)) < kTolerance);
}

TEST_CASE("differential: equal halves cancel to (1 - lambda) times one map") {
  Call call("differential", "n40 d16", {{"lambda", "0.25"}}), one("blockwise", "n40 d8:16");
  auto a = random_arrays(call.problem);
  auto b = empty_inputs(one.problem);
  for (auto* x : {&a.q, &a.k})
    for (std::int64_t t = 0; t < 40; ++t) std::copy_n(x->data() + t * 16, 8, x->data() + t * 16 + 8);
  for (std::int64_t t = 0; t < 40; ++t) {
    std::copy_n(a.q.data() + t * 16, 8, b.q.data() + t * 8);
    std::copy_n(a.k.data() + t * 16, 8, b.k.data() + t * 8);
  }
  std::copy_n(a.v.data(), 40 * 16, b.v.data());
  auto expected = one.run(b);
  for (std::int64_t t = 0; t < 40 * 16; ++t) expected.data()[t] *= 0.75f;
  CHECK(distance(call.run(a), expected) < kTolerance);
}

// The published mistake: repeating 2 h_kv half keys pairwise, so that under grouped heads both maps read the same half.
TEST_CASE("differential under grouped heads reads both halves of its own key head") {
  Call call("differential", "h4:2 n30 d8");
  const auto a = random_arrays(call.problem);
  auto changed = random_arrays(call.problem);
  for (std::int64_t j = 0; j < 30; ++j) std::fill_n(changed.k.view().row(0, 1, j) + 4, 4, 1.0f);  // second halves of key head 1
  const auto before = call.run(a), after = call.run(changed);
  for (std::int64_t h = 0; h < 4; ++h)
    CHECK((std::memcmp(before.view().row(0, h, 0), after.view().row(0, h, 0), 240 * sizeof(float)) == 0) == (h < 2));
  CHECK(error_of(Call("differential", "h6:2 n40 d16")) < kTolerance);
}

TEST_CASE("differential is right in tiles, decoding and split, under every mask") {
  for (const char* text :
       {"b2 h6:2 n113 d24 causal", "h4:1 n1:3000 d64 causal-bottom-right", "b2 h3 n60:97 d80:33 klen=97,0 mask=bool",
        "n50 d8 mask=additive softcap=3", "n2:9000 d16 window=5000:0", "h2 n40:5000 d8 scale=-1", "n7 d2"}) {
    CAPTURE(text);
    CHECK(error_of(Call("differential", text)) < 2 * kTolerance);  // what cancels does not cancel in the errors
  }
}

TEST_CASE("a claim of constant row sums is held against the rows: attention_sink cannot make it, blockwise can") {
  for (const char* name : {"attention_sink", "blockwise"}) {
    CAPTURE(name);
    Variant claims = *find_variant(name);
    claims.laws = kConstantRowSum;
    contract::Findings findings;
    contract::check_row_sums(claims, findings);
    CHECK((findings.count() > 0) == (claims.name == std::string_view("attention_sink")));
  }
}

TEST_CASE("differential refuses heads that have no half") {
  const auto& variant = *find_variant("differential");
  CHECK(unsupported_reasons(variant, parse_problem("n4 d5"), Params(variant.params)).size() == 1);
  CHECK(unsupported_reasons(variant, parse_problem("n4 d6:5"), Params(variant.params)).empty());
}

TEST_CASE("differential weighs the values twice") {
  const auto& variant = *find_variant("differential");
  const auto cost = variant.cost(parse_problem("h2 n10 d8:5"), Params(variant.params));
  CHECK(cost.multiply_adds == 2 * 2 * 100 * (4 + 5) + 2 * 10 * 5);
  CHECK(cost.exps == 2 * 2 * 100);
}

}  // namespace
}  // namespace attnbench::testing
