// gru: the equations against public numbers, both places of the reset gate, and how they differ.
#include "tests/catch.h"
#include "tests/variants/call.h"
#include "variants/kernels/random_weights.h"

namespace attnbench::testing {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// A GRU of one unit, w, u and b in the order r z n; `state_bias` belongs to U_n h.
struct OneUnit {
  double w[3], u[3], b[3], state_bias;
  bool reset_after;
  double h = 0;

  double step(double x) {
    const double r = sigmoid(w[0] * x + u[0] * h + b[0]), z = sigmoid(w[1] * x + u[1] * h + b[1]);
    const double state = reset_after ? r * (u[2] * h + state_bias) : u[2] * (r * h) + state_bias;
    const double n = std::tanh(w[2] * x + b[2] + state);
    return h = (1 - z) * n + z * h;
  }
};

TEST_CASE("the GRU written out here gives the numbers of a cell with all weights one half") {
  const double plain[] = {.174468, .292576, .37565};
  const double after[] = {.22497, .372774, .474635}, before[] = {.250701, .409838, .517015};  // with a bias of 0.3 on U_n h
  for (const bool reset_after : {true, false}) {
    OneUnit cell{{.5, .5, .5}, {.5, .5, .5}, {}, 0, reset_after}, biased = cell;
    biased.state_bias = .3;
    for (int t = 0; t < 3; ++t) {
      CHECK(cell.step(1) == Approx(plain[t]).margin(5e-6));
      CHECK(biased.step(1) == Approx(reset_after ? after[t] : before[t]).margin(5e-6));
    }
  }
}

// Largest distance of an output of one unit from that cell with the drawn weights, the gates r and z exchanged if asked to.
double distance_to(bool reset_after, const NamedTensors& arrays, const Tensor& out, bool exchanged = false) {
  const auto w = kernels::random_weights(3, 1, 7, 0), gates = kernels::random_weights(2, 1, 7, 1);
  const auto own = kernels::random_weights(1, 1, 7, 2), b = kernels::random_weights(4, 1, 7, 3);
  const int r = exchanged ? 1 : 0;
  const auto at = [](const std::vector<float>& x, int i) { return double{x[static_cast<std::size_t>(i)]}; };
  OneUnit cell{{at(w, r), at(w, 1 - r), at(w, 2)},
               {at(gates, r), at(gates, 1 - r), at(own, 0)},
               {at(b, r), at(b, 1 - r), at(b, 2)},
               at(b, 3),
               reset_after};
  double distance = 0;
  for (std::int64_t t = 0; t < arrays.v.shape()[2]; ++t)
    distance = std::max(distance, std::abs(cell.step(arrays.v.data()[t]) - out.data()[t]));
  return distance;
}

TEST_CASE("gru of one unit is that cell, gates in the order r z n, the reset where it is asked for") {
  for (const char* reset : {"after", "before"}) {
    INFO(reset);
    Call call("gru", "n40 d1 causal", {{"reset", reset}});  // prepared with seed 7
    const auto a = random_arrays(call.problem);
    const auto out = call.run(a);
    const bool after = std::string_view(reset) == "after";
    CHECK(distance_to(after, a, out) < 1e-6);
    CHECK(distance_to(!after, a, out) > 1e-3);
    CHECK(distance_to(after, a, out, true) > 1e-2);  // the order z r n
  }
}

TEST_CASE("gru: where the reset gate stands is no detail") {
  Call after("gru", "h3 n50 d4 causal"), before("gru", "h3 n50 d4 causal", {{"reset", "before"}});
  const auto a = random_arrays(after.problem);
  const auto inputs = a.inputs(after.problem);
  CHECK(relative_rms(before.run(inputs), after.reference(inputs)) > 0.05);
}

TEST_CASE("gru is right around panels of units, chunks of positions and groups of batch entries") {
  for (const char* reset : {"after", "before"})
    for (const char* text : {"n127 d16 causal", "n129 d16:63 causal", "h3 n128 d8:43 causal", "b7 h2 n260 d5 causal",
                             "b13 h1 n33 d64 causal", "h4 n1 d64 causal", "h8 n20 d64 causal"})
      for (const int threads : {1, 8}) {
        INFO(reset << ", " << text << ", " << threads << " threads");
        CHECK(error_of(Call("gru", text, {{"reset", reset}}, threads)) < kTolerance);
      }
}

TEST_CASE("gru keeps its state beyond a key length and never reads there") {
  for (const char* reset : {"after", "before"}) {
    Call call("gru", "b3 h2 n20 d3 causal klen=20,5,0", {{"reset", reset}});
    auto a = random_arrays(call.problem);
    const auto clean = call.run(a);
    for (std::int64_t i = 5; i < 20; ++i) {
      CHECK(clean.view().row(1, 1, i)[2] == clean.view().row(1, 1, 4)[2]);
      CHECK(clean.view().row(2, 0, i)[0] == 0);
    }
    for (std::int64_t h = 0; h < 2; ++h) std::fill_n(a.v.view().row(1, h, 5), 15 * 3, std::numeric_limits<float>::quiet_NaN());
    CHECK(same_bits(clean, call.run(a)));
  }
}

TEST_CASE("gru: what a step costs, and that steps wait for one another") {
  const auto cost = find_variant("gru")->cost(parse_problem("b2 h4 n100 d16 causal"), Call("gru", "n1 d1 causal").params);
  CHECK(cost.multiply_adds == 2.0 * 100 * 6 * 64 * 64);
  CHECK(cost.exps == 2.0 * 100 * 3 * 64);
  CHECK(cost.depth == 100);
}

}  // namespace
}  // namespace attnbench::testing
