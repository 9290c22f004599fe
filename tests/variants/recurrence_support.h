// What every recurrence with a matrix state must keep, and its second float64 form.
#pragma once

#include "harness/contract/cases.h"
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {

using Settings = std::vector<std::pair<std::string, std::string>>;

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

/// N(0, 1) queries, keys and values, and the call's extra inputs as their specs fill them.
inline NamedTensors recurrent_arrays(const Call& call, std::uint32_t seed = 1) {
  return contract::random_inputs({&call.variant, call.params}, call.problem, seed);
}

inline void fill(const Tensor& tensor, float value) { std::fill_n(tensor.data(), element_count(tensor.shape()), value); }

inline void copy(const Tensor& from, const Tensor& to) {
  REQUIRE(from.bytes() == to.bytes());
  std::memcpy(to.data(), from.data(), from.bytes());
}

inline std::vector<double> doubles(const Tensor& x) { return {x.data(), x.data() + element_count(x.shape())}; }

inline double error_with(Call& call, const NamedTensors& arrays) {
  const auto inputs = arrays.inputs(call.problem);
  return relative_rms(call.run(inputs), call.reference(inputs));
}

/// Lengths that cut groups of positions at every edge, both alignments with cached keys and blind rows, grouped heads, other
/// dimensions, key lengths; one thread, and more threads than heads.
inline void check_recurrence(const char* variant, const Settings& settings = {}) {
  for (const char* shape : {"n1 d8", "n2 d1", "n3 d5:7", "n4 d8", "n5 d33", "n15 d8:70", "n16 d64", "n17 d80:16", "h2 n31 d70",
                            "b2 h4:2 n33 d12:40", "h3:1 n50 d64", "h5:1 n21 d8:100", "n1:70 d16", "n20:70 d8", "n70:20 d8",
                            "b2 h2 n37 d16 klen=20,0", "b2 n9:37 d16 klen=36,30"})
    for (const char* causal : {" causal-bottom-right", " causal-top-left"})
      for (const int threads : {1, 5}) {
        Call call(variant, std::string(shape) + causal, settings, threads);
        CAPTURE(variant, shape, causal, call.params.non_default(), threads);
        CHECK(error_with(call, recurrent_arrays(call)) <= kTolerance);
      }
}

/// Neither keys nor extra inputs at positions from `first` on, or beyond a key length, leave a trace where they are not seen.
/// `of_rows` names an extra input that belongs to the query rows.
inline void check_unseen(const char* variant, const Settings& settings = {}, std::string_view of_rows = {}) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const char* problem : {"n40 d8 causal", "n40 d8 causal klen=27"}) {
    Call call(variant, problem, settings, 1);
    CAPTURE(variant, problem, call.params.non_default());
    const std::int64_t first = 27, rows = call.problem.key_lengths.empty() ? first : 40;
    auto arrays = recurrent_arrays(call);
    const auto before = call.run(arrays);
    for (auto* x : {&arrays.k, &arrays.v}) std::fill_n(x->view().row(0, 0, first), (40 - first) * 8, kNan);
    for (const auto& spec : extras_of(call.variant, call.problem, call.params))
      if (spec.shape[2] == 40 && spec.name != of_rows)
        std::fill_n(arrays.extras[spec.name].view().row(0, 0, first), (40 - first) * spec.shape[3], kNan);
    const auto after = call.run(arrays);
    CHECK(std::memcmp(before.data(), after.data(), static_cast<std::size_t>(rows) * 8 * sizeof(float)) == 0);
  }
}

/// Decays of which half are ordinary and the others 0 (nothing fades), -inf (a full reset) and far below what float32 can hold.
inline void mix_log_decays(const Tensor& g) {
  std::mt19937 random(3);
  for (std::int64_t t = 0; t < element_count(g.shape()); ++t) switch (random() % 6) {
      case 0: g.data()[t] = 0; break;
      case 1: g.data()[t] = random() % 4 == 0 ? kMinusInfinity : -1e-3f; break;
      case 2: g.data()[t] = random() % 4 == 0 ? -300.0f : -8.0f; break;
      default: break;
    }
}

/// Each row of x [n][d] over sqrt(|row|^2 + 1e-6), times `factor`.
inline std::vector<double> unit_rows(std::vector<double> x, std::int64_t d, double factor) {
  for (std::size_t at = 0; at < x.size(); at += static_cast<std::size_t>(d)) {
    double squares = 1e-6;
    for (std::size_t c = 0; c < static_cast<std::size_t>(d); ++c) squares += x[at + c] * x[at + c];
    for (std::size_t c = 0; c < static_cast<std::size_t>(d); ++c) x[at + c] *= factor / std::sqrt(squares);
  }
  return x;
}

/// The rows of one head; each matrix [n][d] as the recurrence has them: queries with their scale, keys as they are written.
struct ExactRows {
  std::int64_t n, d;
  std::vector<double> q, k, decay, v;  // v [n][d]
  std::vector<double> beta{};          // [n]; empty: nothing is erased
};

/// The quadratic form, causal, n_q = n_k: o_i = sum_{j <= i} (q_i . Gamma_ij k_j) u_j with Gamma_ij the product of the decays after
/// j up to i and u = v, or with the delta rule u_i = beta_i (v_i - sum_{j < i} (k_i . Gamma_ij k_j) u_j).
inline std::vector<double> quadratic_form(const ExactRows& x) {
  const auto at = [&](const std::vector<double>& m, std::int64_t i, std::int64_t c) {
    return m[static_cast<std::size_t>(i * x.d + c)];
  };
  auto u = x.v;
  std::vector<double> out(u.size(), 0.0), faded(static_cast<std::size_t>(x.d));
  const auto pass = [&](std::int64_t i, const std::vector<double>& left, std::int64_t last, auto add) {
    std::fill(faded.begin(), faded.end(), 1.0);
    for (auto j = i; j >= 0; --j) {
      double score = 0;
      for (std::int64_t c = 0; c < x.d; ++c) score += at(left, i, c) * faded[static_cast<std::size_t>(c)] * at(x.k, j, c);
      if (j <= last) add(j, score);
      for (std::int64_t c = 0; c < x.d; ++c) faded[static_cast<std::size_t>(c)] *= at(x.decay, j, c);
    }
  };
  for (std::int64_t i = 0; i < x.n; ++i) {
    if (!x.beta.empty()) {
      const double beta = x.beta[static_cast<std::size_t>(i)];
      pass(i, x.k, i - 1, [&](std::int64_t j, double score) {
        for (std::int64_t c = 0; c < x.d; ++c) u[static_cast<std::size_t>(i * x.d + c)] -= score * at(u, j, c);
      });
      for (std::int64_t c = 0; c < x.d; ++c) u[static_cast<std::size_t>(i * x.d + c)] *= beta;
    }
    pass(i, x.q, i, [&](std::int64_t j, double score) {
      for (std::int64_t c = 0; c < x.d; ++c) out[static_cast<std::size_t>(i * x.d + c)] += score * at(u, j, c);
    });
  }
  return out;
}

inline double relative_rms(const std::vector<double>& x, const std::vector<double>& y) {
  double error = 0, size = 0;
  REQUIRE(x.size() == y.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    error += (x[i] - y[i]) * (x[i] - y[i]);
    size += y[i] * y[i];
  }
  return std::sqrt(error / size);
}

}  // namespace attnbench::testing
