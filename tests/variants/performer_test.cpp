// performer: its random rows, its closed forms, how near softmax it comes, and the stabiliser that neither leaks nor couples.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

using Weights = std::vector<float>;

// Column r of the prepared weights [d][stride]: sqrt(s) omega_r.
std::vector<double> omega(const Call& call, std::int64_t r) {
  const auto& weights = call.prepared.as<Weights>();
  const auto d = call.problem.d_qk;
  const auto stride = weights.size() / static_cast<std::size_t>(d);
  std::vector<double> row;
  for (std::int64_t c = 0; c < d; ++c) row.push_back(weights[static_cast<std::size_t>(c) * stride + static_cast<std::size_t>(r)]);
  return row;
}

double dot(const std::vector<double>& x, const std::vector<double>& y) {
  return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
}

void scale_all(Tensor& tensor, float factor) {
  for (std::int64_t t = 0; t < element_count(tensor.shape()); ++t) tensor.data()[t] *= factor;
}

TEST_CASE("performer draws orthogonal rows by blocks of d, of the length of Gaussian rows") {
  const Call orthogonal("performer", "n2 d64 scale=1"), independent("performer", "n2 d64 scale=1", {{"directions", "independent"}});
  double squares = 0, spread = 0;
  for (std::int64_t r = 0; r < 256; ++r) {
    const auto row = omega(orthogonal, r);
    squares += dot(row, row) / 256;
    spread += std::pow(dot(row, row) - 64, 2) / 256;
    for (std::int64_t other = r / 64 * 64; other < r; ++other) CHECK(std::abs(dot(row, omega(orthogonal, other))) < 1e-4);
  }
  CHECK(squares == Approx(64).epsilon(0.03));  // chi-squared of 64: mean 64, variance 128
  CHECK(spread == Approx(128).epsilon(0.4));
  CHECK(std::abs(dot(omega(independent, 0), omega(independent, 1))) > 0.01);
  const auto first = omega(Call("performer", "n2 d64 scale=0.25"), 0), whole = omega(orthogonal, 0);
  CHECK(first[5] == Approx(0.5 * whole[5]));  // the root of the scale
  const Call pairs("performer", "n2 d64 scale=1", {{"map", "hyp"}});
  CHECK(omega(pairs, 3)[7] == -omega(pairs, 131)[7]);
}

TEST_CASE("performer: one key has weight 1, and equal keys share it, for every map") {
  for (const char* map : {"pos", "hyp", "relu"}) {
    INFO(map);
    Call one("performer", "h2 n3:1 d8:5", {{"map", map}});
    const auto a = random_arrays(one.problem);
    const auto out = one.run(a);
    for (std::int64_t h = 0; h < 2; ++h)
      for (std::int64_t c = 0; c < 5; ++c) CHECK(out.view().row(0, h, 1)[c] == Approx(a.v.view().row(0, h, 0)[c]));
    Call equal("performer", "n6 d4:1 causal", {{"map", map}});
    auto b = random_arrays(equal.problem);
    for (std::int64_t j = 0; j < 6; ++j) {
      std::copy_n(b.k.view().row(0, 0, 0), 4, b.k.view().row(0, 0, j));
      *b.v.view().row(0, 0, j) = j == 0;
    }
    const auto means = equal.run(b);
    for (std::int64_t i = 0; i < 6; ++i) CHECK(*means.view().row(0, 0, i) == Approx(1.0 / static_cast<double>(i + 1)));
  }
}

// ||out - softmax|| / ||softmax|| for inputs of the given variance.
double distance_to_softmax(const char* map, const char* features, float variance) {
  Call call("performer", "n1024 d64", {{"map", map}, {"features", features}});
  auto a = random_arrays(call.problem, 3);
  scale_all(a.q, std::sqrt(variance));
  scale_all(a.k, std::sqrt(variance));
  const auto inputs = a.inputs(call.problem);
  return relative_rms(call.run(inputs), Call("naive", "n1024 d64").reference(inputs));
}

// Figures of an independent float64 computation, medians of three seeds; the mean of the values is at 0.108 and 0.82.
TEST_CASE("performer comes as near softmax as its estimator can") {
  CHECK(distance_to_softmax("pos", "64", 0.1f) == Approx(0.178).epsilon(0.2));
  CHECK(distance_to_softmax("pos", "256", 0.1f) == Approx(0.089).epsilon(0.2));
  CHECK(distance_to_softmax("pos", "1024", 0.1f) == Approx(0.045).epsilon(0.2));
  CHECK(distance_to_softmax("hyp", "256", 0.1f) == Approx(0.058).epsilon(0.2));
  CHECK(distance_to_softmax("pos", "256", 1) > 1.5);  // worse than the mean of the values: no fault
}

// The published stabiliser: e^(l - the largest omega.x' of all keys) + epsilon. Causal output in float64, [n][d_v].
std::vector<double> with_global_maximum(const Call& call, const NamedTensors& a, double epsilon) {
  const auto& p = call.problem;
  double top = -1e300;  // of the projections seen last
  const auto logs = [&](const Tensor& x, std::int64_t i) {
    std::vector<double> row;
    const float* at = x.view().row(0, 0, i);
    const std::vector<double> value(at, at + p.d_qk);
    for (std::int64_t r = 0; r < 256; ++r) row.push_back(dot(omega(call, r), value));
    top = std::max(top, *std::max_element(row.begin(), row.end()));
    for (auto& l : row) l -= p.effective_scale() / 2 * dot(value, value);
    return row;
  };
  std::vector<std::vector<double>> keys;
  for (std::int64_t j = 0; j < p.n_k; ++j) keys.push_back(logs(a.k, j));
  for (auto& row : keys)
    for (auto& x : row) x = std::exp(x - top) + epsilon;
  std::vector<double> out(static_cast<std::size_t>(p.n_q * p.d_v), 0.0);
  for (std::int64_t i = 0; i < p.n_q; ++i) {
    auto query = logs(a.q, i);
    const double most = *std::max_element(query.begin(), query.end());
    for (auto& x : query) x = std::exp(x - most) + epsilon;
    double total = 0;
    for (std::int64_t j = 0; j <= i; ++j) total += dot(query, keys[static_cast<std::size_t>(j)]);
    for (std::int64_t j = 0; j <= i; ++j)
      for (std::int64_t c = 0; c < p.d_v; ++c)
        out[static_cast<std::size_t>(i * p.d_v + c)] +=
            dot(query, keys[static_cast<std::size_t>(j)]) / total * a.v.view().row(0, 0, j)[c];
  }
  return out;
}

double change(const std::vector<double>& x, const std::vector<double>& y, std::size_t count) {
  double difference = 0, size = 0;
  for (std::size_t t = 0; t < count; ++t) {
    difference += (x[t] - y[t]) * (x[t] - y[t]);
    size += x[t] * x[t];
  }
  return std::sqrt(difference / size);
}

TEST_CASE("performer: the published stabiliser lets the last key change earlier rows; ours does not, by a bit") {
  Call call("performer", "n64 d64 causal");
  auto a = random_arrays(call.problem);
  const auto clean = call.run(a);
  const auto published = with_global_maximum(call, a, 1e-4), exact = with_global_maximum(call, a, 0);
  for (std::int64_t c = 0; c < 64; ++c) a.k.view().row(0, 0, 63)[c] *= 4;
  const auto after = call.run(a);
  CHECK(change(published, with_global_maximum(call, a, 1e-4), 63 * 64) > 0.1);
  CHECK(change(exact, with_global_maximum(call, a, 0), 63 * 64) < 1e-12);  // the epsilon is what makes it leak
  CHECK(std::memcmp(clean.data(), after.data(), 63 * 64 * sizeof(float)) == 0);
  CHECK(change(exact, std::vector<double>(clean.data(), clean.data() + 64 * 64), 64 * 64) < 1e-5);
}

TEST_CASE("performer: huge keys in one head leave no trace in the others") {
  for (const char* text : {"b2 h2 n70 d16", "b2 h2 n70 d16 causal"}) {
    Call call("performer", text);
    auto a = random_arrays(call.problem);
    const auto clean = call.run(a);
    for (std::int64_t t = 0; t < 70 * 16; ++t) a.k.data()[t] *= 20;
    const auto after = call.run(a);
    CHECK(std::memcmp(clean.view().row(0, 1, 0), after.view().row(0, 1, 0), 3 * 70 * 16 * sizeof(float)) == 0);
  }
}

// Logarithms of features lie hundreds apart here; keys rise along the sequence, so that shifts follow them.
TEST_CASE("performer stays right where features of one shift would overflow or vanish") {
  for (const char* text : {"h2 n90 d16:5", "h4:2 n90 d16 causal", "n40:90 d33 causal-bottom-right"})
    for (const float size : {6.0f, 25.0f})
      for (const int threads : {1, 3}) {
        CAPTURE(text, size, threads);
        Call call("performer", text, {}, threads);
        auto a = random_arrays(call.problem);
        scale_all(a.q, size);
        for (std::int64_t t = 0; t < element_count(a.k.shape()); ++t)
          a.k.data()[t] *= size * static_cast<float>(1 + t / call.problem.d_qk % call.problem.n_k) / 90.0f;
        const auto inputs = a.inputs(call.problem);
        CHECK(relative_rms(call.run(inputs), call.reference(inputs)) < 1e-3);  // float32's share of logarithms this large
      }
}

TEST_CASE("performer is right around its panels and segments") {
  for (const int n : {1, 15, 16, 17, 63, 64, 65, 129})
    for (const char* rest : {" d8:5", " d8:5 causal"})
      for (const int threads : {1, 5}) {
        const auto text = "h4:2 n" + std::to_string(n) + rest;
        CAPTURE(text, threads);
        CHECK(error_of(Call("performer", text, {{"features", "34"}}, threads)) < kTolerance);
      }
}

TEST_CASE("performer refuses scales without a root and pairs of an odd number") {
  const auto& variant = *find_variant("performer");
  for (const char* text : {"n4 d4 scale=0", "n4 d4 scale=-1", "n4 d4 window=1:0", "n4 d4 mask=bool"})
    CHECK(unsupported_reasons(variant, parse_problem(text), Params(variant.params)).size() == 1);
  Params params(variant.params);
  params.set("features", "7");
  CHECK(unsupported_reasons(variant, parse_problem("n4 d4"), params).empty());
  params.set("map", "hyp");
  CHECK(unsupported_reasons(variant, parse_problem("n4 d4"), params).size() == 1);
}

}  // namespace
}  // namespace attnbench::testing
