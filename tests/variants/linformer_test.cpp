// linformer: exact where nothing is projected away, means by hand, key lengths, and what drawn projections are good for.
#include "tests/catch.h"
#include "tests/variants/call.h"
#include "variants/kernels/random_weights.h"

namespace attnbench::testing {
namespace {

TEST_CASE("linformer is exact attention where each key keeps a row of its own") {
  for (const char* text : {"h4:2 n97 d16:5", "n40:256 d33", "b2 n200 d8 klen=200,31", "n1 d1", "n9:300 d8 scale=0.7"}) {
    INFO(text);
    Call call("linformer", text, {{"rank", "300"}});
    const auto a = random_arrays(call.problem);
    const auto inputs = a.inputs(call.problem);
    CHECK(relative_rms(call.run(inputs), Call("naive", text).reference(inputs)) < kTolerance);
  }
}

TEST_CASE("linformer averages neighbours: equal neighbours lose nothing, and constant values stay") {
  Call call("linformer", "h2 n64:128 d16", {{"rank", "32"}});
  auto a = random_arrays(call.problem);
  for (auto* x : {&a.k, &a.v})
    for (std::int64_t h = 0; h < 2; ++h)
      for (std::int64_t j = 0; j < 128; ++j) std::copy_n(x->view().row(0, h, j / 4 * 4), 16, x->view().row(0, h, j));
  const auto inputs = a.inputs(call.problem);
  CHECK(relative_rms(call.run(inputs), Call("naive", "h2 n64:128 d16").reference(inputs)) < kTolerance);
  for (const char* text : {"n50 d8", "b2 n50 d8 klen=50,3"}) {
    Call ones("linformer", text, {{"rank", "7"}});
    auto b = random_arrays(ones.problem);
    std::fill_n(b.v.data(), element_count(b.v.shape()), 1.0f);
    const auto out = ones.run(b);
    for (std::int64_t t = 0; t < element_count(out.shape()); ++t) CHECK(out.data()[t] == Approx(1).epsilon(1e-6));
  }
}

// Five keys in two rows: means of three and of two.
TEST_CASE("linformer: two means worked out by hand") {
  Call call("linformer", "n1:5 d1 scale=1", {{"rank", "2"}});
  auto a = random_arrays(call.problem);
  const float k[] = {0, 0, 3, 2, 4}, v[] = {1, 2, 3, 10, 20};  // means 1 and 3, 2 and 15
  a.q.data()[0] = 1;
  std::copy_n(k, 5, a.k.data());
  std::copy_n(v, 5, a.v.data());
  const double first = 1 / (1 + std::exp(2.0));
  CHECK(call.run(a).data()[0] == Approx(2 * first + 15 * (1 - first)));
}

TEST_CASE("linformer with a key length is linformer of so many keys: padding is in no mean") {
  for (const char* rank : {"1", "5", "16", "64"}) {
    Call padded("linformer", "n12:40 d8 klen=23", {{"rank", rank}}), cut("linformer", "n12:23 d8", {{"rank", rank}});
    auto a = random_arrays(padded.problem), b = random_arrays(cut.problem);
    for (auto* x : {&a.k, &a.v}) std::fill_n(x->view().row(0, 0, 23), 17 * 8, std::numeric_limits<float>::quiet_NaN());
    std::copy_n(a.q.data(), 12 * 8, b.q.data());
    std::copy_n(a.k.data(), 23 * 8, b.k.data());
    std::copy_n(a.v.data(), 23 * 8, b.v.data());
    CHECK(same_bits(padded.run(a), cut.run(b)));
  }
}

// Before a softmax drawn projections are worse than zeros: keys come out sqrt(n / k) times as long.
TEST_CASE("linformer: means keep some of softmax, drawn projections nothing") {
  const auto error = [](const char* projection) {
    Call call("linformer", "n512 d32", {{"rank", "128"}, {"projection", projection}});
    const auto a = random_arrays(call.problem);
    const auto inputs = a.inputs(call.problem);
    return relative_rms(call.run(inputs), Call("naive", "n512 d32").reference(inputs));
  };
  CHECK(error("mean") == Approx(0.694).epsilon(0.05));
  CHECK(error("gaussian") > 4);
}

// What the paper proves holds behind the softmax: E ||A E^T E V - A V||^2 = (|A|^2 |V|^2 + |A V|^2) / k over draws of E.
TEST_CASE("linformer: a Gaussian projection of the weights themselves errs as its variance says") {
  constexpr std::int64_t n = 64, d = 8, k = 32, draws = 40;
  Call exact("naive", "n64 d8");
  auto a = random_arrays(exact.problem);
  const auto output = exact.reference(a.inputs(exact.problem));
  Call reading("naive", "n64 d8:64");  // values of the identity: the weights
  auto identity = random_arrays(reading.problem);
  std::copy_n(a.q.data(), n * d, identity.q.data());
  std::copy_n(a.k.data(), n * d, identity.k.data());
  for (std::int64_t j = 0; j < n * n; ++j) identity.v.data()[j] = j % (n + 1) == 0 ? 1.0f : 0.0f;
  const auto weights = reading.reference(identity.inputs(reading.problem));
  const auto squares = [](const auto* x, std::int64_t count) {
    double sum = 0;
    for (std::int64_t t = 0; t < count; ++t) sum += static_cast<double>(x[t]) * static_cast<double>(x[t]);
    return sum;
  };
  double error = 0;
  for (std::int64_t draw = 0; draw < draws; ++draw) {
    const auto e = kernels::random_normals(k * n, 5, static_cast<std::uint64_t>(draw));
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<double> row(d, 0.0);  // of A E^T E V
      for (std::int64_t r = 0; r < k; ++r) {
        double share = 0;
        for (std::int64_t j = 0; j < n; ++j)
          share += weights[static_cast<std::size_t>(i * n + j)] * e[static_cast<std::size_t>(r * n + j)] / k;
        for (std::int64_t j = 0; j < n; ++j)
          for (std::int64_t c = 0; c < d; ++c)
            row[static_cast<std::size_t>(c)] += share * e[static_cast<std::size_t>(r * n + j)] * a.v.data()[j * d + c];
      }
      for (std::int64_t c = 0; c < d; ++c)
        error += std::pow(row[static_cast<std::size_t>(c)] - output[static_cast<std::size_t>(i * d + c)], 2) / draws;
    }
  }
  const double expected = (squares(weights.data(), n * n) * squares(a.v.data(), n * d) + squares(output.data(), n * d)) / k;
  CHECK(error == Approx(expected).epsilon(0.1));
}

TEST_CASE("linformer is right with every projection, at any rank, on threads") {
  for (const char* projection : {"mean", "gaussian", "uniform"})
    for (const char* share : {"kv", "none"})
      for (const char* rank : {"1", "3", "64", "65"}) {
        CAPTURE(projection, share, rank);
        CHECK(error_of(Call("linformer", "b2 h4:2 n33:130 d16:8 klen=130,70",
                            {{"rank", rank}, {"projection", projection}, {"share", share}}, 3)) < 1e-5);
      }
}

TEST_CASE("linformer keeps its drawn matrices as prepared memory, and means need none") {
  CHECK(Call("linformer", "n1000 d8", {{"rank", "10"}}).prepared.bytes == 0);
  CHECK(Call("linformer", "n1000 d8", {{"rank", "10"}, {"projection", "gaussian"}}).prepared.bytes == 40000);
  CHECK(Call("linformer", "n1000 d8", {{"rank", "10"}, {"projection", "uniform"}, {"share", "none"}}).prepared.bytes == 80000);
}

TEST_CASE("linformer refuses a causal mask: every projected key holds the future") {
  for (const char* text : {"n4 d4 causal", "n4 d4 window=1:0", "n4 d4 mask=bool"})
    CHECK(unsupported_reasons(*find_variant("linformer"), parse_problem(text), Params(find_variant("linformer")->params)).size() ==
          1);
}

}  // namespace
}  // namespace attnbench::testing
