// If these fail, a variant breaks a law of attention that it claims to obey, although its output may be close to its oracle's.
// Laws that hold for all (batch independence, causality) are checked on all; the others where the descriptor claims them.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "harness/worker/parallel_tbb.h"
#include "tests/catch.h"
#include "tests/variants/contract_test_support.h"

using namespace attnbench;
using namespace attnbench::test;

namespace {

constexpr double kClose = 1e-5;  // two float32 routes to the same N(0,1)-sized numbers

// Calls check(selected, problem) for each selection of each variant that claims `law` and each problem text that it supports, in a
// section of the selection's own.
template <class Check>
void for_each_supported(std::uint32_t law, std::initializer_list<const char*> problems, Check check) {
  for (const auto* variant : builtin_variants()) {
    if ((variant->laws & law) != law) continue;
    for (const auto& selected : all_selections(*variant)) {
      DYNAMIC_SECTION(selected.label()) {
        for (const char* text : problems) {
          const auto problem = parse_problem(text);
          INFO(text);
          if (is_short_enough(problem) && supports(selected, problem)) check(selected, problem);
        }
      }
    }
  }
}
constexpr std::uint32_t kAllVariants = 0;

double largest_difference(const Tensor& x, const Tensor& y) {
  double largest = 0;
  for (std::int64_t t = 0; t < element_count(x.shape()); ++t) {
    const double difference = std::abs(double{x.data()[t]} - double{y.data()[t]});
    if (!(difference <= largest)) largest = difference;
    if (std::isnan(difference)) return difference;
  }
  return largest;
}

// Other N(0,1) numbers in rows [begin, end) of one head.
void replace_rows(Tensor& tensor, std::int64_t b, std::int64_t h, std::int64_t begin, std::int64_t end) {
  std::mt19937 generator(99);
  std::normal_distribution<float> normal;
  std::generate_n(tensor.view().row(b, h, begin), (end - begin) * tensor.shape()[3], [&] { return normal(generator); });
}

// dst[., ., order[j], .] = src[., ., j, .]
Tensor permuted_rows(const Tensor& src, const std::vector<std::int64_t>& order) {
  Tensor dst(src.shape());
  const auto [batch, heads, n, d] = src.shape();
  for (std::int64_t t = 0; t < batch * heads * n; ++t) {
    const auto b = t / (heads * n), h = t / n % heads, j = t % n;
    std::copy_n(src.view().row(b, h, j), d, dst.view().row(b, h, order[static_cast<std::size_t>(j)]));
  }
  return dst;
}

// The weights [b, h_q, n_q, n_k] that the variant applies, read off by feeding the identity as V. The problem has d_v = n_k.
Tensor read_weights(const Selected& selected, const Problem& p, RandomInputs& tensors) {
  for (std::int64_t t = 0; t < p.batch * p.heads_kv * p.n_k; ++t) {
    float* row = tensors.v.data() + t * p.d_v;
    std::fill_n(row, p.d_v, 0.0f);
    row[t % p.n_k] = 1.0f;
  }
  return run(selected, p, tensors.inputs(p));
}

}  // namespace

TEST_CASE("batch entries do not influence each other") {
  for_each_supported(kAllVariants,
                     {"b2 h2 n97 d33", "b2 h3 n113 d8 causal", "b2 h4:2 n97 d8 klen=90,50", "b2 h1 n3 d64 mask=bool:b"},
                     [](const Selected& selected, const Problem& p) {
                       for (const std::int64_t changed : {0, 1}) {
                         auto tensors = random_inputs(p);
                         const auto before = run(selected, p, tensors.inputs(p));
                         for (std::int64_t h = 0; h < p.heads_q; ++h) replace_rows(tensors.q, changed, h, 0, p.n_q);
                         for (auto* x : {&tensors.k, &tensors.v})
                           for (std::int64_t h = 0; h < p.heads_kv; ++h) replace_rows(*x, changed, h, 0, p.n_k);
                         const auto after = run(selected, p, tensors.inputs(p));
                         CHECK(same_bits(before, after, 1 - changed, 0, 0, p.n_q * p.heads_q));
                         CHECK_FALSE(same_bits(before, after, changed, 0, 0, p.n_q * p.heads_q));
                       }
                     });
}

TEST_CASE("heads that share no keys do not influence each other") {
  for_each_supported(kIndependentHeads, {"b2 h3 n97 d33", "b1 h6:2 n113 d8", "b1 h4:2 n97 d64 causal", "b1 h2 n1:267 d80"},
                     [](const Selected& selected, const Problem& p) {
                       for (const auto changed : {std::int64_t{0}, p.heads_kv - 1}) {
                         auto tensors = random_inputs(p);
                         const auto before = run(selected, p, tensors.inputs(p));
                         for (std::int64_t h = 0; h < p.heads_q; ++h)
                           if (p.kv_head(h) == changed) replace_rows(tensors.q, 0, h, 0, p.n_q);
                         replace_rows(tensors.k, 0, changed, 0, p.n_k);
                         replace_rows(tensors.v, 0, changed, 0, p.n_k);
                         const auto after = run(selected, p, tensors.inputs(p));
                         for (std::int64_t h = 0; h < p.heads_q; ++h) {
                           INFO("key/value head " << changed << " changed, query head " << h);
                           CHECK(same_bits(before, after, 0, h, 0, p.n_q) == (p.kv_head(h) != changed));
                         }
                       }
                     });
}

TEST_CASE("permuting keys and values together changes nothing") {
  for_each_supported(kKeyPermutation, {"b2 h2 n97 d33", "b1 h6:2 n17:267 d64", "b1 h1 n113 d8 softcap=5"},
                     [](const Selected& selected, const Problem& p) {
                       auto tensors = random_inputs(p);
                       const auto before = run(selected, p, tensors.inputs(p));
                       std::vector<std::int64_t> order(static_cast<std::size_t>(p.n_k));
                       std::iota(order.begin(), order.end(), 0);
                       std::shuffle(order.begin(), order.end(), std::mt19937(5));
                       tensors.k = permuted_rows(tensors.k, order);
                       tensors.v = permuted_rows(tensors.v, order);
                       CHECK(largest_difference(before, run(selected, p, tensors.inputs(p))) <= kClose);
                     });
}

TEST_CASE("values of one give one on every row that sees a key, and zero on the others") {
  for_each_supported(kRowStochastic,
                     {"b2 h2 n97 d33", "b1 h4:1 n113 d8 causal", "b1 h2 n113:17 d8 causal-bottom-right", "b2 h2 n97 d8 klen=97,0",
                      "b2 h2 n97 d8 mask=bool", "b2 h2 n97 d8 mask=additive", "b1 h1 n113 d64 window=3:0", "b1 h1 n1 d1"},
                     [](const Selected& selected, const Problem& p) {
                       auto tensors = random_inputs(p);
                       std::fill_n(tensors.v.data(), element_count(tensors.v.shape()), 1.0f);
                       const auto inputs = tensors.inputs(p);
                       const auto prepared = prepare(*selected.variant, p, selected.params, kSeed, 1);
                       const auto out = run(selected, p, inputs);
                       for (std::int64_t t = 0; t < p.batch * p.n_q; ++t) {
                         const auto b = t / p.n_q, i = t % p.n_q;
                         bool sees = false;
                         for (std::int64_t j = 0; j < p.n_k; ++j) sees |= any_head_sees(selected, p, inputs, prepared, b, i, j);
                         INFO("row " << i << " of batch entry " << b << (sees ? " sees keys" : " sees no key"));
                         const float* row = out.view().row(b, 0, i);
                         const auto wrong =
                             std::find_if(row, row + p.d_v, [&](float x) { return !(sees ? std::abs(x - 1) <= kClose : x == 0); });
                         if (wrong != row + p.d_v) FAIL_CHECK("got " << *wrong);
                       }
                     });
}

TEST_CASE("adding a constant to all scores changes nothing") {
  for_each_supported(kScoreShift, {"b2 h2 n97 d33 mask=additive", "b1 h4:1 n113 d8 causal mask=additive:h"},
                     [](const Selected& selected, const Problem& p) {
                       auto tensors = random_inputs(p);
                       const auto before = run(selected, p, tensors.inputs(p));
                       for (std::int64_t t = 0; t < element_count(tensors.mask.shape()); ++t) tensors.mask.data()[t] += 1.5f;
                       CHECK(largest_difference(before, run(selected, p, tensors.inputs(p))) <= kClose);
                     });
}

TEST_CASE("causal: changing the future leaves the past bit for bit") {
  for_each_supported(kAllVariants,
                     {"b1 h2 n97 d33 causal", "b1 h4:2 n267 d64 causal", "b1 h2 n113:267 d8 causal-top-left",
                      "b1 h2 n113:267 d33 causal-bottom-right", "b2 h2 n97 d8 causal window=20:0", "b1 h1 n3 d8 causal"},
                     [](const Selected& selected, const Problem& p) {
                       const auto original = random_inputs(p);
                       const auto before = run(selected, p, original.inputs(p));
                       for (const auto now : {std::int64_t{0}, p.n_q / 2, p.n_q - 2}) {
                         INFO("rows up to " << now);
                         auto tensors = random_inputs(p);
                         const auto first_future_key = p.position(now) + 1;
                         for (std::int64_t t = 0; t < p.batch * p.heads_q; ++t)
                           replace_rows(tensors.q, t / p.heads_q, t % p.heads_q, now + 1, p.n_q);
                         for (auto* x : {&tensors.k, &tensors.v})
                           for (std::int64_t t = 0; t < p.batch * p.heads_kv && first_future_key < p.n_k; ++t)
                             replace_rows(*x, t / p.heads_kv, t % p.heads_kv, first_future_key, p.n_k);
                         const auto after = run(selected, p, tensors.inputs(p));
                         for (std::int64_t t = 0; t < p.batch * p.heads_q; ++t) {
                           CHECK(same_bits(before, after, t / p.heads_q, t % p.heads_q, 0, now + 1));
                           CHECK_FALSE(same_bits(before, after, t / p.heads_q, t % p.heads_q, now + 1, p.n_q));
                         }
                       }
                     });
}

TEST_CASE("one thread and several agree, and the same count twice agrees bit for bit") {
  for_each_supported(
      kAllVariants, {"b1 h1 n267 d33", "b2 h3 n97 d64", "b1 h4:1 n113 d80 causal", "b1 h8:2 n1:267 d128"},
      [](const Selected& selected, const Problem& p) {
        const auto tensors = random_inputs(p);
        const auto serial = run(selected, p, tensors.inputs(p));
        for (const int threads : {2, 5}) {
          INFO(threads << " threads");
          const ThreadArena arena(threads);
          const auto first = run(selected, p, tensors.inputs(p), arena.parallel());
          CHECK(largest_difference(serial, first) <= kClose);
          for (int repeat = 0; repeat < 3; ++repeat)
            CHECK(same_bits(first, run(selected, p, tensors.inputs(p), arena.parallel()), 0, 0, 0, p.batch * p.heads_q * p.n_q));
        }
      });
}

TEST_CASE("the applied weights can be read off by feeding the identity as values") {
  for_each_supported(
      kWeightsReadable,
      {"b1 h2 n17 d17", "b1 h4:2 n97 d97 causal", "b2 h1 n17:33 d8:33", "b1 h2 n33:17 d17 causal-bottom-right", "b1 h2 n97 d97"},
      [](const Selected& selected, const Problem& p) {
        auto tensors = random_inputs(p);
        const auto out = run(selected, p, tensors.inputs(p));
        const Tensor values = random_inputs(p).v;
        const auto weights = read_weights(selected, p, tensors);
        const auto prepared = prepare(*selected.variant, p, selected.params, kSeed, 1);
        for (std::int64_t t = 0; t < p.batch * p.heads_q * p.n_q; ++t) {
          const auto b = t / (p.heads_q * p.n_q), h = t / p.n_q % p.heads_q, i = t % p.n_q;
          INFO("row b" << b << " h" << h << " i" << i);
          const float* weight = weights.view().row(b, h, i);
          bool sees = false;
          double sum = 0, first_channel = 0;
          for (std::int64_t j = 0; j < p.n_k; ++j) {
            const bool seen = any_head_sees(selected, p, tensors.inputs(p), prepared, b, i, j);
            if (!seen) REQUIRE(weight[j] == 0.0f);
            sees |= seen;
            sum += double{weight[j]};
            first_channel += double{weight[j]} * double{values.view().row(b, p.kv_head(h), j)[0]};
          }
          REQUIRE(std::abs(first_channel - double{out.view().row(b, h, i)[0]}) <= kClose);
          if (selected.variant->laws & kRowStochastic) REQUIRE(std::abs(sum - (sees ? 1 : 0)) <= kClose);
        }
      });
}
