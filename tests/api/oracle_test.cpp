// If these fail, the truth that every variant is judged against is not the truth.
#include "variants/api/oracle.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "harness/contract/random_inputs.h"
#include "tests/catch.h"

using namespace attnbench;
using namespace attnbench::contract;

namespace {

std::vector<std::int64_t> all_rows(const Problem& p) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(p.n_q));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

std::vector<double> exact(const Problem& p, const NamedTensors& tensors, std::vector<std::int64_t> rows = {},
                          AttendsFunction attends = nullptr, const Parallel& parallel = {}) {
  if (rows.empty()) rows = all_rows(p);
  std::vector<double> out(static_cast<std::size_t>(p.batch * p.heads_q * p.d_v) * rows.size(), std::nan(""));
  dense_oracle({p, {}, tensors.inputs(p), {}, rows, out.data(), parallel}, attends);
  return out;
}

Tensor filled(const Shape& shape, std::initializer_list<float> values) {
  Tensor tensor(shape);
  std::copy(values.begin(), values.end(), tensor.data());
  return tensor;
}

// A problem with one query and three keys whose scores are the numbers given (d_qk = 1, q = 1) and whose values are 1, 10, 100.
NamedTensors three_scores(float a, float b, float c) {
  return {filled({1, 1, 1, 1}, {1}), filled({1, 1, 3, 1}, {a, b, c}), filled({1, 1, 3, 1}, {1, 10, 100}), {}};
}

double softmax_of(std::initializer_list<double> scores) {
  double total = 0, sum = 0, value = 1;
  for (const double s : scores) {
    total += std::exp(s);
    sum += std::exp(s) * value;
    value *= 10;
  }
  return sum / total;
}

constexpr double kMasked = -std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("scale, then softcap, then the additive mask") {
  auto tensors = three_scores(1, 2, -3);
  CHECK(exact(parse_problem("n1:3"), tensors)[0] == Approx(softmax_of({1, 2, -3})));
  CHECK(exact(parse_problem("n1:3 scale=0.5"), tensors)[0] == Approx(softmax_of({0.5, 1, -1.5})));
  const auto capped = [](double s) { return 2 * std::tanh(s / 2); };
  CHECK(exact(parse_problem("n1:3 scale=3 softcap=2"), tensors)[0] == Approx(softmax_of({capped(3), capped(6), capped(-9)})));
  tensors.mask = filled({1, 1, 1, 3}, {5, 0, -std::numeric_limits<float>::infinity()});
  CHECK(exact(parse_problem("n1:3 scale=3 softcap=2 mask=additive"), tensors)[0] ==
        Approx(softmax_of({capped(3) + 5, capped(6), kMasked})));
}

TEST_CASE("the default scale is one over the square root of d_qk") {
  CHECK(parse_problem("n1 d64").effective_scale() == 0.125);
  CHECK(parse_problem("n1 d16:4").effective_scale() == 0.25);
  CHECK(parse_problem("n1 d64 scale=0").effective_scale() == 0);
}

TEST_CASE("scores far beyond what exp can hold are as right as small ones") {
  const auto p = parse_problem("n1:3");
  CHECK(exact(p, three_scores(1000, 1001, -1000))[0] == Approx(softmax_of({0, 1, kMasked})));
  CHECK(exact(p, three_scores(-1000, -1001, -3000))[0] == Approx(softmax_of({0, -1, kMasked})));
}

TEST_CASE("masks select pairs by their definitions") {
  struct Row {
    const char* problem;
    const char* seen;  // one word per query row, 'x' where the key is seen
  };
  for (const auto& [text, seen] : {
           Row{"n3 causal", "x.. xx. xxx"},
           Row{"n2:4 causal-top-left", "x... xx.."},
           Row{"n2:4 causal-bottom-right", "xxx. xxxx"},
           Row{"n4:2 causal-bottom-right", ".. .. x. xx"},
           Row{"n4:2 causal-top-left", "x. xx xx xx"},
           Row{"n4 window=1:0", "x... xx.. .xx. ..xx"},
           Row{"n4 window=0:2", "xxx. .xxx ..xx ...x"},
           Row{"n4 window=inf:0", "x... xx.. xxx. xxxx"},
           Row{"n2:4 window=1:0", ".xx. ..xx"},  // without a causal mask the window is bottom-right
           Row{"n2:4 causal-top-left window=1:5", "x... xx.."},
           Row{"n4:2 window=1:1", ".. x. xx xx"},
           Row{"n3 klen=2", "xx. xx. xx."},
           Row{"n3 causal klen=1", "x.. x.. x.."},
           Row{"n2:3 klen=0", "... ..."},
       }) {
    CAPTURE(text);
    const auto p = parse_problem(text);
    const auto tensors = random_inputs(p);
    std::string drawn;
    for (std::int64_t i = 0; i < p.n_q; ++i) {
      const auto keys = visible_keys(p, 0, i);
      if (i) drawn += ' ';
      for (std::int64_t j = 0; j < p.n_k; ++j) {
        const bool attends = problem_attends(p, tensors.inputs(p), 0, 0, i, j);
        CHECK(attends == (keys.begin <= j && j < keys.end));  // two independent statements of the same masks
        drawn += attends ? 'x' : '.';
      }
    }
    CHECK(drawn == seen);
  }
}

TEST_CASE("a boolean mask broadcasts over batch and heads as stored") {
  for (const char* text : {"b2 h2 n5 mask=bool", "b2 h2 n5 mask=bool:b", "b2 h2 n5 mask=bool:h", "b2 h2 n5 mask=bool:bh"}) {
    CAPTURE(text);
    const auto p = parse_problem(text);
    const auto tensors = random_inputs(p);
    const auto view = tensors.mask.view<std::uint8_t>();
    for (std::int64_t b = 0; b < 2; ++b)
      for (std::int64_t h = 0; h < 2; ++h)
        for (std::int64_t t = 0; t < 25; ++t)
          CHECK(problem_attends(p, tensors.inputs(p), b, h, t / 5, t % 5) ==
                (view.row(p.mask.per_batch ? b : 0, p.mask.per_head ? h : 0, t / 5)[t % 5] != 0));
  }
}

TEST_CASE("rows that see nothing are exactly zero, and masked keys are never read") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  SECTION("key lengths") {
    const auto p = parse_problem("b2 h1 n3 d2 klen=0,2");
    auto tensors = random_inputs(p);
    for (std::int64_t j = 0; j < 3; ++j) tensors.k.view().row(0, 0, j)[0] = tensors.v.view().row(0, 0, j)[1] = nan;
    tensors.k.view().row(1, 0, 2)[0] = tensors.v.view().row(1, 0, 2)[0] = nan;
    const auto out = exact(p, tensors);
    for (std::size_t t = 0; t < 6; ++t) CHECK(out[t] == 0.0);
    for (std::size_t t = 6; t < 12; ++t) CHECK(std::isfinite(out[t]));
  }
  SECTION("additive minus infinity") {
    const auto p = parse_problem("n1:3 mask=additive");
    auto tensors = three_scores(1, nan, 2);
    tensors.v.data()[1] = nan;
    const float masked = -std::numeric_limits<float>::infinity();
    tensors.mask = filled({1, 1, 1, 3}, {0, masked, 0});
    CHECK(std::isfinite(exact(p, tensors)[0]));
    tensors.mask = filled({1, 1, 1, 3}, {masked, masked, masked});
    CHECK(exact(p, tensors)[0] == 0.0);
  }
}

TEST_CASE("query heads read their group's key/value head") {
  const auto p = parse_problem("h4:2 n1:3 d1");
  NamedTensors tensors{
      filled({1, 4, 1, 1}, {1, 1, 1, 1}), filled({1, 2, 3, 1}, {0, 0, 0, 0, 0, 0}), filled({1, 2, 3, 1}, {7, 7, 7, 9, 9, 9}), {}};
  const auto out = exact(p, tensors);
  CHECK(out[0] == Approx(7));
  CHECK(out[1] == Approx(7));
  CHECK(out[2] == Approx(9));
  CHECK(out[3] == Approx(9));
}

TEST_CASE("some rows are the same rows of all, on any number of threads") {
  const auto p = parse_problem("b2 h4:2 n40:30 d5:3 causal-bottom-right klen=30,11 mask=additive:bh softcap=4");
  const auto tensors = random_inputs(p);
  const auto all = exact(p, tensors);
  const std::vector<std::int64_t> rows{0, 10, 11, 39};
  const auto some = exact(p, tensors, rows);
  for (std::int64_t head = 0; head < 8; ++head)
    for (std::size_t r = 0; r < rows.size(); ++r)
      for (std::int64_t c = 0; c < 3; ++c)
        CHECK(some[static_cast<std::size_t>((head * 4 + static_cast<std::int64_t>(r)) * 3 + c)] ==
              all[static_cast<std::size_t>((head * 40 + rows[r]) * 3 + c)]);
}

TEST_CASE("a pattern is applied on top of the problem's masks") {
  const auto p = parse_problem("n1:3 klen=2");
  const AttendsFunction not_first = [](const MaskTask&, std::int64_t, std::int64_t, std::int64_t, std::int64_t j) {
    return j != 0;
  };
  CHECK(exact(p, three_scores(1, 2, 3), {}, not_first)[0] == Approx(10));
}

TEST_CASE("a variant without an oracle of its own is judged by the dense one") {
  const auto p = parse_problem("n1:3");
  const auto tensors = three_scores(1, 2, 3);
  double out = 0;
  const std::vector<std::int64_t> rows{0};
  const OracleTask task{p, {}, tensors.inputs(p), {}, rows, &out, {}};
  Variant variant{};
  reference(variant, task);
  CHECK(out == Approx(softmax_of({1, 2, 3})));
  variant.attends = [](const MaskTask&, std::int64_t, std::int64_t, std::int64_t, std::int64_t j) { return j == 2; };
  reference(variant, task);
  CHECK(out == Approx(100));
  variant.oracle = [](const OracleTask& own) { own.out[0] = 42; };
  reference(variant, task);
  CHECK(out == 42);
}
