// Numbers other people published, typed in by hand: worked examples, layer tests of other libraries, and NumPy's own results.
// If one of these fails, our definition has drifted from everybody else's, even if our own oracle drifted with it.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

Tensor tensor(const Shape& shape, const std::vector<float>& values) {
  Tensor t(shape);
  std::copy(values.begin(), values.end(), t.data());
  return t;
}

void check_values(const Tensor& out, const std::vector<double>& expected, double margin) {
  REQUIRE(element_count(out.shape()) == static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO("element " << i);
    CHECK(out.data()[i] == Approx(expected[i]).margin(margin).epsilon(0));
  }
}

// Every variant that claims exact softmax attention must give the published numbers, whoever wrote it.
std::vector<std::string> exact_variants() {
  std::vector<std::string> names;
  for (const auto* variant : builtin_variants())
    if (variant->computes == Computes::exact_softmax) names.push_back(variant->name);
  return names;
}

// q = I, k = [[1,1],[1,2]], v = 2 I: a worked example found in several courses.
NamedTensors two_by_two() {
  return {tensor({1, 1, 2, 2}, {1, 0, 0, 1}), tensor({1, 1, 2, 2}, {1, 1, 1, 2}), tensor({1, 1, 2, 2}, {2, 0, 0, 2}), {}};
}

TEST_CASE("golden: two by two, unscaled") {
  const std::vector<double> expected{1, 1, 0.5379, 1.4621};
  check_values(Call("dot_product", "n2 d2").run(two_by_two()), expected, 5e-5);
  for (const auto& name : exact_variants()) {
    INFO(name);
    check_values(Call(name, "n2 d2 scale=1").run(two_by_two()), expected, 5e-5);
  }
}

TEST_CASE("golden: two by two, scaled by 1 / sqrt 2") {
  for (const auto& name : exact_variants()) {
    INFO(name);
    check_values(Call(name, "n2 d2").run(two_by_two()), {1, 1, 2 * 0.3302, 2 * 0.6698}, 1.1e-4);
  }
}

// q = [1,2,3] against two keys: scores 32 / sqrt 3 and 50 / sqrt 3. A widely copied tutorial prints weights 0.387 and 0.613
// for it (about what scores 0.46 apart would give, not 10.4 apart); the arithmetic says 3.06e-5 and 0.999969.
TEST_CASE("golden: the tutorial example with its weights corrected") {
  const NamedTensors a{tensor({1, 1, 1, 3}, {1, 2, 3}),
                       tensor({1, 1, 2, 3}, {4, 5, 6, 7, 8, 9}),
                       tensor({1, 1, 2, 3}, {10, 11, 12, 13, 14, 15}),
                       {}};
  const double far = 1 / (1 + std::exp(18 / std::sqrt(3.0)));
  CHECK(far == Approx(3.06e-5).epsilon(0.005));
  for (const auto& name : exact_variants()) {
    INFO(name);
    const auto out = Call(name, "n1:2 d3").run(a);
    check_values(out, {12.9999, 13.9999, 14.9999}, 5e-5);
    CHECK(out.data()[0] == Approx(13 - 3 * far).margin(2e-6).epsilon(0));
    CHECK(std::abs(out.data()[0] - (10 * 0.387 + 13 * 0.613)) > 1);
  }
}

// The inputs of Keras' tests for its Attention and AdditiveAttention layers.
NamedTensors keras() {
  return {tensor({1, 1, 2, 2}, {1, 0, 0, 1}), tensor({1, 1, 2, 2}, {0, 1, 1, 0}), tensor({1, 1, 2, 2}, {1, 2, 3, 4}), {}};
}

TEST_CASE("golden: Keras AdditiveAttention, score = sum tanh(q + k)") {
  check_values(Call("additive", "n2 d2", {{"weights", "identity"}}).run(keras()), {1.727, 2.727, 2.272, 3.272}, 6e-4);
}

TEST_CASE("golden: Keras Attention, dot score") {
  check_values(Call("dot_product", "n2 d2").run(keras()), {2.462, 3.462, 1.538, 2.538}, 6e-4);
}

TEST_CASE("golden: causal linear attention with q = k = 1 averages the past") {
  const NamedTensors a{tensor({1, 1, 3, 1}, {1, 1, 1}), tensor({1, 1, 3, 1}, {1, 1, 1}), tensor({1, 1, 3, 1}, {1, 0, 0}), {}};
  check_values(Call("linear", "n3 d1 causal").run(a), {1, 0.5, 1.0 / 3}, 1e-7);
}

// ONNX builds the inputs of its Attention-23 node tests with numpy.random.rand, float32, in the order Q, K, V. NumPy's legacy
// generator is mt19937; rand() takes 53 bits from two draws.
class NumpyRandom {
 public:
  explicit NumpyRandom(unsigned seed) : bits_(seed) {}
  Tensor rand(const Shape& shape) {
    Tensor t(shape);
    for (std::int64_t i = 0; i < element_count(shape); ++i) {
      const double high = bits_() >> 5, low = bits_() >> 6;
      t.data()[i] = static_cast<float>((high * 67108864.0 + low) / 9007199254740992.0);
    }
    return t;
  }

 private:
  std::mt19937 bits_;
};

NamedTensors onnx_arrays(std::int64_t heads_q, std::int64_t heads_kv) {
  NumpyRandom random(0);
  NamedTensors a;
  a.q = random.rand({2, heads_q, 4, 8});
  a.k = random.rand({2, heads_kv, 6, 8});
  a.v = random.rand({2, heads_kv, 6, 10});
  return a;
}

TEST_CASE("golden: mt19937 reproduces numpy.random.RandomState(0)") {
  const auto a = onnx_arrays(3, 3);
  CHECK(a.q.data()[0] == 0.5488135f);
  CHECK(a.q.data()[1] == 0.71518934f);
  CHECK(a.q.data()[2] == 0.60276335f);
  CHECK(a.k.data()[0] == 0.186193f);
  CHECK(a.v.data()[359] == 0.7150526f);
}

// What NumPy computes in float64 for those inputs: four elements and the sum of the whole output.
struct OnnxCase {
  const char* problem;
  std::int64_t heads_q, heads_kv;
  double first, second_row, middle, last, sum;
};

constexpr OnnxCase kOnnxCases[] = {
    {"b2 h3 n4:6 d8:10", 3, 3, 0.22838042, 0.3314244020, 0.5949535041, 0.5010781554, 116.4943413287},
    {"b2 h3 n4:6 d8:10 causal-top-left", 3, 3, 0.07086978, 0.0998609913, 0.5180711267, 0.4953912875, 116.1625903160},
    {"b2 h3 n4:6 d8:10 softcap=2", 3, 3, 0.22765594, 0.3325715882, 0.6006505593, 0.4936417569, 116.4876714292},
    {"b2 h9:3 n4:6 d8:10", 9, 3, 0.69115707, 0.4415297562, 0.5653363702, 0.3773486041, 365.0743090583},
};

TEST_CASE("golden: ONNX Attention-23 inputs, against NumPy") {
  for (const auto& c : kOnnxCases)
    for (const auto& name : exact_variants()) {
      INFO(name << " on " << c.problem);
      const auto out = Call(name, c.problem).run(onnx_arrays(c.heads_q, c.heads_kv));
      const auto o = out.view();
      const auto last = c.heads_q - 1;
      double sum = 0;
      for (std::int64_t i = 0; i < element_count(out.shape()); ++i) sum += out.data()[i];
      CHECK(o.row(0, 0, 0)[0] == Approx(c.first).margin(1e-6));
      CHECK(o.row(0, last, 1)[3] == Approx(c.second_row).margin(1e-6));
      CHECK(o.row(1, 1, 2)[5] == Approx(c.middle).margin(1e-6));
      CHECK(o.row(1, last, 3)[9] == Approx(c.last).margin(1e-6));
      CHECK(sum == Approx(c.sum).epsilon(1e-6));
    }
}

TEST_CASE("golden: every variant that takes the ONNX shapes agrees with its own float64 reference on them") {
  for (const auto& c : kOnnxCases)
    for (const auto* variant : builtin_variants()) {
      if (!unsupported_reasons(*variant, parse_problem(c.problem), Params(variant->params)).empty()) continue;
      INFO(variant->name << " on " << c.problem);
      Call call(variant->name, c.problem);
      auto a = onnx_arrays(c.heads_q, c.heads_kv);
      add_extras(call, a);
      const auto inputs = a.inputs(call.problem);
      CHECK(relative_rms(call.run(inputs), call.reference(inputs)) < kTolerance);
    }
}

}  // namespace
}  // namespace attnbench::testing
