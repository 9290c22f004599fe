// efficient: its two softmaxes by closed forms, rows that sum to 1, and keys of any size.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

// One channel: every query mixes the one mean, softmax(k)^T v.
TEST_CASE("efficient with one channel gives each row the keys' own softmax") {
  Call call("efficient", "n3:4 d1");
  auto a = random_arrays(call.problem);
  const float keys[] = {0, 1, -1, 2};
  std::copy_n(keys, 4, a.k.data());
  double total = 0, sum = 0;
  for (std::int64_t j = 0; j < 4; ++j) {
    total += std::exp(keys[j]);
    sum += std::exp(keys[j]) * a.v.data()[j];
  }
  const auto out = call.run(a);
  for (std::int64_t i = 0; i < 3; ++i) CHECK(out.data()[i] == Approx(sum / total));
}

// q = [ln 3, 0]: the channels weigh 3/4 and 1/4. k = [ln 4, 0], [0, ln 4]: channel 0 weighs the keys 4/5 and 1/5, channel 1 the
// other way round. So key 0 weighs 3/4 4/5 + 1/4 1/5 = 13/20.
TEST_CASE("efficient: a pair worked out by hand") {
  Call call("efficient", "n1:2 d2:1");
  auto a = random_arrays(call.problem);
  const float q[] = {std::log(3.0f), 0}, k[] = {std::log(4.0f), 0, 0, std::log(4.0f)}, v[] = {1, 0};
  std::copy_n(q, 2, a.q.data());
  std::copy_n(k, 4, a.k.data());
  std::copy_n(v, 2, a.v.data());
  CHECK(call.run(a).data()[0] == Approx(13.0 / 20));
}

// Other implementations multiply the queries' softmax by d^(-1/2): rows of 1 would come out as that.
TEST_CASE("efficient puts no factor on the queries' softmax: rows of ones stay ones") {
  Call call("efficient", "h2 n70 d16");
  auto a = random_arrays(call.problem);
  std::fill_n(a.v.data(), element_count(a.v.shape()), 1.0f);
  const auto out = call.run(a);
  for (std::int64_t t = 0; t < element_count(out.shape()); ++t) CHECK(out.data()[t] == Approx(1).epsilon(2e-6));
}

TEST_CASE("efficient takes keys and queries of any size, in any order") {
  for (const float size : {1.0f, 50.0f, 1e4f})
    for (const bool rising : {false, true})
      for (const int threads : {1, 4}) {
        CAPTURE(size, rising, threads);
        Call call("efficient", "h2 n200 d12:7", {}, threads);
        auto a = random_arrays(call.problem);
        for (std::int64_t t = 0; t < element_count(a.k.shape()); ++t) {
          a.q.data()[t] *= size;
          a.k.data()[t] = size * (rising ? static_cast<float>(t / 12 % 200) / 50 : a.k.data()[t]);
        }
        const auto inputs = a.inputs(call.problem);
        CHECK(relative_rms(call.run(inputs), call.reference(inputs)) < 5e-6);
      }
}

TEST_CASE("efficient is right around its panels, and sees no key beyond a length") {
  for (const char* text : {"n1 d1", "h4:2 n63 d8:5", "n64 d33", "n65:129 d16", "b3 h2 n70 d8 klen=70,1,0"})
    CHECK(error_of(Call("efficient", text)) < kTolerance);
}

TEST_CASE("efficient refuses to look ahead: there is no causal softmax over positions") {
  for (const char* text : {"n4 d4 causal", "n4 d4 scale=1", "n4 d4 mask=bool"})
    CHECK(unsupported_reasons(*find_variant("efficient"), parse_problem(text), Params()).size() == 1);
}

}  // namespace
}  // namespace attnbench::testing
