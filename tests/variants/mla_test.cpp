// mla: both forms are one attention, what is read and what is not, the scale, and the published costs.
#include "tests/catch.h"
#include "tests/variants/call.h"
#include "variants/kernels/random_weights.h"

namespace attnbench::testing {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

Settings with_form(Settings settings, const char* form) {
  settings.emplace_back("form", form);
  return settings;
}

TEST_CASE("mla: keys and values made, or absorbed, are the same attention") {
  for (const char* text :
       {"h3 n1:40 d12", "h2 n30 d24:10 causal", "b2 h4 n9:33 d16 causal-bottom-right klen=20,33",
        "h2 n20:35 d9 mask=additive softcap=3", "b2 h2 n17 d6 window=4:2", "h4 n1:300 d48:32 causal-bottom-right"})
    for (const auto& settings :
         {Settings{}, Settings{{"latent", "7"}}, Settings{{"rope", "0"}}, Settings{{"rope", "5"}, {"latent", "40"}}})
      for (const int threads : {1, 3}) {
        INFO(text << ", " << threads << " threads");
        Call naive("mla", text, with_form(settings, "naive"), threads),
            absorbed("mla", text, with_form(settings, "absorbed"), threads);
        const auto a = inputs_of(naive);
        const auto inputs = a.inputs(naive.problem);
        const auto x = naive.run(inputs), y = absorbed.run(inputs);
        CHECK(relative_rms(x, naive.reference(inputs)) < kTolerance);  // each reference is of the other form
        CHECK(relative_rms(y, absorbed.reference(inputs)) < kTolerance);
        for (std::int64_t t = 0; t < element_count(x.shape()); ++t) CHECK(x.data()[t] == Approx(y.data()[t]).margin(1e-5));
      }
}

TEST_CASE("mla: K and V of the problem have no influence, the latents and the rotary key do") {
  for (const char* form : {"naive", "absorbed"}) {
    INFO(form);
    Call call("mla", "b2 h3 n10 d12 causal", {{"form", form}});
    auto a = inputs_of(call);
    const auto before = call.run(a);
    for (auto* tensor : {&a.k, &a.v})
      std::fill_n(tensor->data(), element_count(tensor->shape()), std::numeric_limits<float>::quiet_NaN());
    CHECK(same_bits(before, call.run(a)));
    for (const char* name : {"latent", "key_rope"}) {
      auto changed = inputs_of(call);
      changed.extras[name].data()[0] += 1;
      CHECK_FALSE(same_bits(before, call.run(changed)));
    }
  }
}

// One head, d_c = d_n = d_v = 1: everything can be written down.
TEST_CASE("mla of one head and one latent channel: weights, rotary part and scale where they belong") {
  Call call("mla", "n1:2 d2:1", {{"latent", "1"}, {"rope", "1"}, {"form", "absorbed"}});  // prepared with seed 7
  const double w_k = kernels::random_weights(1, 1, 7, 0)[0], w_v = kernels::random_weights(1, 1, 7, 1)[0];
  auto a = inputs_of(call);
  a.q.data()[0] = 2;
  a.q.data()[1] = -1.5f;
  const double c[] = {0.7, -0.4}, r[] = {0.3, 1.1};
  for (int j = 0; j < 2; ++j) {
    a.extras["latent"].data()[j] = static_cast<float>(c[j]);
    a.extras["key_rope"].data()[j] = static_cast<float>(r[j]);
  }
  const auto output = [&](double scale) {
    double weights[2], total = 0;
    for (int j = 0; j < 2; ++j) total += weights[j] = std::exp(scale * (2 * w_k * c[j] - 1.5 * r[j]));
    return (weights[0] * w_v * c[0] + weights[1] * w_v * c[1]) / total;
  };
  const auto out = call.run(a);
  CHECK(out.data()[0] == Approx(output(1 / std::sqrt(2.0))).epsilon(1e-5));
}

TEST_CASE("mla scales by d_n + d_r, not by what the absorbed form multiplies") {
  Call call("mla", "h2 n5 d12", {{"latent", "64"}, {"form", "absorbed"}}),
      other("mla", "h2 n5 d12 scale=0.11952286", {{"latent", "64"}, {"form", "absorbed"}});
  const auto a = inputs_of(call);  // 0.1195 is 1 / sqrt(d_c + d_r) = 1 / sqrt(64 + 4), rounded up
  const auto out = call.run(a), wrong = other.run(a);
  double difference = 0;
  for (std::int64_t t = 0; t < element_count(out.shape()); ++t)
    difference = std::max(difference, std::abs(double{out.data()[t]} - double{wrong.data()[t]}));
  CHECK(difference > 0.01);
}

// DeepSeek-V2 and V3: 128 heads, d_n 128, d_r 64, d_c 512, d_v 128; V2-Lite: 16 heads.
TEST_CASE("mla at the published shapes: cache, multiply-adds and where the forms cross") {
  const auto& variant = *find_variant("mla");
  const auto shape = [](int heads, int n_q, int n_k) {
    return parse_problem("h" + std::to_string(heads) + " n" + std::to_string(n_q) + ":" + std::to_string(n_k) + " d192:128");
  };
  const auto params = [](const char* form) { return Call("mla", "n1 d3", {{"form", form}}).params; };
  const auto work = [&](const Problem& p, const char* form) { return variant.cost(p, params(form)).multiply_adds; };

  std::int64_t cached = 0;
  for (const auto& spec : extras_of(variant, shape(128, 1, 1), params("auto"))) cached += spec.shape[3];
  CHECK(cached == 576);                                                                 // floats of a token
  CHECK(128 * (192 + 128) / static_cast<double>(cached) == Approx(71.1).margin(0.05));  // times less than keys and values
  CHECK(16 * (192 + 128) / static_cast<double>(cached) == Approx(8.9).margin(0.05));

  const auto once = shape(128, 1, 1), twice = shape(128, 2, 1);  // one more query of one key
  CHECK(work(twice, "naive") - work(once, "naive") == 40960);
  CHECK(work(shape(128, 1, 2), "absorbed") - work(once, "absorbed") == 139264);
  CHECK(work(shape(128, 1, 2), "naive") - work(once, "naive") == 16777216 + 40960);  // one more key
  for (const int heads : {16, 128}) {
    const auto cheaper = [&](int n_q) {
      return work(shape(heads, n_q, 1 << 20), "absorbed") < work(shape(heads, n_q, 1 << 20), "naive");
    };
    CHECK(cheaper(170));
    CHECK_FALSE(cheaper(171));
    CHECK(work(shape(heads, 170, 1 << 20), "auto") == work(shape(heads, 170, 1 << 20), "absorbed"));
    CHECK(work(shape(heads, 171, 1 << 20), "auto") == work(shape(heads, 171, 1 << 20), "naive"));
  }
}

TEST_CASE("mla refuses a rotary part that leaves nothing else") {
  const auto reasons =
      unsupported_reasons(*find_variant("mla"), parse_problem("n4 d4"), Call("mla", "n4 d8", {{"rope", "4"}}).params);
  CHECK(reasons == Reasons{"mla needs rope less than d_qk"});
}

}  // namespace
}  // namespace attnbench::testing
