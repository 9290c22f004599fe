// If these fail, keys are selected in another order than their scores', ties go to the wrong key, or a block of listed rows and
// keys computes something else than attention over them, on some instruction set.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "tests/catch.h"
#include "tests/kernels/kernels_test_support.h"
#include "variants/kernels/selection/chosen_blocks.h"
#include "variants/kernels/selection/gathered_row.h"
#include "variants/kernels/selection/score_panel.h"

using namespace attnbench;
using namespace attnbench::kernels;

namespace {

// Offers the scores panel by panel; the keys that are left, ascending.
std::vector<std::int32_t> best_keys(std::vector<float> scores, std::int64_t keep) {
  const auto count = static_cast<std::int64_t>(scores.size()), width = panel_keys();
  scores.resize(scores.size() + static_cast<std::size_t>(width));
  std::vector<float> best(static_cast<std::size_t>(top_keys_capacity(keep)));
  std::vector<std::int32_t> keys(best.size());
  TopKeys top{best.data(), keys.data()};
  for (std::int64_t first = 0; first < count; first += width)
    offer_keys(top, keep, scores.data() + first, first, 0, std::min(width, count - first));
  keep_best(top, keep);
  return {keys.begin(), keys.begin() + top.count};
}

std::vector<std::int32_t> expected_keys(const std::vector<float>& scores, std::int64_t keep) {
  std::vector<std::int32_t> keys;
  for (std::size_t t = 0; t < scores.size(); ++t)
    if (scores[t] > -std::numeric_limits<float>::infinity()) keys.push_back(static_cast<std::int32_t>(t));
  std::stable_sort(keys.begin(), keys.end(),
                   [&](auto x, auto y) { return scores[static_cast<std::size_t>(x)] > scores[static_cast<std::size_t>(y)]; });
  keys.resize(std::min(keys.size(), static_cast<std::size_t>(keep)));
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace

TEST_CASE("the best keys are those of a stable sort: random scores, few values, ascending and descending ones, hidden keys") {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  on_every_isa([&](const std::string& isa) {
    CAPTURE(isa);
    for (const std::int64_t count : {1, 7, 100, 1000})
      for (const std::int64_t keep : {1, 2, 5, 7, 64, 200, 1000})
        for (int kind = 0; kind < 5; ++kind) {
          std::vector<float> scores(static_cast<std::size_t>(count));
          for (std::size_t t = 0; t < scores.size(); ++t) {
            const float x = normal(random), place = static_cast<float>(t);
            scores[t] = kind == 0 ? x : kind == 1 ? std::round(x) : kind == 2 ? place : kind == 3 ? -place : x;
            if (kind == 1 && scores[t] == 0) scores[t] = t % 2 ? 0.0f : -0.0f;
            if (kind == 4 && random() % 3 == 0) scores[t] = -std::numeric_limits<float>::infinity();
          }
          CAPTURE(count, keep, kind);
          CHECK(best_keys(scores, keep) == expected_keys(scores, keep));
        }
  });
}

TEST_CASE("keep no key, and all keys where they are equal") {
  on_every_isa([](const std::string& isa) {
    CAPTURE(isa);
    CHECK(best_keys(std::vector<float>(500, 1.0f), 0).empty());
    const auto keys = best_keys(std::vector<float>(500, 1.0f), 30);
    std::vector<std::int32_t> first(30);
    std::iota(first.begin(), first.end(), 0);
    CHECK(keys == first);
  });
}

TEST_CASE("scores of a panel are dot products, whatever the dim and the number of rows") {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  on_every_isa([&](const std::string& isa) {
    CAPTURE(isa);
    for (const std::int64_t dim : {1, 7, 33, 64})
      for (const std::int64_t count : {1, 8, 13}) {
        const auto width = panel_keys(), keys = width + 3;
        Tensor k({1, 1, keys, dim}), q({1, 1, count, dim}), panels({1, 1, 1, key_panels_floats(keys, dim)});
        Tensor scores({1, 1, padded_rows(count), width});
        for (auto* x : {&k, &q})
          for (std::int64_t t = 0; t < element_count(x->shape()); ++t) x->data()[t] = normal(random);
        pack_all_keys(Parallel(), TensorView<const float>{k.data(), k.shape(), dense_strides(k.shape())}, panels.data());
        std::vector<const float*> rows;
        for (std::int64_t r = 0; r < count; ++r) rows.push_back(q.data() + r * dim);
        score_panel(rows.data(), count, dim, panels.data() + width * dim, scores.data());
        for (std::int64_t r = 0; r < count; ++r)
          for (std::int64_t t = 0; t < width; ++t) {
            double sum = 0;
            for (std::int64_t c = 0; c < dim && t < 3; ++c)
              sum += double{q.data()[r * dim + c]} * double{k.data()[(width + t) * dim + c]};
            CHECK(scores.data()[r * width + t] == Approx(sum).margin(1e-5));  // 0 behind the last key
          }
      }
  });
}

TEST_CASE("a gathered row is softmax attention over its keys") {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  on_every_isa([&](const std::string& isa) {
    CAPTURE(isa);
    for (const std::int64_t dim : {1, 5, 33, 64, 130})
      for (const std::int64_t count : {0, 1, 6, 77}) {
        Tensor k({1, 1, 100, dim}), v({1, 1, 100, dim}), scores({1, 1, 1, count + 16});
        for (auto* x : {&k, &v})
          for (std::int64_t t = 0; t < element_count(x->shape()); ++t) x->data()[t] = normal(random);
        std::vector<std::int32_t> keys;
        for (std::int64_t t = 0; t < count; ++t) keys.push_back(static_cast<std::int32_t>(99 - t));
        std::vector<float> q(static_cast<std::size_t>(dim), 0.1f), out(q.size(), -1.0f);
        score_gathered(q.data(), {k.data(), dim, dim}, keys.data(), count, scores.data());
        attend_gathered(scores.data(), 1.0f, {v.data(), dim, dim}, keys.data(), count, out.data());
        std::vector<double> want(q.size(), 0.0);
        double total = 0;
        for (const auto j : keys) {
          double s = 0;
          for (std::int64_t c = 0; c < dim; ++c) s += 0.1f * double{k.data()[j * dim + c]};
          total += std::exp2(s);
          for (std::int64_t c = 0; c < dim; ++c) want[static_cast<std::size_t>(c)] += std::exp2(s) * double{v.data()[j * dim + c]};
        }
        for (std::size_t c = 0; c < want.size(); ++c) CHECK(out[c] == Approx(count == 0 ? 0 : want[c] / total).margin(1e-5));
      }
  });
}

TEST_CASE("listed rows see listed keys that their bits leave, and go on from block to block") {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  on_every_isa([&](const std::string& isa) {
    CAPTURE(isa);
    const Problem p = parse_problem("n60:90 d16");
    auto tensors = empty_inputs(p);
    for (auto* x : {&tensors.q, &tensors.k, &tensors.v})
      for (std::int64_t t = 0; t < element_count(x->shape()); ++t) x->data()[t] = normal(random);
    const auto inputs = tensors.inputs(p);
    const Tensor out(output_shape(p));
    std::vector<float> row_max(60), row_sum(60);
    const Tensor scratch({1, 1, 1, listed_scratch_floats(p)});
    Workspace workspace(0);
    const Prepared prepared;
    const Params params;
    const Parallel parallel;
    const RunTask task{p, params, inputs, out.ref(), prepared, workspace, parallel};
    const std::int32_t rows[] = {50, 3, 17, 18, 59}, keys[] = {0, 2, 30, 31, 88}, more[] = {1, 5};
    const std::uint64_t bits[] = {0b11111, 0b00001, 0b10110, 0, 0b01111};  // key by key, row 50 in the lowest
    ListedBlock block{
        task,           0,   0, 1, {0, 1, 5, rows}, KeySegment::listed(keys, 5), task.out(), row_max.data(), row_sum.data(), false,
        scratch.data(), bits};
    attend_listed(block);
    block.keys = KeySegment::listed(more, 2);
    block.lane_bits = nullptr;
    block.resume = true;
    attend_listed(block);
    for (int r = 0; r < 5; ++r) {
      std::vector<std::int32_t> seen(more, more + 2);
      for (int t = 0; t < 5; ++t)
        if (bits[t] >> r & 1) seen.push_back(keys[t]);
      double total = 0, first = 0;
      for (const auto j : seen) {
        double s = 0;
        for (int c = 0; c < 16; ++c) s += double{tensors.q.data()[rows[r] * 16 + c]} * double{tensors.k.data()[j * 16 + c]};
        total += std::exp(s / 4);
        first += std::exp(s / 4) * double{tensors.v.data()[j * 16]};
      }
      CAPTURE(r);
      CHECK(out.data()[rows[r] * 16] == Approx(first / total).margin(1e-5));
    }
  });
}
