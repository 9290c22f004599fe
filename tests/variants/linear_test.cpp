// linear: the running sums around panels, segments and shifted diagonals, and how exact they stay.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

TEST_CASE("linear is right on both sides of its panels, causal and not") {
  for (const int n : {1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 320})
    for (const char* rest : {" d8", " d8:5 causal"}) {
      const auto text = "h2 n" + std::to_string(n) + rest;
      INFO(text);
      CHECK(error_of(Call("linear", text)) < kTolerance);
    }
}

TEST_CASE("linear follows a shifted diagonal: cached keys, blind rows, rows beyond the last key") {
  for (const char* sizes : {"n1:200", "n5:64", "n64:65", "n70:333", "n333:70", "n65:64", "n200:1", "n128:64"})
    for (const char* causal : {" causal-bottom-right", " causal-top-left"})
      for (const char* rest : {"b2 h4:2 d7:9 ", "b2 d8 klen=1,0 "}) {
        const auto text = std::string(rest) + sizes + causal;
        INFO(text);
        CHECK(error_of(Call("linear", text)) < kTolerance);
      }
}

TEST_CASE("linear cuts one long head into segments for many threads and stays the same attention") {
  for (const char* text : {"n1500 d16 causal", "n1500 d16", "n20:1500 d16 causal-bottom-right", "n1500:700 d16 causal-bottom-right",
                           "b2 n900 d8 causal klen=100,900", "n100 d8 causal"}) {
    INFO(text);
    const auto problem = parse_problem(text);
    const auto a = random_arrays(problem);
    const auto inputs = a.inputs(problem);
    const auto reference = Call("linear", text).reference(inputs);
    for (const int threads : {1, 2, 3, 8}) {
      INFO(threads << " threads");
      Call call("linear", text, {}, threads);
      const auto out = call.run(inputs);
      CHECK(relative_rms(out, reference) < kTolerance);
      CHECK(same_bits(out, call.run(inputs)));
    }
  }
}

TEST_CASE("linear's running sums stay exact over a long causal sequence, even with a drift in the values") {
  Call call("linear", "n8192 d4:3 causal");
  auto a = random_arrays(call.problem);
  for (std::int64_t i = 0; i < element_count(a.v.shape()); ++i) a.v.data()[i] += 1;
  const auto inputs = a.inputs(call.problem);
  CHECK(relative_rms(call.run(inputs), call.reference(inputs)) < kTolerance);
}

TEST_CASE("linear: changing or poisoning the future leaves the past bit-identical") {
  Call call("linear", "n200 d8 causal");
  auto a = random_arrays(call.problem);
  const auto clean = call.run(a);
  for (const float future : {3.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    for (auto* tensor : {&a.k, &a.v}) std::fill_n(tensor->view().row(0, 0, 150), 8, future);
    const auto out = call.run(a);
    CHECK(std::memcmp(out.data(), clean.data(), 150 * 8 * sizeof(float)) == 0);
    CHECK(out.view().row(0, 0, 150)[0] != clean.view().row(0, 0, 150)[0]);
  }
}

TEST_CASE("linear propagates a NaN in a visible key instead of hiding it in the feature map") {
  Call call("linear", "n20 d8");
  auto a = random_arrays(call.problem);
  a.k.view().row(0, 0, 4)[2] = std::numeric_limits<float>::quiet_NaN();
  const auto out = call.run(a);
  for (std::int64_t i = 0; i < 20; ++i) CHECK(std::isnan(out.view().row(0, 0, i)[0]));
}

TEST_CASE("linear never reads keys beyond the key length") {
  Call call("linear", "b2 n100 d8 klen=30,100");
  auto a = random_arrays(call.problem);
  const auto clean = call.run(a);
  for (auto* tensor : {&a.k, &a.v})
    for (std::int64_t j = 30; j < 100; ++j) std::fill_n(tensor->view().row(0, 0, j), 8, std::numeric_limits<float>::quiet_NaN());
  CHECK(same_bits(call.run(a), clean));
}

TEST_CASE("linear needs memory for its sums only, whatever the length, and work in proportion to it") {
  const auto& variant = *find_variant("linear");
  for (const std::string rest : {" d64", " d64 causal"}) {
    const auto shorter = parse_problem("h4 n4096" + rest), longer = parse_problem("h4 n65536" + rest);
    CHECK(declared_workspace(variant, shorter, Params(), 2) == declared_workspace(variant, longer, Params(), 2));
    CHECK(variant.cost(longer, Params()).multiply_adds == Approx(16 * variant.cost(shorter, Params()).multiply_adds).epsilon(0.01));
  }
}

TEST_CASE("linear counts what it does") {
  const auto cost = [](const char* text) { return find_variant("linear")->cost(parse_problem(text), Params()); };
  // Keys into S, rows through S and z.
  CHECK(cost("h4:2 n10:20 d8:5").multiply_adds == 2 * 20 * 8 * 5 + 4 * 10 * (8 * 5 + 8));
  CHECK(cost("h4:2 n10:20 d8:5").exps == (2 * 20 + 4 * 10) * 8);
  CHECK(cost("n10 d8").pairs == 0);
  // Causal: the same, less the rows above the first key and the keys behind the last row.
  CHECK(cost("n32 d8 causal").multiply_adds == 32 * 8 * 8 + 32 * (8 * 8 + 8));
  CHECK(cost("n30:20 d8 causal-bottom-right").multiply_adds == 20 * 8 * 8 + 20 * (8 * 8 + 8));
  CHECK(cost("n20:30 d8 causal-top-left").multiply_adds == 20 * 8 * 8 + 20 * (8 * 8 + 8));
}

TEST_CASE("linear waits from position to position only where it is causal, and no longer than there are keys and rows") {
  const auto depth = [](const char* text) { return find_variant("linear")->cost(parse_problem(text), Params()).depth; };
  CHECK(depth("n32 d8") == 1);
  CHECK(depth("n32 d8 causal") == 32);
  CHECK(depth("n30:20 d8 causal-bottom-right") == 20);
  CHECK(depth("n20:30 d8 causal-top-left") == 20);
  CHECK(depth("n1:300 d8 causal-bottom-right") == 300);
}

TEST_CASE("linear refuses masks that its sums cannot honour") {
  for (const char* text : {"n4 d4 window=1:0", "n4 d4 mask=bool", "n4 d4 mask=additive", "n4 d4 scale=2", "n4 d4 softcap=2"})
    CHECK(unsupported_reasons(*find_variant("linear"), parse_problem(text), Params()).size() == 1);
}

// Every element of the queries near q, of the keys near k.
TEST_CASE("linear keeps its weights where the features of queries and keys are far below zero") {
  for (const char* problem : {"h2 n1 d16:8", "h2 n1:300 d16:8", "h4:2 n150 d24:20", "h2 n200 d16 causal", "h3:1 n90 d70:5 causal",
                              "h2 n40:100 d8 causal-bottom-right", "b2 n60 d33 klen=7,60"})
    for (const int threads : {1, 3})
      for (const auto& [q, k] : {std::pair{-60.f, -60.f}, {-400.f, 0.f}, {0.f, -95.f}, {-30.f, -400.f}, {-1e4f, -1e4f}}) {
        CAPTURE(problem, threads, q, k);
        Call call("linear", problem, {}, threads);
        auto arrays = random_arrays(call.problem);
        for (std::int64_t t = 0; t < element_count(arrays.q.shape()); ++t) arrays.q.data()[t] = q + 0.5f * arrays.q.data()[t];
        for (std::int64_t t = 0; t < element_count(arrays.k.shape()); ++t) arrays.k.data()[t] = k + 0.5f * arrays.k.data()[t];
        const auto inputs = arrays.inputs(call.problem);
        const auto out = call.run(inputs);
        const auto truth = call.reference(inputs);
        CHECK(relative_rms(out, truth) <= kTolerance);
        if (call.problem.n_k != 1) continue;
        for (std::int64_t t = 0; t < element_count(out.shape()); ++t)  // one key has weight 1
          CHECK(out.data()[t] == Approx(arrays.v.data()[t]));
      }
}

// Keys that rise from -300 to above 0 in steps: the shift follows, and a row's bits depend on keys up to its own position only.
TEST_CASE("linear follows keys that rise from far below zero, and the future leaves no trace in the past") {
  for (const int threads : {1, 3})
    for (const char* problem : {"h4:2 n120 d16:12 causal", "h2 n120 d16:12"}) {
      CAPTURE(problem, threads);
      Call call("linear", problem, {}, threads);
      auto arrays = random_arrays(call.problem);
      const auto d = call.problem.d_qk, n = call.problem.n_k;
      for (std::int64_t t = 0; t < element_count(arrays.k.shape()); ++t)
        arrays.k.data()[t] += std::min(0.0f, -300.0f + 9.0f * static_cast<float>(t / d % n / 3));
      const auto inputs = arrays.inputs(call.problem);
      const auto before = call.run(inputs);
      CHECK(relative_rms(before, call.reference(inputs)) <= kTolerance);
      if (call.problem.causal == Causal::none) continue;
      for (std::int64_t h = 0; h < call.problem.heads_kv; ++h) std::fill_n(arrays.k.view().row(0, h, 57), (n - 57) * d, 1.0f);
      const auto after = call.run(arrays);
      for (std::int64_t h = 0; h < call.problem.heads_q; ++h)
        CHECK(std::memcmp(before.view().row(0, h, 0), after.view().row(0, h, 0), 57 * 12 * sizeof(float)) == 0);
    }
}

}  // namespace
}  // namespace attnbench::testing
