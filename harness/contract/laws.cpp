// Laws: what the output obeys although it may be close to its oracle's anyway. Independence of batch entries, causality and
// determinism are asked of all variants; the others of those that claim them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <random>

#include "datasets/fills.h"
#include "harness/contract/cases.h"
#include "harness/contract/check.h"
#include "harness/contract/one_call.h"
#include "harness/contract/random_inputs.h"
#include "harness/measure/parallel_tbb.h"

namespace attnbench::contract {
namespace {

constexpr double kClose = 1e-5;  // two float32 routes to the same N(0,1)-sized numbers

// One problem under one selection, and where to complain about it.
struct Subject {
  const VariantConfig& config;
  const Problem& problem;
  Findings& findings;

  void expect(bool holds, const std::string& what) const {
    if (!holds) findings.add(fmt::format("{} {}: {}", config.label(), to_string(problem), what));
  }
  Tensor run(const NamedTensors& tensors, const Parallel& parallel = {}) const {
    return contract::run(config, problem, tensors.inputs(problem), parallel);
  }
};

// Calls check(subject) for each selection and each problem text that it supports, if the variant claims `law` (0: in any case).
template <class Check>
void for_each_supported(const Variant& variant, std::uint32_t law, std::initializer_list<const char*> problems, Findings& findings,
                        Check check) {
  if ((variant.laws & law) != law) return;
  for (const auto& config : all_selections(variant))
    for (const char* text : problems) {
      const auto problem = parse_problem(text);
      if (!is_short_enough(problem) || !supports(config, problem)) continue;
      findings.examined();
      check(Subject{config, problem, findings});
    }
}

double largest_difference(const Tensor& x, const Tensor& y) {
  double largest = 0;
  for (std::int64_t t = 0; t < element_count(x.shape()); ++t) {
    const double difference = std::abs(double{x.data()[t]} - double{y.data()[t]});
    if (!(difference <= largest)) largest = difference;
    if (std::isnan(difference)) return difference;
  }
  return largest;
}

void expect_close(const Subject& s, const Tensor& x, const Tensor& y, const std::string& after) {
  const double difference = largest_difference(x, y);
  s.expect(difference <= kClose, fmt::format("{} the output differs by {:.3g}, more than {:g}", after, difference, kClose));
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

// The weights [b, h_q, n_q, n_k] applied, read off by feeding the identity as V. The problem has d_v = n_k.
Tensor read_weights(const Subject& s, NamedTensors& tensors) {
  const auto& p = s.problem;
  for (std::int64_t t = 0; t < p.batch * p.heads_kv * p.n_k; ++t) {
    float* row = tensors.v.data() + t * p.d_v;
    std::fill_n(row, p.d_v, 0.0f);
    row[t % p.n_k] = 1.0f;
  }
  return s.run(tensors);
}

// ---- One subject each ----------------------------------------------------------------------------------------------------

void change_one_batch_entry(const Subject& s) {
  const auto& p = s.problem;
  for (const std::int64_t changed : {0, 1}) {
    auto tensors = random_inputs(s.config, p);
    const auto before = s.run(tensors);
    for (std::int64_t h = 0; h < p.heads_q; ++h) replace_rows(tensors.q, changed, h, 0, p.n_q);
    for (auto* x : {&tensors.k, &tensors.v})
      for (std::int64_t h = 0; h < p.heads_kv; ++h) replace_rows(*x, changed, h, 0, p.n_k);
    const auto after = s.run(tensors);
    s.expect(same_bits(before, after, 1 - changed, 0, 0, p.n_q * p.heads_q),
             fmt::format("changing batch entry {} changed the other", changed));
    s.expect(!same_bits(before, after, changed, 0, 0, p.n_q * p.heads_q),
             fmt::format("changing batch entry {} left its own output as it was", changed));
  }
}

void change_one_head(const Subject& s) {
  const auto& p = s.problem;
  for (const auto changed : {std::int64_t{0}, p.heads_kv - 1}) {
    auto tensors = random_inputs(s.config, p);
    const auto before = s.run(tensors);
    for (std::int64_t h = 0; h < p.heads_q; ++h)
      if (p.kv_head(h) == changed) replace_rows(tensors.q, 0, h, 0, p.n_q);
    replace_rows(tensors.k, 0, changed, 0, p.n_k);
    replace_rows(tensors.v, 0, changed, 0, p.n_k);
    const auto after = s.run(tensors);
    for (std::int64_t h = 0; h < p.heads_q; ++h)
      s.expect(same_bits(before, after, 0, h, 0, p.n_q) == (p.kv_head(h) != changed),
               fmt::format("changing key/value head {} {} query head {}", changed,
                           p.kv_head(h) == changed ? "left its" : "changed another's", h));
  }
}

// Extra inputs whose rows are those of the keys.
std::vector<InputSpec> extras_of_keys(const Subject& s) {
  auto specs = s.config.extras(s.problem);
  std::erase_if(specs, [&](const InputSpec& spec) { return spec.shape[2] != s.problem.n_k; });
  return specs;
}

void permute_keys(const Subject& s) {
  auto tensors = random_inputs(s.config, s.problem);
  const auto before = s.run(tensors);
  std::vector<std::int64_t> order(static_cast<std::size_t>(s.problem.n_k));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(5));
  tensors.k = permuted_rows(tensors.k, order);
  tensors.v = permuted_rows(tensors.v, order);
  for (const auto& spec : extras_of_keys(s)) tensors.extras.set(spec.name, permuted_rows(tensors.extras[spec.name], order));
  expect_close(s, before, s.run(tensors), "with keys and values permuted");
}

bool sees_any(const Subject& s, const Inputs& inputs, const Prepared& prepared, std::int64_t b, std::int64_t i) {
  for (std::int64_t j = 0; j < s.problem.n_k; ++j)
    if (any_head_sees(s.config, s.problem, inputs, prepared, b, i, j)) return true;
  return false;
}

// Rows that see a key give `want`, or all the same where that is NaN; the others give 0.
void feed_ones(const Subject& s, double want) {
  const auto& p = s.problem;
  auto tensors = random_inputs(s.config, p);
  std::fill_n(tensors.v.data(), element_count(tensors.v.shape()), 1.0f);
  const auto prepared = prepare(*s.config.variant, p, s.config.params, kSeed, 1);
  const auto out = s.run(tensors);
  for (std::int64_t t = 0; t < p.batch * p.n_q; ++t) {
    const auto b = t / p.n_q, i = t % p.n_q;
    const bool sees = sees_any(s, tensors.inputs(p), prepared, b, i);
    const float* row = out.view().row(b, 0, i);
    if (sees && std::isnan(want)) want = double{row[0]};
    const auto is_right = [&](float x) { return sees ? std::abs(double{x} - want) <= kClose : x == 0; };
    const auto wrong = std::find_if_not(row, row + p.d_v, is_right);
    s.expect(wrong == row + p.d_v,
             fmt::format("row {} of batch entry {} sees {} and gives {} where values are one{}", i, b, sees ? "keys" : "no key",
                         wrong == row + p.d_v ? 0 : *wrong, sees ? fmt::format(", not {}", want) : ""));
  }
}

// Makes every query and key longer or shorter, by up to e^4.
void stretch_rows(const Subject& s) {
  auto tensors = random_inputs(s.config, s.problem);
  const auto before = s.run(tensors);
  std::mt19937 generator(7);
  std::uniform_real_distribution<float> exponent(-4, 4);
  for (auto* x : {&tensors.q, &tensors.k})
    for (std::int64_t t = 0; t < element_count(x->shape()); t += s.problem.d_qk) {
      const float factor = std::exp(exponent(generator));
      for (std::int64_t c = 0; c < s.problem.d_qk; ++c) x->data()[t + c] *= factor;
    }
  expect_close(s, before, s.run(tensors), "with queries and keys made longer and shorter");
}

void shift_scores(const Subject& s) {
  auto tensors = random_inputs(s.config, s.problem);
  const auto before = s.run(tensors);
  for (std::int64_t t = 0; t < element_count(tensors.mask.shape()); ++t) tensors.mask.data()[t] += 1.5f;
  expect_close(s, before, s.run(tensors), "with 1.5 added to all scores");
}

// Other numbers of the same kind in the extra inputs of positions from `first` on, where they have positions.
void replace_extras(const Subject& s, NamedTensors& tensors, std::int64_t first) {
  const auto& p = s.problem;
  for (const auto& spec : s.config.extras(p)) {
    if (spec.shape[2] != p.n_q || p.n_q != p.n_k) continue;
    const auto& tensor = tensors.extras[spec.name];
    const auto other = make_fill(spec, 99);
    for (std::int64_t t = 0; t < spec.shape[0] * spec.shape[1]; ++t)
      std::copy_n(other.view().row(t / spec.shape[1], t % spec.shape[1], first), (p.n_q - first) * spec.shape[3],
                  tensor.view().row(t / spec.shape[1], t % spec.shape[1], first));
  }
}

// Rows [0, end) of one head are the same: bit for bit, or, of a variant that is causal to rounding only, close.
bool same_past(const Subject& s, const Tensor& x, const Tensor& y, std::int64_t b, std::int64_t h, std::int64_t end) {
  if ((s.config.variant->laws & kCausalToRounding) == 0) return same_bits(x, y, b, h, 0, end);
  const float *first = x.view().row(b, h, 0), *second = y.view().row(b, h, 0);
  return std::equal(first, first + end * s.problem.d_v, second, [](float u, float v) { return std::abs(u - v) <= kClose; });
}

void change_future(const Subject& s) {
  const auto& p = s.problem;
  const auto before = s.run(random_inputs(s.config, p));
  for (const auto now : {std::int64_t{0}, p.n_q / 2, p.n_q - 2}) {
    auto tensors = random_inputs(s.config, p);
    const auto future_key = p.position(now) + 1;
    for (std::int64_t t = 0; t < p.batch * p.heads_q; ++t) replace_rows(tensors.q, t / p.heads_q, t % p.heads_q, now + 1, p.n_q);
    for (auto* x : {&tensors.k, &tensors.v})
      for (std::int64_t t = 0; t < p.batch * p.heads_kv && future_key < p.n_k; ++t)
        replace_rows(*x, t / p.heads_kv, t % p.heads_kv, future_key, p.n_k);
    replace_extras(s, tensors, now + 1);
    const auto after = s.run(tensors);
    for (std::int64_t t = 0; t < p.batch * p.heads_q; ++t) {
      const auto b = t / p.heads_q, h = t % p.heads_q;
      s.expect(same_past(s, before, after, b, h, now + 1), fmt::format("rows up to {} changed with what comes after them", now));
      s.expect(!same_bits(before, after, b, h, now + 1, p.n_q), fmt::format("rows after {} did not change with their inputs", now));
    }
  }
}

void vary_threads(const Subject& s) {
  const auto& p = s.problem;
  const auto tensors = random_inputs(s.config, p);
  const auto serial = s.run(tensors);
  for (const int threads : {2, 5}) {
    const ThreadArena arena(threads);
    const auto first = s.run(tensors, arena.parallel());
    expect_close(s, serial, first, fmt::format("on {} threads", threads));
    for (int repeat = 0; repeat < 3; ++repeat)
      s.expect(same_bits(first, s.run(tensors, arena.parallel()), 0, 0, 0, p.batch * p.heads_q * p.n_q),
               fmt::format("two calls on {} threads differ", threads));
  }
}

// One row of the weights: zero where it must not see, and giving the output they are said to give.
void check_weights_of_row(const Subject& s, const Inputs& inputs, const Prepared& prepared, const float* weight, const float* out,
                          const Tensor& values, std::int64_t b, std::int64_t h, std::int64_t i) {
  const auto& p = s.problem;
  bool sees = false;
  double sum = 0, first_channel = 0;
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    const bool seen = any_head_sees(s.config, p, inputs, prepared, b, i, j);
    if (!seen && weight[j] != 0.0f)
      return s.expect(false, fmt::format("row {} gives hidden key {} the weight {}", i, j, weight[j]));
    sees |= seen;
    sum += double{weight[j]};
    first_channel += double{weight[j]} * double{values.view().row(b, p.kv_head(h), j)[0]};
  }
  s.expect(std::abs(first_channel - double{out[0]}) <= kClose * std::max(1.0, std::abs(first_channel)),
           fmt::format("row b{} h{} i{}: its weights give {}, the output was {}", b, h, i, first_channel, out[0]));
  if (s.config.variant->laws & kRowStochastic)
    s.expect(std::abs(sum - (sees ? 1 : 0)) <= kClose, fmt::format("row b{} h{} i{}: its weights sum to {}", b, h, i, sum));
}

void feed_identity(const Subject& s) {
  const auto& p = s.problem;
  auto tensors = random_inputs(s.config, p);
  const auto out = s.run(tensors);
  const Tensor values = random_inputs(s.config, p).v;
  const auto weights = read_weights(s, tensors);
  const auto prepared = prepare(*s.config.variant, p, s.config.params, kSeed, 1);
  const auto inputs = tensors.inputs(p);
  for (std::int64_t t = 0; t < p.batch * p.heads_q * p.n_q; ++t) {
    const auto b = t / (p.heads_q * p.n_q), h = t / p.n_q % p.heads_q, i = t % p.n_q;
    check_weights_of_row(s, inputs, prepared, weights.view().row(b, h, i), out.view().row(b, h, i), values, b, h, i);
  }
}

void count_weights(const Subject& s) {
  const auto& p = s.problem;
  const auto cost = s.config.variant->cost(p, s.config.params);
  if (cost.pairs == 0) return;
  auto tensors = random_inputs(s.config, p);
  // Scores of small numbers: no visible weight underflows.
  for (std::int64_t t = 0; t < element_count(tensors.q.shape()); ++t) tensors.q.data()[t] *= 0.1f;
  const auto weights = read_weights(s, tensors);
  const auto* data = weights.data();
  const auto nonzero = std::count_if(data, data + element_count(weights.shape()), [](float x) { return x != 0.0f; });
  // Weights of another definition may be 0 where their sum need not be 1, as those of a ReLU are.
  const bool may_be_zero = s.config.variant->computes == Computes::own_definition && !(s.config.variant->laws & kRowStochastic);
  const auto counted = static_cast<double>(nonzero);
  s.expect(may_be_zero ? counted <= cost.pairs : counted == cost.pairs,
           fmt::format("applies {} weights, declares {} pairs", nonzero, cost.pairs));
}

constexpr std::uint32_t kAllVariants = 0;

}  // namespace

void check_batch(const Variant& variant, Findings& findings) {
  for_each_supported(variant, kAllVariants,
                     {"b2 h2 n97 d33", "b2 h3 n113 d8 causal", "b2 h4:2 n97 d8 klen=90,50", "b2 h1 n3 d64 mask=bool:b"}, findings,
                     change_one_batch_entry);
}

void check_heads(const Variant& variant, Findings& findings) {
  for_each_supported(variant, kIndependentHeads, {"b2 h3 n97 d33", "b1 h6:2 n113 d8", "b1 h4:2 n97 d64 causal", "b1 h2 n1:267 d80"},
                     findings, change_one_head);
}

void check_permutation(const Variant& variant, Findings& findings) {
  for_each_supported(variant, kKeyPermutation, {"b2 h2 n97 d33", "b1 h6:2 n17:267 d64", "b1 h1 n113 d8 softcap=5"}, findings,
                     permute_keys);
}

void check_row_sums(const Variant& variant, Findings& findings) {
  const auto problems = {"b2 h2 n97 d33",
                         "b1 h4:1 n113 d8 causal",
                         "b1 h2 n113:17 d8 causal-bottom-right",
                         "b2 h2 n97 d8 klen=97,0",
                         "b2 h2 n97 d8 mask=bool",
                         "b2 h2 n97 d8 mask=additive",
                         "b1 h1 n113 d64 window=3:0",
                         "b1 h1 n1 d1"};
  for_each_supported(variant, kRowStochastic, problems, findings, [](const Subject& s) { feed_ones(s, 1); });
  for_each_supported(variant, kConstantRowSum, problems, findings,
                     [](const Subject& s) { feed_ones(s, std::numeric_limits<double>::quiet_NaN()); });
}

void check_scale_invariance(const Variant& variant, Findings& findings) {
  for_each_supported(variant, kScaleInvariance, {"b2 h2 n97 d33", "b1 h4:1 n113 d8 causal", "b1 h2 n1:267 d80"}, findings,
                     stretch_rows);
}

void check_score_shift(const Variant& variant, Findings& findings) {
  for_each_supported(variant, kScoreShift, {"b2 h2 n97 d33 mask=additive", "b1 h4:1 n113 d8 causal mask=additive:h"}, findings,
                     shift_scores);
}

void check_causality(const Variant& variant, Findings& findings) {
  for_each_supported(variant, kAllVariants,
                     {"b1 h2 n97 d33 causal", "b1 h4:2 n267 d64 causal", "b1 h2 n113:267 d8 causal-top-left",
                      "b1 h2 n113:267 d33 causal-bottom-right", "b2 h2 n97 d8 causal window=20:0", "b1 h1 n3 d8 causal"},
                     findings, change_future);
}

void check_determinism(const Variant& variant, Findings& findings) {
  for_each_supported(variant, kAllVariants, {"b1 h1 n267 d33", "b2 h3 n97 d64", "b1 h4:1 n113 d80 causal", "b1 h8:2 n1:267 d128"},
                     findings, vary_threads);
}

void check_readable_weights(const Variant& variant, Findings& findings) {
  for_each_supported(
      variant, kWeightsReadable,
      {"b1 h2 n17 d17", "b1 h4:2 n97 d97 causal", "b2 h1 n17:33 d8:33", "b1 h2 n33:17 d17 causal-bottom-right", "b1 h2 n97 d97"},
      findings, feed_identity);
}

void check_weights_counted(const Variant& variant, Findings& findings) {
  for_each_supported(variant, kWeightsReadable, {"b1 h2 n130 d130", "b1 h2 n130 d130 causal", "b1 h4:2 n130 d130"}, findings,
                     count_weights);
}

}  // namespace attnbench::contract
