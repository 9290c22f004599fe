// If these fail, an approximation's error is a number about the wrong rows, without a scale, or with an interval that does not
// hold.
#include "harness/worker/approximation.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "harness/contract/random_inputs.h"
#include "tests/catch.h"
#include "variants/api/oracle.h"

using namespace attnbench;
using attnbench::contract::random_inputs;

namespace {

constexpr Variant kPlain{.name = "plain",
                         .family = "test",
                         .summary = "",
                         .paper = "",
                         .computes = Computes::approximates_softmax,
                         .time_label = "",
                         .memory_label = ""};

constexpr Variant patterned(AttendsFunction attends) {
  auto variant = kPlain;
  variant.attends = attends;
  return variant;
}

// The error of `output` (the exact output where empty) for a variant, on all rows that the problem's sample has.
struct Measured {
  std::vector<std::int64_t> rows;
  std::vector<double> exact, mean_v;
  Approximation found;
};

Measured measure(const Variant& variant, const char* text, double output_factor = 1, std::uint64_t seed = 3) {
  const auto p = parse_problem(text);
  const auto tensors = random_inputs(p);
  const auto inputs = tensors.inputs(p);
  Measured m{approximation_rows(p, seed), {}, {}, {}};
  m.exact = exact_attention(p, inputs, m.rows, Parallel());
  m.mean_v = mean_of_values(p, inputs, m.rows, Parallel());
  std::vector<float> output(m.exact.size());
  std::transform(m.exact.begin(), m.exact.end(), output.begin(), [&](double x) { return static_cast<float>(output_factor * x); });
  const Params params;
  const Prepared prepared;
  const Parallel parallel;
  m.found = approximation_error({variant, params, p, inputs, prepared, parallel, m.rows, m.exact, m.mean_v, seed}, output);
  return m;
}

}  // namespace

TEST_CASE("rows for the approximation error: all when few, else a uniform sample without the edges' weight") {
  CHECK(approximation_rows(parse_problem("n1024:3"), 1).size() == 1024);
  CHECK(approximation_rows(parse_problem("n4096"), 1).size() == 256);
  CHECK(approximation_rows(parse_problem("n2048:65536"), 1).size() == 64);
  std::vector<int> times(2048);
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const auto rows = approximation_rows(parse_problem("n2048"), seed);
    REQUIRE(std::adjacent_find(rows.begin(), rows.end(), std::greater_equal<>()) == rows.end());
    for (const auto row : rows) ++times[static_cast<std::size_t>(row)];
  }
  // Each row is drawn with probability 1/8: 50 of 400 times, standard deviation 6.6.
  CHECK(*std::min_element(times.begin(), times.end()) > 50 - 5 * 6.6);
  CHECK(*std::max_element(times.begin(), times.end()) < 50 + 5 * 6.6);
  CHECK(approximation_rows(parse_problem("n2048"), 1) == approximation_rows(parse_problem("n2048"), 1));
  CHECK(approximation_rows(parse_problem("n2048"), 1) != approximation_rows(parse_problem("n2048"), 2));
}

// Rows more unlike one another than those of sliding_window on text (residuals of 0.47 of the mean error, here 0.8): log-normal
// sizes, errors of their own, an eighth of them exact.
TEST_CASE("the interval covers the error of all rows in about 95 of 100 samples") {
  constexpr int kRows = 4000, kTrials = 2000;
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> size(0, 0.4), error(-1, 0.5);
  std::vector<RowSquares> all(kRows);
  double errors = 0, exact = 0;
  for (auto& row : all) {
    row.exact = size(random);
    row.error = random() % 8 == 0 ? 0 : row.exact * error(random);
    errors += row.error;
    exact += row.exact;
  }
  const double truth = std::sqrt(errors / exact);
  for (const std::size_t count : {std::size_t{64}, std::size_t{256}}) {
    CAPTURE(count);
    int covered = 0;
    double width = 0;
    std::vector<RowSquares> sample(count);
    for (int trial = 0; trial < kTrials; ++trial) {
      std::sample(all.begin(), all.end(), sample.begin(), static_cast<std::ptrdiff_t>(count), random);
      const auto interval = sampling_interval(sample, kRows);
      REQUIRE(interval);
      covered += (*interval)[0] <= truth && truth <= (*interval)[1];
      width += ((*interval)[1] - (*interval)[0]) / truth / kTrials;
    }
    CHECK(covered > (count == 64 ? 0.91 : 0.93) * kTrials);  // few skewed rows cover a little less
    CHECK(covered < 0.97 * kTrials);
    CHECK(width < (count == 64 ? 0.4 : 0.2));
  }
}

TEST_CASE("no interval where nothing was left out, or nothing is finite") {
  const std::vector<RowSquares> rows{{1, 4}, {2, 4}, {1, 4}};
  CHECK_FALSE(sampling_interval(rows, 3));
  CHECK_FALSE(sampling_interval(std::span(rows).first(1), 10));
  CHECK_FALSE(sampling_interval(std::vector<RowSquares>{{1, 4}, {std::nan(""), 4}}, 10));
  const auto interval = sampling_interval(rows, 10);
  REQUIRE(interval);
  CHECK((*interval)[0] < std::sqrt(1.0 / 3));
  CHECK((*interval)[1] > std::sqrt(1.0 / 3));
  const auto none = sampling_interval(std::vector<RowSquares>{{0, 4}, {0, 2}}, 10);
  REQUIRE(none);
  CHECK((*none)[1] == 0);
}

TEST_CASE("an error is told with the errors of zeros and of the mean of V") {
  const auto half = measure(kPlain, "b2 h2 n60 d8 causal", 0.5).found;
  CHECK(half.rel_rms == Approx(0.5));
  CHECK(half.rows == 60);
  CHECK_FALSE(half.interval);
  CHECK(half.zeros_rel_rms == Approx(1));
  CHECK_FALSE(half.random_keys);
  CHECK(half.mean_v_rel_rms > 0.3);
  CHECK(half.mean_v_rel_rms < 1);
  const auto sampled = measure(kPlain, "b1 h1 n1500:40 d8", 0.5).found;
  CHECK(sampled.rows == 256);
  REQUIRE(sampled.interval);
  CHECK((*sampled.interval)[0] <= 0.5 + 1e-6);
  CHECK((*sampled.interval)[1] >= 0.5 - 1e-6);
}

TEST_CASE("the mean of V takes only values that a row sees") {
  const auto p = parse_problem("b1 h1 n4 d2 causal");
  const auto tensors = random_inputs(p);
  const std::vector<std::int64_t> rows{0, 2};
  const auto mean = mean_of_values(p, tensors.inputs(p), rows, Parallel());
  const auto v = tensors.inputs(p).values();
  CHECK(mean[0] == Approx(v.row(0, 0, 0)[0]));
  CHECK(mean[3] == Approx((v.row(0, 0, 0)[1] + v.row(0, 0, 1)[1] + v.row(0, 0, 2)[1]) / 3.0));
}

TEST_CASE("random keys are as many as the pattern lets a row see, drawn from the keys that the problem lets it see") {
  static constexpr auto all =
      patterned([](const MaskTask&, std::int64_t, std::int64_t, std::int64_t, std::int64_t) { return true; });
  static constexpr auto own =
      patterned([](const MaskTask&, std::int64_t, std::int64_t, std::int64_t i, std::int64_t j) { return j > i - 4 && j <= i; });
  const auto everything = measure(all, "b1 h2 n40 d8 causal").found;
  CHECK(everything.random_keys_rel_rms.value() == Approx(0).margin(1e-12));  // all the keys there are: the exact output
  CHECK(everything.random_keys.value() == Approx(20.5));
  const auto few = measure(own, "b1 h2 n40 d8 causal").found;
  CHECK(few.random_keys.value() == Approx((1 + 2 + 3 + 37 * 4) / 40.0));
  CHECK(few.random_keys_rel_rms.value() > 0.5);
  CHECK(few.random_keys_rel_rms.value() < 3);
  CHECK(few.random_keys_rel_rms == measure(own, "b1 h2 n40 d8 causal").found.random_keys_rel_rms);
  CHECK(few.random_keys_rel_rms != measure(own, "b1 h2 n40 d8 causal", 1, 4).found.random_keys_rel_rms);
}

TEST_CASE("an output with NaN has no approximation error and no interval") {
  const auto m = measure(kPlain, "b1 h1 n1500:40 d8", std::nan("")).found;
  CHECK(std::isnan(m.rel_rms));
  CHECK(std::isnan(m.max_abs));
  CHECK_FALSE(m.interval);
}
