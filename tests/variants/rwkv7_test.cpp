// rwkv7: its transition as the paper's matrices have it, what is read when, and the delta rules that it holds.
#include "tests/variants/recurrence_support.h"

namespace attnbench::testing {
namespace {

enum class Mistake { none, erase_after_decay, read_before };

// With S [d_v, d] and the matrix of a step formed whole, as in the paper; k_a = 1.
std::vector<double> by_matrices(const NamedTensors& arrays, std::int64_t n, std::int64_t d, Mistake mistake = Mistake::none) {
  const auto at = [d](std::int64_t r, std::int64_t c) { return static_cast<std::size_t>(r * d + c); };
  const auto kappa = unit_rows(doubles(arrays.k), d, 1), q = doubles(arrays.q), k = doubles(arrays.k), v = doubles(arrays.v);
  const auto g = doubles(arrays.extras["log_decay"]), rate = doubles(arrays.extras["rate"]);
  std::vector<double> state(at(d, 0), 0.0), next(at(d, 0)), out;
  const auto read = [&](std::int64_t t) {
    for (std::int64_t e = 0; e < d; ++e) {
      double sum = 0;
      for (std::int64_t c = 0; c < d; ++c) sum += state[at(e, c)] * q[at(t, c)];
      out.push_back(sum);
    }
  };
  for (std::int64_t t = 0; t < n; ++t) {
    if (mistake == Mistake::read_before) read(t);
    for (std::int64_t e = 0; e < d; ++e)
      for (std::int64_t c = 0; c < d; ++c) {
        double sum = v[at(t, e)] * k[at(t, c)] * rate[at(t, c)];
        for (std::int64_t r = 0; r < d; ++r) {
          const double decay = std::exp(g[at(t, r)]);
          const double found = kappa[at(t, r)] * (mistake == Mistake::erase_after_decay ? decay : 1);
          sum += state[at(e, r)] * ((r == c ? decay : 0) - found * rate[at(t, c)] * kappa[at(t, c)]);
        }
        next[at(e, c)] = sum;
      }
    state = next;
    if (mistake != Mistake::read_before) read(t);
  }
  return out;
}

TEST_CASE("rwkv7 is the paper's product of matrices, also with gates of 0 and of a full reset, and not its look-alikes") {
  Call call("rwkv7", "n50 d7 causal");
  const auto arrays = recurrent_arrays(call);
  const auto inputs = arrays.inputs(call.problem);
  CHECK(relative_rms(call.run(inputs), by_matrices(arrays, 50, 7, Mistake::erase_after_decay)) > 1e-2);
  CHECK(relative_rms(call.run(inputs), by_matrices(arrays, 50, 7, Mistake::read_before)) > 1e-2);
  mix_log_decays(arrays.extras["log_decay"]);
  CHECK(relative_rms(call.reference(inputs), by_matrices(arrays, 50, 7)) < 1e-13);
  CHECK(relative_rms(call.run(inputs), by_matrices(arrays, 50, 7)) < kTolerance);
}

TEST_CASE("rwkv7 is right whatever the shape, the alignment and the number of threads") {
  check_recurrence("rwkv7");
  check_recurrence("rwkv7", {{"k_a", "0.5"}});
  check_unseen("rwkv7");
}

// Without gates the state that kappa reads has not faded: then one rate for all channels is beta.
TEST_CASE("rwkv7 without gates, with rates of beta on keys of norm 1, is delta_net") {
  Call rwkv("rwkv7", "h4:2 n60 d8 causal"), delta("delta_net", "h4:2 n60 d8 causal scale=1");
  auto arrays = recurrent_arrays(rwkv), others = recurrent_arrays(delta);
  for (auto* a : {&arrays, &others})
    for (auto* x : {&a->q, &a->k}) {
      const auto unit = unit_rows(doubles(*x), 8, 1);
      std::copy(unit.begin(), unit.end(), x->data());
    }
  fill(arrays.extras["log_decay"], 0);
  for (std::int64_t t = 0; t < element_count(arrays.extras["rate"].shape()); ++t)
    arrays.extras["rate"].data()[t] = others.extras["beta"].data()[t / 8];
  CHECK(relative_rms(rwkv.run(arrays), doubles(delta.run(others))) < 5e-6);  // 1e-6 in the norm, once or twice
}

TEST_CASE("rwkv7 with rates of 0 and k_a 0 is gla") {
  Call rwkv("rwkv7", "n60 d8 causal", {{"k_a", "0"}}), gla("gla", "n60 d8 causal scale=1");
  auto arrays = recurrent_arrays(rwkv);
  fill(arrays.extras["rate"], 0);
  CHECK(relative_rms(rwkv.run(arrays), doubles(gla.run(arrays))) < 1e-6);
}

}  // namespace
}  // namespace attnbench::testing
