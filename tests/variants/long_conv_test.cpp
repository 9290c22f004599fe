// long_conv: against its sum, where the end of a transform would come around, filters, and what the future does to the past.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;
const Settings kPlain{{"gate", "none"}};

// The filter of head 0, read off by an impulse at the first token.
std::vector<double> read_filter(Call& call) {
  auto a = empty_inputs(call.problem);
  a.v.data()[0] = 1;
  const auto out = call.run(a);
  std::vector<double> h;
  for (std::int64_t t = 0; t < call.problem.n_q; ++t) h.push_back(out.view().row(0, 0, t)[0]);
  return h;
}

TEST_CASE("long_conv is right for powers of two, other lengths and any number of channels") {
  for (const char* filter : {"random", "s4d"})
    for (const char* gate : {"qk", "none"})
      for (const char* text : {"n1 d1 causal", "n2 d3 causal", "h3 n3 d8 causal", "h2 n63 d16 causal", "h2 n64 d33 causal",
                               "h5 n65 d40 causal", "b2 h2 n300 d64 causal", "b3 h1 n90 d20 causal klen=90,31,0"}) {
        INFO(filter << ", " << gate << ", " << text);
        CHECK(error_of(Call("long_conv", text, {{"filter", filter}, {"gate", gate}})) < kTolerance);
      }
}

TEST_CASE("long_conv: the filter's squares sum to 1, and it decays") {
  for (const char* filter : {"random", "s4d"}) {
    Call call("long_conv", "h1 n256 d1 causal", {{"gate", "none"}, {"filter", filter}});
    const auto h = read_filter(call);
    double squares = 0, late = 0;
    for (std::size_t t = 0; t < h.size(); ++t) {
      squares += h[t] * h[t];
      if (t >= 192) late += h[t] * h[t];
    }
    CHECK(squares == Approx(1).epsilon(1e-5));
    if (std::string_view(filter) == "random") CHECK(late < 0.02);
  }
}

// The mistake of a transform without padding: the last tokens reach the first rows.
TEST_CASE("long_conv does not come around: a circular convolution is something else") {
  Call call("long_conv", "h1 n64 d1 causal", {{"gate", "none"}, {"filter", "s4d"}});
  const auto h = read_filter(call);
  const auto a = random_arrays(call.problem);
  const auto out = call.run(a);
  std::vector<double> causal(64, 0.0), circular(64, 0.0);
  for (std::size_t i = 0; i < 64; ++i)
    for (std::size_t j = 0; j < 64; ++j) {
      circular[i] += h[(i + 64 - j) % 64] * static_cast<double>(a.v.data()[j]);
      if (j <= i) causal[i] += h[i - j] * static_cast<double>(a.v.data()[j]);
    }
  CHECK(relative_rms(out, causal) < 1e-5);
  CHECK(relative_rms(out, circular) > 0.3);
}

TEST_CASE("long_conv: shifted tokens give shifted outputs") {
  Call call("long_conv", "h2 n100 d5 causal", kPlain);
  auto a = empty_inputs(call.problem), shifted = empty_inputs(call.problem);
  const auto drawn = random_arrays(call.problem);
  for (std::int64_t h = 0; h < 2; ++h)
    for (std::int64_t t = 0; t < 40; ++t) {
      std::copy_n(drawn.v.view().row(0, h, t), 5, a.v.view().row(0, h, t));
      std::copy_n(drawn.v.view().row(0, h, t), 5, shifted.v.view().row(0, h, t + 60));
    }
  const auto out = call.run(a), moved = call.run(shifted);
  for (std::int64_t h = 0; h < 2; ++h)
    for (std::int64_t t = 0; t < 40; ++t)
      for (std::int64_t c = 0; c < 5; ++c)
        CHECK(moved.view().row(0, h, t + 60)[c] == Approx(out.view().row(0, h, t)[c]).margin(3e-6));
}

TEST_CASE("long_conv: heads and channels do not mix, and heads have filters of their own") {
  Call call("long_conv", "h2 n40 d3 causal", kPlain);
  auto a = random_arrays(call.problem);
  for (std::int64_t t = 0; t < 40; ++t) std::copy_n(a.v.view().row(0, 0, t), 3, a.v.view().row(0, 1, t));
  const auto before = call.run(a);
  CHECK(before.view().row(0, 0, 20)[0] != Approx(before.view().row(0, 1, 20)[0]).margin(1e-3));
  for (std::int64_t t = 0; t < 40; ++t) a.v.view().row(0, 0, t)[1] = 3;
  const auto after = call.run(a);
  for (std::int64_t t = 0; t < 40; ++t) {
    CHECK(std::memcmp(before.view().row(0, 1, t), after.view().row(0, 1, t), 3 * sizeof(float)) == 0);
    CHECK(after.view().row(0, 0, t)[0] == Approx(before.view().row(0, 0, t)[0]).margin(1e-6));
  }
}

TEST_CASE("long_conv: the future changes the past by rounding errors only") {
  Call call("long_conv", "h1 n200 d16 causal");
  auto a = random_arrays(call.problem);
  const auto before = call.run(a);
  for (std::int64_t t = 150; t < 200; ++t) std::fill_n(a.v.view().row(0, 0, t), 16, 2.0f);
  const auto after = call.run(a);
  for (std::int64_t t = 0; t < 150 * 16; ++t) CHECK(after.data()[t] == Approx(before.data()[t]).margin(1e-5));
}

TEST_CASE("long_conv: what it costs") {
  const auto& variant = *find_variant("long_conv");
  const auto p = parse_problem("b2 h4 n1000 d8 causal");
  const auto cost = variant.cost(p, Call("long_conv", "n1 d1 causal").params);
  CHECK(cost.multiply_adds == 64 * (2.5 * 2048 * 11 + 2048 + 2000));
  CHECK(cost.depth == 22);
}

}  // namespace
}  // namespace attnbench::testing
