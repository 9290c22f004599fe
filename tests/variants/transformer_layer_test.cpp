// transformer_layer: what each part adds, in which order, for which inner variants; encoder, decoder and cross.
#include "tests/catch.h"
#include "tests/variants/call.h"
#include "variants/kernels/dense/layer_ops.h"
#include "variants/kernels/random_weights.h"

namespace attnbench::testing {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

TEST_CASE("layer norm: mean 0, variance 1, then gain and bias; a large mean costs no digits") {
  for (const int count : {1, 2, 3, 17, 64, 100}) {
    INFO(count);
    std::vector<float> x, gain, bias, y(static_cast<std::size_t>(count));
    for (int c = 0; c < count; ++c) {
      x.push_back(100 + 0.25f * static_cast<float>(c * c % 7));
      gain.push_back(1 + 0.5f * static_cast<float>(c % 3));
      bias.push_back(0.125f * static_cast<float>(c % 5));
    }
    double mean = 0, variance = 0;
    for (const float value : x) mean += value / static_cast<double>(count);
    for (const float value : x) variance += (value - mean) * (value - mean) / count;
    kernels::layer_norm(x.data(), gain.data(), bias.data(), y.data(), count);
    for (std::size_t c = 0; c < x.size(); ++c)
      CHECK(y[c] == Approx(gain[c] * (x[c] - mean) / std::sqrt(variance + 1e-5) + bias[c]).margin(2e-4));
  }
}

TEST_CASE("activations at known points") {
  const float bias[] = {0, 0, 0, 1, 0.5f};
  float relu[] = {-1, 0, 2, -3, 1}, gelu[] = {-1, 0, 1, 1, 2.5f};
  kernels::bias_relu(bias, relu, 5);
  const float rectified[] = {0, 0, 2, 0, 1.5f};
  for (int c = 0; c < 5; ++c) CHECK(relu[c] == rectified[c]);
  kernels::bias_gelu(bias, gelu, 5);
  const double expected[] = {-0.158808, 0, 0.841192, 1.954598, 2.996363};  // the tanh form; x Phi(x) gives -0.158655, 0.841345
  for (int c = 0; c < 5; ++c) CHECK(gelu[c] == Approx(expected[c]).margin(2e-6));
}

TEST_CASE("transformer_layer is right in every form, around blocks of rows and for grouped heads") {
  for (const char* norm : {"post", "pre"})
    for (const char* activation : {"relu", "gelu"})
      for (const char* text :
           {"h2 n1 d4", "b2 h2 n127 d8", "h3 n129 d5 causal", "h4:2 n128 d8", "h4:2 n70:9 d4", "b2 h2 n9:130 d8 klen=0,77"}) {
        INFO(norm << ", " << activation << ", " << text);
        CHECK(error_of(Call("transformer_layer", text, {{"norm", norm}, {"activation", activation}, {"ff", "3"}})) < kTolerance);
      }
}

TEST_CASE("transformer_layer: one sequence is Q's, form=cross reads K and V as well") {
  for (const char* form : {"auto", "cross"}) {
    INFO(form);
    Call call("transformer_layer", "h2 n12 d4 causal", {{"form", form}});
    auto a = random_arrays(call.problem);
    const auto before = call.run(a);
    a.k.data()[3] += 1;
    a.v.data()[3] += 1;
    CHECK(same_bits(before, call.run(a)) == (std::string_view(form) != "cross"));
  }
  Call cross("transformer_layer", "h2 n12:5 d4");
  auto a = random_arrays(cross.problem);
  const auto before = cross.run(a);
  a.v.data()[3] += 1;
  CHECK_FALSE(same_bits(before, cross.run(a)));
}

// A row that sees no key: attention adds nothing, so that the rest can be written down.
TEST_CASE("transformer_layer without attention is residuals, norms and feed-forward in the order asked for") {
  const auto weights = [](std::int64_t count, std::int64_t fan_in, std::uint64_t stream) {
    return kernels::random_weights(count, fan_in, 7, stream);
  };
  const auto up = weights(8, 2, 4), up_bias = weights(4, 2, 5), down = weights(8, 4, 6), down_bias = weights(2, 4, 7);
  const auto norm = [&](std::vector<double> x, std::uint64_t stream) {
    const auto gain = weights(2, 100, stream), bias = weights(2, 100, stream + 1);
    const double mean = (x[0] + x[1]) / 2, deviation = std::sqrt((x[0] - x[1]) * (x[0] - x[1]) / 4 + 1e-5);
    for (std::size_t c = 0; c < 2; ++c) x[c] = (1 + gain[c]) * (x[c] - mean) / deviation + bias[c];
    return x;
  };
  const auto with_feed_forward = [&](const std::vector<double>& from, std::vector<double> y) {
    for (std::size_t m = 0; m < 4; ++m) {
      const double u = std::max(0.0, from[0] * up[m] + from[1] * up[4 + m] + up_bias[m]);
      for (std::size_t c = 0; c < 2; ++c) y[c] += u * down[m * 2 + c];
    }
    for (std::size_t c = 0; c < 2; ++c) y[c] += down_bias[c];
    return y;
  };
  const Settings settings{{"ff", "2"}};
  Call post("transformer_layer", "n6 d2 klen=0", settings),
      pre("transformer_layer", "n6 d2 klen=0", {{"ff", "2"}, {"norm", "pre"}});
  const auto a = random_arrays(post.problem);
  const auto after = post.run(a), before = pre.run(a);
  for (std::int64_t i = 0; i < 6; ++i) {
    const std::vector<double> x{a.q.data()[2 * i], a.q.data()[2 * i + 1]};
    const auto normalised = norm(x, 8);
    const auto last = norm(with_feed_forward(normalised, normalised), 10);
    const auto residual = with_feed_forward(norm(x, 10), x);
    for (std::size_t c = 0; c < 2; ++c) {
      CHECK(after.data()[static_cast<std::size_t>(2 * i) + c] == Approx(last[c]).margin(2e-4));
      CHECK(before.data()[static_cast<std::size_t>(2 * i) + c] == Approx(residual[c]).margin(1e-5));
    }
  }
}

TEST_CASE("transformer_layer stands around any inner variant that can run") {
  for (const auto* inner : builtin_variants()) {
    Call call("transformer_layer", "b2 h4 n60 d16 causal", {{"inner", inner->name}});
    if (inner->name == call.variant.name || !unsupported_reasons(call.variant, call.problem, call.params).empty()) continue;
    INFO(inner->name);
    CHECK(error_of(std::move(call)) < kTolerance);
  }
}

TEST_CASE("transformer_layer infers: dropout is accepted and drops nothing") {
  Call plain("transformer_layer", "h2 n20 d8"), dropping("transformer_layer", "h2 n20 d8", {{"dropout", "0.5"}});
  const auto a = random_arrays(plain.problem);
  CHECK(same_bits(plain.run(a), dropping.run(a)));
}

TEST_CASE("transformer_layer says why it cannot run") {
  const auto reasons = [](const char* problem, const char* key, const char* value) {
    const auto& variant = *find_variant("transformer_layer");
    Params params(variant.params);
    params.set(key, value);
    return unsupported_reasons(variant, parse_problem(problem), params);
  };
  CHECK(reasons("n4 d4", "inner", "nonsense") ==
        Reasons{"transformer_layer has no inner variant 'nonsense'; `attnbench list` names them"});
  CHECK(reasons("n4 d4", "inner", "transformer_layer") == Reasons{"transformer_layer cannot be its own inner variant"});
  CHECK(reasons("n4 d4 softcap=2", "inner", "linear") == Reasons{"transformer_layer: inner linear does not support softcap"});
}

TEST_CASE("transformer_layer counts projections and feed-forward on top of the inner variant") {
  const auto& variant = *find_variant("transformer_layer");
  const auto extra = [&](const char* text, const Settings& settings) {
    const auto p = parse_problem(text);
    return variant.cost(p, Call("transformer_layer", text, settings).params).multiply_adds -
           find_variant("blockwise")->cost(p, Call("blockwise", text).params).multiply_adds;
  };
  CHECK(extra("b2 h8 n100 d64", {}) == 2. * 100 * 12 * 512 * 512);  // Vaswani's base model: 4 for attention, 8 behind it
  CHECK(extra("h4:2 n10:20 d8", {{"ff", "1"}}) == 10. * (4 * 32 * 32) + 20. * (2 * 16 * 16));
}

}  // namespace
}  // namespace attnbench::testing
