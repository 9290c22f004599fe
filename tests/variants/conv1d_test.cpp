// conv1d: which tap meets which token, the ends of the sequence, what is a matrix and what a number, and shifts.
#include "tests/catch.h"
#include "tests/variants/call.h"
#include "variants/kernels/random_weights.h"

namespace attnbench::testing {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

// y_t = sum_u w_u x_{t + first - u dilation}
std::vector<double> convolved(const std::vector<double>& x, const std::vector<double>& w, int first, int dilation) {
  std::vector<double> y;
  for (int t = 0; t < static_cast<int>(x.size()); ++t) {
    y.push_back(0);
    for (int u = 0; u < static_cast<int>(w.size()); ++u)
      if (const int from = t + first - u * dilation; from >= 0 && from < static_cast<int>(x.size()))
        y.back() += w[static_cast<std::size_t>(u)] * x[static_cast<std::size_t>(from)];
  }
  return y;
}

TEST_CASE("the convolution written out here is the one whose numbers are known") {
  CHECK(convolved({1, 2, 3, 4}, {.5, .25, .25}, 0, 1) == std::vector<double>{.5, 1.25, 2.25, 3.25});  // newest first, causal
  CHECK(convolved({1, 2, 3, 4}, {.5, .25, .25}, 1, 1) == std::vector<double>{1.25, 2.25, 3.25, 1.75});
  CHECK(convolved({1, 2, 3, 4}, {.5, .25, .25}, 0, 2) == std::vector<double>{.5, 1, 1.75, 2.5});
}

double distance(const std::vector<double>& expected, const Tensor& out) {
  double largest = 0;
  for (std::size_t t = 0; t < expected.size(); ++t) largest = std::max(largest, std::abs(expected[t] - out.data()[t]));
  return largest;
}

// One channel: every kind but separable is a plain convolution with the drawn taps.
TEST_CASE("conv1d of one channel is that convolution: newest tap first, causal or about the middle") {
  for (const char* kind : {"dense", "depthwise"})
    for (const int taps : {1, 2, 3, 4, 7})
      for (const int dilation : {1, 3, 40})
        for (const bool causal : {true, false}) {
          INFO(kind << ", " << taps << " taps, dilation " << dilation << (causal ? ", causal" : ""));
          Call call("conv1d", causal ? "n30 d1 causal" : "n30 d1",
                    {{"kind", kind}, {"kernel", std::to_string(taps)}, {"dilation", std::to_string(dilation)}});
          const auto a = random_arrays(call.problem);
          const std::vector<double> x(a.v.data(), a.v.data() + 30);
          const auto drawn = kernels::random_weights(taps, taps, 7, 0);
          const std::vector<double> w(drawn.begin(), drawn.end()), reversed(drawn.rbegin(), drawn.rend());
          const int first = causal ? 0 : (taps - 1) / 2 * dilation;
          const auto out = call.run(a);
          CHECK(distance(convolved(x, w, first, dilation), out) < 1e-6);
          if (taps > 1 && dilation == 1) CHECK(distance(convolved(x, reversed, first, dilation), out) > 0.1);
        }
}

TEST_CASE("conv1d is right around blocks of rows, ends, vectors of channels and layouts of heads, in every kind") {
  for (const char* kind : {"dense", "separable", "depthwise"})
    for (const char* gate : {"none", "glu"})
      for (const char* text : {"h2 n127 d5", "h2 n129 d16:33 causal", "b2 h3 n260 d8 klen=130,7", "b2 h1 n40 d70 causal klen=3,0",
                               "h1 n1 d3", "h2 n2 d20 causal"})
        for (const char* kernel : {"3", "5", "64"}) {
          INFO(kind << ", " << gate << ", " << text << ", kernel " << kernel);
          const Settings settings{{"kind", kind}, {"gate", gate}, {"kernel", kernel}, {"dilation", "2"}};
          CHECK(error_of(Call("conv1d", text, settings)) < kTolerance);
        }
}

TEST_CASE("conv1d: shifted tokens give shifted outputs where no end is near") {
  for (const char* kind : {"dense", "separable", "depthwise"})
    for (const char* text : {"h2 n60 d6 causal", "h2 n60 d6"}) {
      INFO(kind << ", " << text);
      Call call("conv1d", text, {{"kind", kind}, {"kernel", "4"}, {"dilation", "3"}, {"gate", "glu"}});
      const auto a = random_arrays(call.problem);
      auto shifted = random_arrays(call.problem, 2);
      for (std::int64_t h = 0; h < 2; ++h)
        for (std::int64_t t = 7; t < 60; ++t) std::copy_n(a.v.view().row(0, h, t - 7), 6, shifted.v.view().row(0, h, t));
      const auto out = call.run(a), moved = call.run(shifted);
      for (std::int64_t h = 0; h < 2; ++h)
        for (std::int64_t t = 9; t < 43; ++t)
          for (std::int64_t c = 0; c < 6; ++c)
            CHECK(moved.view().row(0, h, t + 7)[c] == Approx(out.view().row(0, h, t)[c]).margin(2e-6));
    }
}

TEST_CASE("conv1d: a depthwise channel reads its own channel only, the others all") {
  for (const char* kind : {"dense", "separable", "depthwise"}) {
    Call call("conv1d", "h2 n10 d3", {{"kind", kind}});
    auto a = random_arrays(call.problem);
    const auto before = call.run(a);
    a.v.view().row(0, 0, 5)[1] += 1;
    const auto after = call.run(a);
    for (std::int64_t h = 0; h < 2; ++h)
      for (std::int64_t c = 0; c < 3; ++c)
        CHECK((before.view().row(0, h, 5)[c] != after.view().row(0, h, 5)[c]) ==
              (std::string_view(kind) != "depthwise" || (h == 0 && c == 1)));
  }
}

TEST_CASE("conv1d counts the taps that meet a token") {
  const auto& variant = *find_variant("conv1d");
  const auto cost = [&](const char* text, const Settings& settings) {
    return variant.cost(parse_problem(text), Call("conv1d", text, settings).params);
  };
  CHECK(cost("b2 h4 n100 d8 causal", {}).multiply_adds == 2 * (100 + 99 + 98) * 32. * 32);
  CHECK(cost("b2 h4 n100 d8", {}).multiply_adds == 2 * (99 + 100 + 99) * 32. * 32);
  CHECK(cost("h4 n100 d8 causal", {{"kind", "separable"}}).multiply_adds == (100 + 99 + 98) * 32. + 100 * 32. * 32);
  CHECK(cost("h4 n100 d8 causal", {{"kind", "depthwise"}, {"gate", "glu"}}).multiply_adds == (100 + 99 + 98) * 64. + 100 * 32.);
  CHECK(cost("n10 d8 causal", {{"dilation", "8"}}).multiply_adds == (10 + 2) * 8. * 8);
  CHECK(cost("n10 d8 causal klen=4", {{"kernel", "2"}}).multiply_adds == (4 + 4) * 8. * 8);
  CHECK(cost("n10 d8", {}).depth == 1);
}

}  // namespace
}  // namespace attnbench::testing
