// fourier: public numbers, lengths that are powers of two and others, and that both forms are one definition.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

TEST_CASE("fourier of 0 .. 11 as four tokens of three channels") {
  const float expected[] = {66, -6, -6, -18, 0, 0, -18, 0, 0, -18, 0, 0};
  for (const char* form : {"fft", "matrix"})
    for (const char* text : {"h1 n4 d3", "h3 n4 d1"}) {
      INFO(form << ", " << text);
      Call call("fourier", text, {{"form", form}});
      auto a = empty_inputs(call.problem);
      const auto width = call.problem.d_v, heads = call.problem.heads_q;
      for (std::int64_t t = 0; t < 4; ++t)
        for (std::int64_t c = 0; c < 3; ++c) a.v.view().row(0, c / width, t)[c % width] = static_cast<float>(3 * t + c);
      const auto out = call.run(a);
      for (std::int64_t t = 0; t < 4; ++t)
        for (std::int64_t c = 0; c < 3; ++c)
          CHECK(out.view().row(0, c / width, t)[c % width] == Approx(expected[3 * t + c]).margin(2e-5));
      CHECK(heads * width == 3);
    }
}

TEST_CASE("fourier is right for every kind of length, along the sequence and along the channels") {
  for (const char* form : {"fft", "matrix"})
    for (const char* text : {"n1 d1", "n2 d1", "n1 d2", "n3 d4", "n8 d8", "n7 d12", "h2 n16 d5", "h3 n31 d33", "n33 d64",
                             "h2 n61 d31", "b2 h2 n64 d16:24", "h4 n100 d32", "n257 d3", "b3 h1 n96 d40"}) {
      INFO(form << ", " << text);
      CHECK(error_of(Call("fourier", text, {{"form", form}})) < kTolerance);
    }
}

TEST_CASE("fourier: fast transforms and tables agree, on any number of threads") {
  for (const char* text : {"b2 h2 n200 d24", "n128 d64"}) {
    INFO(text);
    Call fast("fourier", text, {{"form", "fft"}}, 1);
    const auto a = random_arrays(fast.problem);
    const auto out = fast.run(a);
    const auto tables = Call("fourier", text, {{"form", "matrix"}}).run(a);
    for (std::int64_t t = 0; t < element_count(out.shape()); ++t)
      CHECK(tables.data()[t] == Approx(out.data()[t]).margin(2e-3));  // outputs are some 100 in size
    CHECK(same_bits(out, Call("fourier", text, {{"form", "fft"}}, 4).run(a)));
  }
}

TEST_CASE("fourier: a constant is one frequency, an impulse all of them") {
  Call call("fourier", "h2 n24 d5", {{"form", "fft"}});
  auto a = empty_inputs(call.problem);
  std::fill_n(a.v.data(), 240, 1.0f);
  auto out = call.run(a);
  for (std::int64_t t = 0; t < 240; ++t) CHECK(out.data()[t] == Approx(t == 0 ? 240 : 0).margin(1e-3));
  std::fill_n(a.v.data(), 240, 0.0f);
  a.v.data()[0] = 1;
  out = call.run(a);
  for (std::int64_t t = 0; t < 240; ++t) CHECK(out.data()[t] == Approx(1).margin(1e-6));
}

TEST_CASE("fourier: normalise=ortho keeps the size of the tokens") {
  Call plain("fourier", "h2 n40 d10"), ortho("fourier", "h2 n40 d10", {{"normalise", "ortho"}});
  const auto a = random_arrays(plain.problem);
  const auto x = plain.run(a), y = ortho.run(a);
  for (std::int64_t t = 0; t < 800; ++t) CHECK(y.data()[t] * std::sqrt(800.0) == Approx(x.data()[t]).margin(1e-3));
}

// F_n^-1 in place of F_n gives X with its rows reversed but for the first: a wrong sign in one transform only.
TEST_CASE("fourier: a transform of the wrong sign is another function") {
  Call call("fourier", "n30 d7", {{"form", "fft"}});
  auto a = random_arrays(call.problem);
  const auto out = call.run(a);
  auto mirrored = random_arrays(call.problem);
  for (std::int64_t t = 1; t < 30; ++t) std::copy_n(a.v.view().row(0, 0, 30 - t), 7, mirrored.v.view().row(0, 0, t));
  CHECK(relative_rms(call.run(mirrored), std::vector<double>(out.data(), out.data() + 210)) > 0.1);
}

TEST_CASE("fourier: what it costs and how many levels wait for one another") {
  const auto& variant = *find_variant("fourier");
  const auto cost = [&](const char* text, const char* form) {
    return variant.cost(parse_problem(text), Call("fourier", text, {{"form", form}}).params);
  };
  CHECK(cost("h4 n1024 d64", "fft").depth == 10);
  CHECK(cost("h4 n1024 d64", "fft").multiply_adds == 1024 * (2.5 * 256 * 8 / 2 + 2 * 129) + 129 * 2.5 * 1024 * 10);
  CHECK(cost("h1 n100 d16", "matrix").multiply_adds == 100 * (2. * 16 * 16 + 2 * 9 * 100));
  CHECK(cost("h1 n100 d16", "matrix").depth == 1);
}

}  // namespace
}  // namespace attnbench::testing
