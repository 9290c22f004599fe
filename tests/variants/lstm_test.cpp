// lstm: the equations against public numbers, which weights go where, what a key length does, and how batches share the steps.
#include "tests/catch.h"
#include "tests/variants/call.h"
#include "variants/kernels/random_weights.h"

namespace attnbench::testing {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// An LSTM of one unit, w and u and b in the order i f g o.
struct OneUnit {
  double w[4], u[4], b[4];
  double c = 0, h = 0;

  void step(double x) {
    double sum[4];
    for (int g = 0; g < 4; ++g) sum[g] = w[g] * x + u[g] * h + b[g];
    c = sigmoid(sum[1]) * c + sigmoid(sum[0]) * std::tanh(sum[2]);
    h = sigmoid(sum[3]) * std::tanh(c);
  }
};

TEST_CASE("the LSTM written out here gives the numbers of a cell with all weights one half") {
  OneUnit cell{{.5, .5, .5, .5}, {.5, .5, .5, .5}, {}};
  const double h[] = {.17427, .309059, .407191}, c[] = {.287649, .524116, .723062};
  for (int t = 0; t < 3; ++t) {
    cell.step(1);
    CHECK(cell.h == Approx(h[t]).margin(5e-6));
    CHECK(cell.c == Approx(c[t]).margin(5e-6));
  }
}

// The drawn weights of a layer of one unit, gates in `order`.
OneUnit drawn_unit(const int (&order)[4]) {
  const auto w = kernels::random_weights(4, 1, 7, 0), u = kernels::random_weights(4, 1, 7, 1),
             b = kernels::random_weights(4, 1, 7, 2);
  OneUnit cell{};
  for (int g = 0; g < 4; ++g) {
    cell.w[g] = w[static_cast<std::size_t>(order[g])];
    cell.u[g] = u[static_cast<std::size_t>(order[g])];
    cell.b[g] = b[static_cast<std::size_t>(order[g])];
  }
  return cell;
}

double distance_to(OneUnit cell, const NamedTensors& arrays, const Tensor& out) {
  double distance = 0;
  for (std::int64_t t = 0; t < arrays.v.shape()[2]; ++t) {
    cell.step(arrays.v.data()[t]);
    distance = std::max(distance, std::abs(cell.h - out.data()[t]));
  }
  return distance;
}

TEST_CASE("lstm of one unit is that cell, gates in the order i f g o") {
  Call call("lstm", "n40 d1 causal");  // prepared with seed 7
  const auto a = random_arrays(call.problem);
  const auto out = call.run(a);
  CHECK(distance_to(drawn_unit({0, 1, 2, 3}), a, out) < 1e-6);
  CHECK(distance_to(drawn_unit({0, 1, 3, 2}), a, out) > 1e-2);  // the order i f o g
  CHECK(distance_to(drawn_unit({1, 0, 2, 3}), a, out) > 1e-2);
}

TEST_CASE("lstm is right around panels of units, chunks of positions and groups of batch entries") {
  for (const char* text : {"n127 d16 causal", "n129 d16:63 causal", "h3 n128 d8:43 causal", "b7 h2 n260 d5 causal",
                           "b13 h1 n33 d64 causal", "h4 n1 d64 causal", "b3 h8 n40 d64 causal"})
    for (const int threads : {1, 2, 8}) {
      INFO(text << ", " << threads << " threads");
      CHECK(error_of(Call("lstm", text, {}, threads)) < kTolerance);
    }
}

TEST_CASE("lstm gives the same bits on any number of threads, also where they share one step's product") {
  for (const char* text : {"b5 h2 n70 d32 causal", "h8 n20 d64 causal"}) {
    INFO(text);
    Call one("lstm", text, {}, 1);
    const auto a = random_arrays(one.problem);
    const auto out = one.run(a);
    for (const int threads : {2, 3, 8}) CHECK(same_bits(out, Call("lstm", text, {}, threads).run(a)));
  }
}

TEST_CASE("lstm keeps its state beyond a key length and never reads there") {
  Call call("lstm", "b3 h2 n20 d3 causal klen=20,5,0");
  auto a = random_arrays(call.problem);
  const auto clean = call.run(a);
  const auto out = clean.view();
  for (std::int64_t i = 5; i < 20; ++i)
    for (std::int64_t h = 0; h < 2; ++h)
      for (std::int64_t c = 0; c < 3; ++c) {
        CHECK(out.row(1, h, i)[c] == out.row(1, h, 4)[c]);
        CHECK(out.row(2, h, i)[c] == 0);
      }
  for (std::int64_t h = 0; h < 2; ++h) std::fill_n(a.v.view().row(1, h, 5), 15 * 3, std::numeric_limits<float>::quiet_NaN());
  CHECK(same_bits(clean, call.run(a)));
}

TEST_CASE("lstm saturates without overflow") {
  Call call("lstm", "n30 d16 causal");
  auto a = random_arrays(call.problem);
  for (std::int64_t t = 0; t < element_count(a.v.shape()); ++t) a.v.data()[t] *= 1e4f;
  const auto inputs = a.inputs(call.problem);
  CHECK(relative_rms(call.run(inputs), call.reference(inputs)) < kTolerance);
}

TEST_CASE("lstm: what a step costs, and that steps wait for one another") {
  const auto& variant = *find_variant("lstm");
  const auto cost = variant.cost(parse_problem("b2 h4 n100 d16 causal"), Params());
  CHECK(cost.multiply_adds == 2.0 * 100 * 8 * 64 * 64);
  CHECK(cost.exps == 2.0 * 100 * 5 * 64);
  CHECK(cost.depth == 100);
  CHECK(variant.cost(parse_problem("b2 n100 d16 causal klen=30,50"), Params()).depth == 50);
}

}  // namespace
}  // namespace attnbench::testing
