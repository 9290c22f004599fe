// If these fail, the declared cost, from which FLOP/s, predictions and skips are derived, is not the work a variant does.
//
// Multiply-adds and exponentials are counted by walking each algorithm's loops with a counter in place of the arithmetic. What can
// be counted without knowing the algorithm is in harness/contract/declarations.cpp.
#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "harness/contract/pairs.h"
#include "tests/catch.h"
#include "variants/api/registry.h"

using namespace attnbench;
using namespace attnbench::contract;

namespace {

// A pair costs d_qk + d_v multiply-adds, one exponential, and a tanh where scores are capped.
Cost count_softmax(const VariantConfig& config, const Problem& p) {
  Cost counted;
  for_each_pair(config, p, [&](auto...) {
    counted.pairs += 1;
    counted.multiply_adds += static_cast<double>(p.d_qk + p.d_v);
    counted.exps += p.softcap ? 2 : 1;
  });
  return counted;
}

// The same, but the products run over whole blocks of rows: each row against every key that any row of its block sees.
Cost count_row_blocks(const VariantConfig& config, const Problem& p, std::int64_t block) {
  Cost counted = count_softmax(config, p);
  std::map<std::array<std::int64_t, 3>, KeyRange> seen;  // of (b, h, block)
  for_each_pair(config, p, [&](std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
    auto& keys = seen.try_emplace({b, h, i / block}, KeyRange{j, j + 1}).first->second;
    keys = {std::min(keys.begin, j), std::max(keys.end, j + 1)};
  });
  counted.multiply_adds = 0;
  for (const auto& [where, keys] : seen) {
    const auto rows = std::min(block, p.n_q - where[2] * block);
    counted.multiply_adds += static_cast<double>(rows * keys.size() * (p.d_qk + p.d_v));
  }
  return counted;
}

// Each row of Q and K is projected once; a pair takes one tanh per unit, and a dot product with w_v.
Cost count_additive(const VariantConfig& config, const Problem& p) {
  const auto d_a = config.params.integer("d_a") ? config.params.integer("d_a") : p.d_qk;
  Cost counted;
  for (std::int64_t row = 0; row < p.batch * (p.heads_q * p.n_q + p.heads_kv * p.n_k); ++row)
    for (std::int64_t a = 0; a < d_a; ++a) counted.multiply_adds += static_cast<double>(p.d_qk);
  for_each_pair(config, p, [&](auto...) {
    counted.pairs += 1;
    counted.exps += static_cast<double>(d_a) + 1;
    counted.multiply_adds += static_cast<double>(d_a + p.d_v);
  });
  return counted;
}

// What sums over features take: `of_row` multiply-adds and `exps` exponentials make the features of a key or query.
struct FeatureWork {
  std::int64_t features, of_row, exps;
};

// A key joins S, a query meets S and z. Causal: keys behind the last query join nothing, queries before the first key meet nothing.
Cost count_features(const Problem& p, const FeatureWork& work) {
  const bool causal = p.causal != Causal::none;
  Cost counted;
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const auto key_count = p.key_lengths.empty() ? p.n_k : p.key_lengths[static_cast<std::size_t>(b)];
    for (std::int64_t j = 0; j < key_count; ++j) {
      if (causal && j > p.position(p.n_q - 1)) continue;
      counted.exps += static_cast<double>(p.heads_kv * work.exps);
      counted.multiply_adds += static_cast<double>(p.heads_kv * (work.of_row + work.features * p.d_v));
    }
    for (std::int64_t i = 0; i < p.n_q; ++i) {
      if (causal && p.position(i) < 0) continue;
      counted.exps += static_cast<double>(p.heads_q * work.exps);
      counted.multiply_adds += static_cast<double>(p.heads_q * (work.of_row + work.features * (p.d_v + 1)));
    }
  }
  return counted;
}

Cost count_linear(const VariantConfig&, const Problem& p) { return count_features(p, {p.d_qk, 0, p.d_qk}); }

Cost count_cosformer(const VariantConfig&, const Problem& p) { return count_features(p, {2 * p.d_qk, 0, 0}); }

// 1, the channels, and each pair of channels once.
Cost count_taylor(const VariantConfig&, const Problem& p) {
  std::int64_t features = 1 + p.d_qk;
  for (std::int64_t a = 0; a < p.d_qk; ++a) features += p.d_qk - a;
  return count_features(p, {features, 0, 0});
}

// m products with omega, and |x|^2 where features are exponentials.
Cost count_performer(const VariantConfig& config, const Problem& p) {
  const auto m = config.params.integer("features");
  const bool exponentials = config.params.choice("map") != "relu";
  return count_features(p, {m, m * p.d_qk + (exponentials ? p.d_qk : 0), exponentials ? m : 0});
}

std::int64_t keys_of(const Problem& p, std::int64_t b) {
  return p.key_lengths.empty() ? p.n_k : p.key_lengths[static_cast<std::size_t>(b)];
}

// Segments of ceil(keys / k) are averaged, or k rows drawn; each query meets what comes out.
Cost count_linformer(const VariantConfig& config, const Problem& p) {
  const bool means = config.params.choice("projection") == "mean";
  const auto k = std::min(config.params.integer("rank"), p.n_k);
  Cost counted;
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const auto keys = keys_of(p, b), length = (keys + k - 1) / k;
    std::int64_t projected = means ? 0 : k;
    for (std::int64_t first = 0; means && first < keys; first += length) ++projected;
    const auto products = p.heads_kv * keys * (means ? 1 : k), pairs = p.heads_q * p.n_q * projected;
    counted.multiply_adds += static_cast<double>((products + pairs) * (p.d_qk + p.d_v));
    counted.exps += static_cast<double>(pairs);
  }
  return counted;
}

// Products of matrices, each [rows, inner] [inner, columns].
Cost count_nystromformer(const VariantConfig& config, const Problem& p) {
  Cost counted;
  const auto m = config.params.integer("landmarks"), q = std::min(m, p.n_q);
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const auto keys = keys_of(p, b), k = std::min(m, keys);
    const auto multiply = [&](std::int64_t rows, std::int64_t inner, std::int64_t columns) {
      counted.multiply_adds += static_cast<double>(p.heads_q * rows * inner * columns);
    };
    const auto attend = [&](std::int64_t rows, std::int64_t over) {
      multiply(rows, p.d_qk, over);
      counted.exps += static_cast<double>(p.heads_q * rows * over);
    };
    multiply(p.n_q + keys, 1, p.d_qk);  // means
    attend(p.n_q, k);                   // F
    multiply(p.n_q, k, p.d_v);
    attend(q, keys);  // B
    multiply(q, keys, p.d_v);
    attend(q, k);  // A
    for (std::int64_t t = 0; t < config.params.integer("iterations") && k > 0; ++t) {
      multiply(q, k, q);
      multiply(q, q, q);
      multiply(q, q, q);
      multiply(k, q, q);
    }
    multiply(k, q, p.d_v);
  }
  return counted;
}

Cost count_multi_head(const VariantConfig& config, const Problem& p) {
  const auto* inner = find_variant(config.params.choice("inner"));
  REQUIRE(inner != nullptr);
  Cost counted = count_softmax(defaults(*inner), p);
  const std::pair<std::int64_t, std::int64_t> projections[] = {
      {p.n_q, p.heads_q * p.d_qk}, {p.n_k, p.heads_kv * p.d_qk}, {p.n_k, p.heads_kv * p.d_v}, {p.n_q, p.heads_q * p.d_v}};
  for (const auto& [rows, width] : projections)
    for (std::int64_t row = 0; row < p.batch * rows; ++row) counted.multiply_adds += static_cast<double>(width * width);
  return counted;
}

using Counter = std::function<Cost(const VariantConfig&, const Problem&)>;

// How each variant's work is counted. Without an entry a softmax over keys is counted as plain attention over its pairs; what has a
// definition of its own is not counted here (null), but by its own test.
Counter counter_of(const Variant& variant) {
  static const std::map<std::string, Counter> counters{
      {"additive", count_additive},
      {"cosformer", count_cosformer},
      {"efficient", count_linear},
      {"linear", count_linear},
      {"linformer", count_linformer},
      {"multi_head", count_multi_head},
      {"nystromformer", count_nystromformer},
      {"performer", count_performer},
      {"scaled_dot_product",
       [](const VariantConfig& s, const Problem& p) { return count_row_blocks(s, p, p.n_k <= 1024 ? 128 : 64); }},
      {"dot_product", [](const VariantConfig& s, const Problem& p) { return count_row_blocks(s, p, 128); }},
      {"taylor", count_taylor},
  };
  const auto found = counters.find(variant.name);
  if (found != counters.end()) return found->second;
  return variant.oracle ? Counter() : Counter(count_softmax);
}

}  // namespace

TEST_CASE("declared pairs, multiply-adds and exponentials are the counted ones") {
  for (const auto* variant : builtin_variants()) {
    const auto count = counter_of(*variant);
    if (!count) continue;
    for (const auto& config : all_selections(*variant)) {
      DYNAMIC_SECTION(config.label()) {
        for (const char* text : kCountedProblems) {
          const auto p = parse_problem(text);
          if (!supports(config, p)) continue;
          INFO(text);
          const auto declared = variant->cost(p, config.params), counted = count(config, p);
          CHECK(declared.pairs == counted.pairs);
          CHECK(declared.multiply_adds == counted.multiply_adds);
          CHECK(declared.exps == counted.exps);
        }
      }
    }
  }
}
