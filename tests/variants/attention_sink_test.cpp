// attention_sink: the logit that takes part in the softmax and in nothing else.
#include "tests/variants/exact_test_support.h"

namespace attnbench::testing {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

NamedTensors with_sinks(NamedTensors arrays, const Problem& p, float sink) {
  Tensor sinks({1, p.heads_q, 1, 1});
  std::fill_n(sinks.data(), p.heads_q, sink);
  arrays.extras.set("sinks", std::move(sinks));
  return arrays;
}

// Tiles, grouped heads, decoding, split keys.
constexpr const char* kShapes[] = {"b2 h2 n97 d33 causal", "h6:2 n70 d16", "h4:1 n1:300 d64 causal-bottom-right", "n2:9000 d16",
                                   "h2 n40:5000 d8"};

TEST_CASE("attention_sink: scores 1, 2, 3 and a sink of 2") {
  Call call("attention_sink", "n1:3 d1:3 scale=1");
  auto a = with_sinks(random_arrays(call.problem), call.problem, 2);
  a.q.data()[0] = 1;
  for (int j = 0; j < 3; ++j) a.k.data()[j] = static_cast<float>(j + 1);
  check_row(weights_of(call, a).data(), {0.072329, 0.196612, 0.534447});
}

TEST_CASE("attention_sink: with equal scores and a sink of 0 a row of n keys sums to n / (n + 1)") {
  for (const int n : {1, 4, 16, 3000}) {
    CAPTURE(n);
    Call call("attention_sink", "n1:" + std::to_string(n) + " d8");
    auto a = with_sinks(zero_queries(call.problem), call.problem, 0);
    std::fill_n(a.v.data(), element_count(a.v.shape()), 1.0f);
    CHECK(double{call.run(a).data()[0]} == Approx(n / (n + 1.0)).epsilon(1e-6));
  }
}

TEST_CASE("attention_sink with a sink of minus infinity is blockwise, bit for bit") {
  for (const char* text : kShapes) {
    CAPTURE(text);
    Call call("attention_sink", text), plain("blockwise", text);
    const auto a = random_arrays(call.problem);
    CHECK(same_bits(call.run(with_sinks(random_arrays(call.problem), call.problem, -kInfinity)), plain.run(a)));
  }
}

TEST_CASE("attention_sink is blockwise with one more key, of score 0 and value 0") {
  Call call("attention_sink", "n30 d8:5"), longer("blockwise", "n30:31 d8:5");
  auto a = with_sinks(random_arrays(call.problem), call.problem, 0);
  NamedTensors b = empty_inputs(longer.problem);
  std::copy_n(a.q.data(), 30 * 8, b.q.data());
  std::copy_n(a.k.data(), 30 * 8, b.k.data() + 8);
  std::copy_n(a.v.data(), 30 * 5, b.v.data() + 5);
  CHECK(distance(call.run(a), longer.run(b)) < kTolerance);
}

// Two of the mistakes found in public kernels: the sink scaled like a score, and added once per split of the keys.
TEST_CASE("attention_sink is plain attention times sigmoid(logsumexp - sink): the sink unscaled and once") {
  for (const char* text : kShapes)
    for (const float sink : {1.5f, 5.0f, 20.0f}) {
      CAPTURE(text, sink);
      Call call("attention_sink", text);
      const auto& p = call.problem;
      const auto a = with_sinks(random_arrays(p), p, sink);
      const auto inputs = a.inputs(p);
      std::vector<std::int64_t> rows(static_cast<std::size_t>(p.n_q));
      std::iota(rows.begin(), rows.end(), 0);
      std::vector<double> plain(static_cast<std::size_t>(p.batch * p.heads_q * p.n_q * p.d_v)), lse(plain.size());
      dense_oracle({p, call.params, inputs, call.prepared, rows, plain.data(), call.arena.parallel()});
      dense_log_sum_exp({p, call.params, inputs, call.prepared, rows, lse.data(), call.arena.parallel()});
      auto scaled = plain, twice = plain;
      for (std::size_t t = 0; t < plain.size(); ++t) {
        const double l = lse[t / static_cast<std::size_t>(p.d_v)], s = double{sink};
        plain[t] /= 1 + std::exp(s - l);
        scaled[t] /= 1 + std::exp(s * p.effective_scale() - l);
        twice[t] /= 1 + 2 * std::exp(s - l);
      }
      const auto out = call.run(a);
      CHECK(relative_rms(out, plain) < kTolerance);
      CHECK(relative_rms(out, scaled) > 5 * kTolerance);
      CHECK(relative_rms(out, twice) > 5 * kTolerance);
    }
}

TEST_CASE("attention_sink far above or below the scores neither overflows nor disappears") {
  Call call("attention_sink", "n50 d8");
  const auto below = call.run(with_sinks(random_arrays(call.problem), call.problem, -1e30f));
  CHECK(same_bits(below, Call("blockwise", "n50 d8").run(random_arrays(call.problem))));
  const auto above = call.run(with_sinks(random_arrays(call.problem), call.problem, 1e30f));
  CHECK(std::all_of(above.data(), above.data() + 400, [](float x) { return x == 0.0f; }));
}

TEST_CASE("attention_sink sees a constant added to all scores, as softmax does not") {
  Call call("attention_sink", "n20 d8 mask=additive");
  auto a = with_sinks(random_arrays(call.problem), call.problem, 0);
  const auto before = call.run(a);
  for (std::int64_t t = 0; t < 400; ++t) a.mask.data()[t] += 1.5f;
  CHECK(distance(call.run(a), before) > 0.01);
}

TEST_CASE("attention_sink has one sink per query head, under grouped heads too") {
  Call call("attention_sink", "h4:2 n9 d8");
  auto a = random_arrays(call.problem);
  a.extras.set("sinks", tensor_of({1, 4, 1, 1}, {0, 0, 5, 0}));
  const auto one = call.run(a);
  a.extras.set("sinks", tensor_of({1, 4, 1, 1}, {0, 0, 0, 0}));
  const auto none = call.run(a);
  for (std::int64_t h = 0; h < 4; ++h)
    CHECK((std::memcmp(one.view().row(0, h, 0), none.view().row(0, h, 0), 72 * sizeof(float)) == 0) == (h != 2));
}

}  // namespace
}  // namespace attnbench::testing
