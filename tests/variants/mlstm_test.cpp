// mlstm: the stabiliser and its bound, the normaliser on both sides of it, gates without end.
#include "tests/variants/recurrence_support.h"

namespace attnbench::testing {
namespace {

// The recurrence as the paper's section 2.3 has it, without a stabiliser; `bound` is the 1 of the normaliser.
std::vector<double> unstabilised(const NamedTensors& arrays, std::int64_t n, std::int64_t d, double bound) {
  std::vector<double> memory(static_cast<std::size_t>(d * d), 0.0), sum(static_cast<std::size_t>(d), 0.0), out;
  const auto q = arrays.q.view(), k = arrays.k.view(), v = arrays.v.view();
  for (std::int64_t t = 0; t < n; ++t) {
    const double f = std::exp(double{arrays.extras["log_decay"].data()[t]}),
                 i = std::exp(double{arrays.extras["input_gate"].data()[t]});
    std::vector<double> read(static_cast<std::size_t>(d), 0.0);
    double total = 0;
    for (std::int64_t r = 0; r < d; ++r) {
      const double key = double{k.row(0, 0, t)[r]} / std::sqrt(static_cast<double>(d)), query = double{q.row(0, 0, t)[r]};
      double& entry = sum[static_cast<std::size_t>(r)];
      total += query * (entry = f * entry + i * key);
      for (std::int64_t c = 0; c < d; ++c) {
        double& cell = memory[static_cast<std::size_t>(r * d + c)];
        read[static_cast<std::size_t>(c)] += query * (cell = f * cell + i * key * double{v.row(0, 0, t)[c]});
      }
    }
    for (const double x : read) out.push_back(x / std::max(std::abs(total), bound));
  }
  return out;
}

TEST_CASE("mlstm is the recurrence without its stabiliser, where that can be computed") {
  for (const float shift : {0.0f, -10.0f, 8.0f}) {  // -10: as a new model's input gates
    Call call("mlstm", "n80 d7 causal");
    auto arrays = recurrent_arrays(call);
    auto& gate = arrays.extras["input_gate"];
    for (std::int64_t t = 0; t < 80; ++t) gate.data()[t] += shift;
    const auto inputs = arrays.inputs(call.problem);
    CAPTURE(shift);
    CHECK(relative_rms(call.reference(inputs), unstabilised(arrays, 80, 7, 1)) < 1e-12);
    // Large gates leave the bound far below: a sum that happens to cancel is then divided by as it is.
    CHECK(relative_rms(call.run(inputs), unstabilised(arrays, 80, 7, 1)) < (shift > 0 ? 3e-5 : kTolerance));
  }
}

// max(|n q|, 1) on the stabilised n is the usual mistake; here, with one key, it would be e^m times too small a bound.
TEST_CASE("mlstm's bound is 1 in the paper's units, e^-m in the stabilised ones") {
  Call call("mlstm", "n1 d1 causal scale=1");
  auto arrays = recurrent_arrays(call);
  for (auto* x : {&arrays.q, &arrays.k, &arrays.v}) fill(*x, 0.25f);
  fill(arrays.extras["input_gate"], std::log(4.0f));
  CHECK(call.run(arrays).data()[0] == Approx(0.25 * 0.25 * 0.25 * 4));  // |n q| = 1/4 < 1
  fill(arrays.extras["input_gate"], std::log(64.0f));
  CHECK(call.run(arrays).data()[0] == Approx(0.25));  // |n q| = 4; the mistake: 0.25^3 = 0.0156
}

TEST_CASE("mlstm is right whatever the shape, the alignment and the number of threads") {
  check_recurrence("mlstm");
  check_unseen("mlstm");
}

TEST_CASE("mlstm: input gates of any size, closed gates and full resets") {
  for (const float size : {30.0f, 300.0f}) {
    Call call("mlstm", "h2 n120 d8 causal");
    auto arrays = recurrent_arrays(call);
    auto& gate = arrays.extras["input_gate"];
    for (std::int64_t t = 0; t < element_count(gate.shape()); ++t) {
      gate.data()[t] *= size;
      if (t % 7 == 0) gate.data()[t] = kMinusInfinity;
    }
    mix_log_decays(arrays.extras["log_decay"]);
    CAPTURE(size);
    CHECK(error_with(call, arrays) < 1e-5);
    fill(gate, kMinusInfinity);
    const auto out = call.run(arrays);
    CHECK(std::count(out.data(), out.data() + element_count(out.shape()), 0.0f) == element_count(out.shape()));
  }
}

}  // namespace
}  // namespace attnbench::testing
