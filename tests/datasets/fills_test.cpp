// If these fail, the extra inputs of a variant are not what its specs say, or change with what they must not depend on.
#include "datasets/fills.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/catch.h"
#include "variants/api/error.h"

using namespace attnbench;

namespace {

Tensor filled(const Fill& fill, const char* name = "gate", Shape shape = {2, 3, 500, 2}, std::uint64_t seed = 1) {
  return make_fill({name, shape, DType::f32, fill}, seed);
}

bool same(const Tensor& a, const Tensor& b) { return a.bytes() == b.bytes() && std::memcmp(a.data(), b.data(), a.bytes()) == 0; }

double mean_of(const Tensor& tensor) {
  double sum = 0;
  for (std::int64_t t = 0; t < element_count(tensor.shape()); ++t) sum += static_cast<double>(tensor.data()[t]);
  return sum / static_cast<double>(element_count(tensor.shape()));
}

std::pair<float, float> range_of(const Tensor& tensor) {
  const auto [low, high] = std::minmax_element(tensor.data(), tensor.data() + element_count(tensor.shape()));
  return {*low, *high};
}

}  // namespace

TEST_CASE("equal specs give equal bytes; another name or seed gives others, a shorter sequence the beginning") {
  CHECK(same(filled(Fill::normal(0, 1)), filled(Fill::normal(0, 1))));
  CHECK_FALSE(same(filled(Fill::normal(0, 1)), filled(Fill::normal(0, 1), "beta")));
  CHECK_FALSE(same(filled(Fill::normal(0, 1)), filled(Fill::normal(0, 1), "gate", {2, 3, 500, 2}, 2)));
  const auto whole = filled(Fill::normal(0, 1)), part = filled(Fill::normal(0, 1), "gate", {1, 2, 7, 2});
  CHECK(std::equal(part.view().row(0, 1, 0), part.view().row(0, 1, 0) + 14, whole.view().row(0, 1, 0)));
}

TEST_CASE("each fill has the values that its formula gives for the same normal numbers") {
  const auto z = filled(Fill::normal(0, 1)), normal = filled(Fill::normal(3, 0.5)), gate = filled(Fill::sigmoid(1)),
             decay = filled(Fill::log_sigmoid(2, 16)), step = filled(Fill::softplus(-4)), one = filled(Fill::constant(1));
  CHECK(std::abs(mean_of(z)) < 0.05);
  for (std::int64_t t = 0; t < element_count(z.shape()); ++t) {
    const double x = static_cast<double>(z.data()[t]);
    CHECK(normal.data()[t] == Approx(3 + 0.5 * x).margin(1e-6));
    CHECK(gate.data()[t] == Approx(1 / (1 + std::exp(-(1 + x)))));
    CHECK(decay.data()[t] == Approx(std::log(1 / (1 + std::exp(-(2 + x)))) / 16));
    CHECK(step.data()[t] == Approx(std::log1p(std::exp(x - 4))));
    CHECK(one.data()[t] == 1);
  }
}

TEST_CASE("far from 0, sigmoids and softplus are what they tend to") {
  CHECK(range_of(filled(Fill::softplus(-60))).first > 0);
  CHECK(range_of(filled(Fill::softplus(-60))).second < 1e-20f);
  CHECK(range_of(filled(Fill::softplus(1000))).second == Approx(1000).epsilon(0.01));
  CHECK(range_of(filled(Fill::sigmoid(1000))).first == 1);
  CHECK(range_of(filled(Fill::log_sigmoid(-1000, 1))).second == Approx(-1000).epsilon(0.01));
}

TEST_CASE("what is drawn per head is one number for each") {
  const auto rate = filled(Fill::per_head(-16, -1));
  for (std::int64_t h = 0; h < 3; ++h)
    for (std::int64_t b = 0; b < 2; ++b)
      for (std::int64_t i = 0; i < 500; ++i) CHECK(rate.view().row(b, h, i)[1] == rate.view().row(0, h, 0)[0]);
  CHECK(rate.view().row(0, 0, 0)[0] != rate.view().row(0, 1, 0)[0]);
  const auto many = range_of(filled(Fill::per_head(-16, -1), "gate", {1, 2000, 1, 1}));
  CHECK((many.first > -16 && many.first < -15.9f && many.second < -1 && many.second > -1.1f));
}

TEST_CASE("Mamba's decays are at most 0, and a head's typical one is its rate times its step") {
  const auto decay = filled(Fill::mamba_decay(), "log_decay", {1, 400, 50, 1});
  CHECK(range_of(decay).second < 0);
  // Medians over positions, where Z is about 0: -u softplus(c) with u in (1, 16) and softplus(c) in (0.001, 0.1).
  for (std::int64_t h = 0; h < 400; ++h) {
    std::vector<float> values(decay.view().row(0, h, 0), decay.view().row(0, h, 0) + 50);
    std::nth_element(values.begin(), values.begin() + 25, values.end());
    CHECK((values[25] > -16 * 0.1f * 2.5f && values[25] < -0.001f / 2.5f));
  }
}

TEST_CASE("an input that no formula makes is asked of a file") {
  CHECK_THROWS_WITH(filled({}, "page_table"),
                    "the input 'page_table' comes from a file only: give --dataset file:PATH with an array of "
                    "that name");
}
