// multi_head: which weights go where, what it asks of the inner variant, and layouts.
#include "tests/catch.h"
#include "tests/variants/call.h"
#include "variants/kernels/random_weights.h"

namespace attnbench::testing {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;
const Settings kScaled{{"inner", "scaled_dot_product"}};

std::vector<double> times(const std::vector<double>& x, const std::vector<float>& w) {
  std::vector<double> y(x.size(), 0.0);
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t c = 0; c < x.size(); ++c) y[c] += x[i] * w[i * x.size() + c];
  return y;
}

TEST_CASE("multi_head with a single key is two projections: X_v W_v W_o") {
  Call call("multi_head", "h3 n1 d4:5", kScaled);  // prepared with seed 7
  const auto a = random_arrays(call.problem);
  const auto out = call.run(a);
  std::vector<double> x(15);
  std::copy_n(a.v.data(), 15, x.begin());
  const auto expected = times(times(x, kernels::random_weights(225, 15, 7, 2)), kernels::random_weights(225, 15, 7, 3));
  for (std::size_t c = 0; c < 15; ++c) CHECK(out.data()[c] == Approx(expected[c]).margin(1e-6));
}

TEST_CASE("multi_head mixes heads: a change in one input head changes every output head") {
  Call call("multi_head", "h2 n8 d4", kScaled);
  auto a = random_arrays(call.problem);
  const auto before = call.run(a);
  a.v.view().row(0, 0, 3)[1] += 1;
  const auto after = call.run(a);
  for (std::int64_t h = 0; h < 2; ++h) CHECK(before.view().row(0, h, 5)[0] != after.view().row(0, h, 5)[0]);
}

TEST_CASE("multi_head gives the same with each exact inner variant") {
  for (const char* text : {"h4:2 n70 d8 causal", "b2 h3 n33:40 d6:10 klen=20,40", "h2 n300 d16 mask=additive softcap=5"}) {
    INFO(text);
    Call first("multi_head", text, {{"inner", "naive"}});
    const auto a = random_arrays(first.problem);
    const auto expected = first.run(a);
    for (const auto* inner : builtin_variants()) {
      if (inner->computes != Computes::exact_softmax) continue;
      INFO(inner->name);
      const auto out = Call("multi_head", text, {{"inner", inner->name}}).run(a);
      for (std::int64_t i = 0; i < element_count(out.shape()); ++i) CHECK(out.data()[i] == Approx(expected.data()[i]).margin(1e-5));
    }
  }
}

TEST_CASE("multi_head around any inner variant that can run matches the float64 reference of the same inner") {
  for (const auto* inner : builtin_variants()) {
    const auto problem = parse_problem("b2 h4 n150 d16 causal");
    if (inner->name == std::string("multi_head") || !unsupported_reasons(*inner, problem, Params(inner->params)).empty()) continue;
    INFO(inner->name);
    CHECK(error_of(Call("multi_head", to_string(problem), {{"inner", inner->name}})) < kTolerance);
  }
}

TEST_CASE("multi_head is right around its row blocks and with more threads than blocks") {
  for (const char* text : {"h2 n255 d8", "h2 n256 d8", "h3 n257 d8", "b2 h2 n513:1 d4", "h8:2 n1:300 d16 causal-bottom-right"})
    for (const int threads : {1, 4}) {
      INFO(text << ", " << threads << " threads");
      CHECK(error_of(Call("multi_head", text, kScaled, threads)) < kTolerance);
    }
}

TEST_CASE("multi_head says why it cannot run an inner variant") {
  const auto reasons = [](const char* inner, const char* problem) {
    const auto& variant = *find_variant("multi_head");
    Params params(variant.params);
    params.set("inner", inner);
    return unsupported_reasons(variant, parse_problem(problem), params);
  };
  CHECK(reasons("naive", "n4 d4").empty());
  CHECK(reasons("nonsense", "n4 d4") == Reasons{"multi_head has no inner variant 'nonsense'; `attnbench list` names them"});
  CHECK(reasons("multi_head", "n4 d4") == Reasons{"multi_head cannot be its own inner variant"});
  CHECK(reasons("linear", "n4 d4 softcap=2") == Reasons{"multi_head: inner linear does not support softcap"});
}

// The same values with the heads of a row side by side in memory ([b, n, h, d]), seen as [b, h, n, d].
struct Concatenated {
  Tensor memory;
  explicit Concatenated(const Shape& s) : memory({s[0], s[2], s[1], s[3]}) {}
  explicit Concatenated(const Tensor& t) : Concatenated(t.shape()) {
    const auto s = t.shape();
    for (std::int64_t b = 0; b < s[0]; ++b)
      for (std::int64_t h = 0; h < s[1]; ++h)
        for (std::int64_t i = 0; i < s[2]; ++i) std::copy_n(t.view().row(b, h, i), s[3], memory.view().row(b, i, h));
  }
  TensorRef ref() const {
    const auto s = memory.shape();
    return {memory.ref().data, DType::f32, {s[0], s[2], s[1], s[3]}, {s[1] * s[2] * s[3], s[3], s[2] * s[3], 1}};
  }
};

TEST_CASE("multi_head takes [b, n, h, d] layouts in place, with the same result") {
  for (const char* text : {"b2 h4:2 n70 d8", "b2 h3 n1:5 d6:4"}) {
    INFO(text);
    Call call("multi_head", text, kScaled);
    const auto a = random_arrays(call.problem);
    const Concatenated q(a.q), k(a.k), v(a.v);
    CHECK(same_bits(call.run(Inputs{q.ref(), k.ref(), v.ref(), {}}), call.run(a)));
  }
}

TEST_CASE("multi_head counts its projections on top of the inner variant") {
  const auto& variant = *find_variant("multi_head");
  Params params(variant.params);
  params.set("inner", "naive");
  const auto problem = parse_problem("b2 h4:2 n10:20 d8:16");
  const auto own = variant.cost(problem, params), inner = find_variant("naive")->cost(problem, Params());
  CHECK(own.multiply_adds - inner.multiply_adds == 2.0 * (10 * (32 * 32 + 64 * 64) + 20 * (16 * 16 + 32 * 32)));
  CHECK(own.pairs == inner.pairs);
  CHECK(own.bytes > inner.bytes);
}

TEST_CASE("multi_head draws other weights from another seed") {
  Call call("multi_head", "h2 n4 d4", kScaled);
  const auto a = random_arrays(call.problem);
  const auto first = call.run(a);
  call.prepared = prepare(call.variant, call.problem, call.params, 8, 2);
  CHECK_FALSE(same_bits(first, call.run(a)));
}

}  // namespace
}  // namespace attnbench::testing
