// If these fail, a wrong variant can be timed and published: each planted fault below must be caught and named.
#include "harness/worker/verify.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "harness/contract/random_inputs.h"
#include "harness/measure/parallel_tbb.h"
#include "tests/catch.h"
#include "variants/api/oracle.h"
#include "variants/api/registry.h"

using namespace attnbench;
using attnbench::contract::random_inputs;

namespace {

enum class Fault {
  none,
  float_scores,  // no fault: plain float32 rounding
  // wrong mathematics
  wrong_scale,
  tiled_heads,
  transposed_heads,
  future_leaks,
  other_alignment,
  softcap_after_mask,
  key_length_ignored,
  scale_off_by_a_thousandth,
  products_in_bf16,
  last_key_dropped,
  mean_of_values,
  masked_nan_reaches_output,
  masked_rows_get_the_mean,
  // right mathematics, wrong elements
  all_zeros,
  one_nan,
  one_infinity,
  one_off,
  one_off_by_a_hundredth,
  swapped_rows,
  last_row_unwritten,
  nothing_written,
  tiny_in_masked_row,
  // wrong memory
  writes_past_output,
  writes_before_output,
  writes_past_row,
  ignores_strides,
  writes_past_workspace,
  takes_undeclared_workspace,
  trusts_old_workspace,
  changes_between_calls,
};

// The float with the upper 16 bits of x, rounded to nearest.
float as_bf16(float x) { return std::bit_cast<float>((std::bit_cast<std::uint32_t>(x) + 0x8000u) & 0xFFFF0000u); }

// Float attention by the definition, with one fault planted. Weights are kept in double so that only the fault is wrong.
template <Fault fault>
void attend(const RunTask& task, std::int64_t b, std::int64_t h, std::int64_t i, std::vector<double>& weights) {
  constexpr double kMasked = -std::numeric_limits<double>::infinity();
  Problem p = task.problem;
  if (fault == Fault::future_leaks) p.causal = Causal::none;
  if (fault == Fault::other_alignment) p.causal = p.causal == Causal::top_left ? Causal::bottom_right : Causal::top_left;
  if (fault == Fault::key_length_ignored) p.key_lengths.clear();
  const double scale = fault == Fault::wrong_scale ? 1.0 / p.d_qk : p.effective_scale();
  const auto kv = fault == Fault::tiled_heads ? h % p.heads_kv : p.kv_head(h);
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    const bool attends = problem_attends(p, task.inputs, b, h, i, j);
    const double bias = p.mask.kind == MaskKind::additive ? double{task.inputs.mask.as<const float>().row(b, h, i)[j]} : 0.0;
    double s = 0;
    for (std::int64_t c = 0; c < p.d_qk; ++c)
      s += double{task.inputs.queries().row(b, h, i)[c]} * double{task.inputs.keys().row(b, kv, j)[c]};
    if (fault == Fault::float_scores) {
      float sum = 0;
      for (std::int64_t c = 0; c < p.d_qk; ++c) sum += task.inputs.queries().row(b, h, i)[c] * task.inputs.keys().row(b, kv, j)[c];
      s = sum;
    }
    if (fault == Fault::products_in_bf16) {
      s = 0;
      for (std::int64_t c = 0; c < p.d_qk; ++c)
        s += as_bf16(task.inputs.queries().row(b, h, i)[c] * task.inputs.keys().row(b, kv, j)[c]);
    }
    s *= scale;
    if (fault == Fault::scale_off_by_a_thousandth) s *= 1.001;
    if (fault == Fault::last_key_dropped && j == p.n_k - 1) s = kMasked;
    if (fault == Fault::mean_of_values) s = 0;
    if (fault == Fault::softcap_after_mask) s += bias;
    if (p.softcap) s = *p.softcap * std::tanh(s / *p.softcap);
    if (fault != Fault::softcap_after_mask) s += bias;
    weights[static_cast<std::size_t>(j)] = attends ? s : fault == Fault::masked_rows_get_the_mean ? -1e30 : kMasked;
  }
  const double top = *std::max_element(weights.begin(), weights.end());
  double total = 0;
  for (auto& w : weights) total += w = top == kMasked ? 0 : std::exp(w - top);
  float* out = task.out().row(b, h, i);
  for (std::int64_t c = 0; c < p.d_v; ++c) {
    double sum = 0;
    for (std::int64_t j = 0; j < p.n_k; ++j)
      if (weights[static_cast<std::size_t>(j)] > 0 || fault == Fault::masked_nan_reaches_output)
        sum += weights[static_cast<std::size_t>(j)] * double{task.inputs.values().row(b, kv, j)[c]};
    out[c] = total > 0 ? static_cast<float>(sum / total) : 0.0f;
  }
}

void swap_rows(float* a, float* b, std::int64_t d) { std::swap_ranges(a, a + d, b); }

// Spoils a right output.
template <Fault fault>
void spoil(const RunTask& task) {
  static std::atomic<int> calls{0};
  const auto& p = task.problem;
  const auto out = task.out();
  float* last = out.row(p.batch - 1, p.heads_q - 1, p.n_q - 1);
  if (fault == Fault::one_nan) last[0] = std::numeric_limits<float>::quiet_NaN();
  if (fault == Fault::one_infinity) out.row(0, 0, p.n_q / 2)[p.d_v - 1] = std::numeric_limits<float>::infinity();
  if (fault == Fault::one_off) out.row(0, 0, p.n_q / 3)[0] += 1e-3f;
  if (fault == Fault::one_off_by_a_hundredth) last[0] += 0.01f;
  if (fault == Fault::swapped_rows) swap_rows(out.row(0, 0, 0), out.row(0, 0, p.n_q - 1), p.d_v);
  if (fault == Fault::transposed_heads) swap_rows(out.row(0, 0, 0), out.row(0, 1, 0), p.d_v * p.n_q);
  if (fault == Fault::tiny_in_masked_row) out.row(0, 0, 0)[0] = 1e-9f;
  if (fault == Fault::writes_past_output) last[p.d_v] = 0;
  if (fault == Fault::writes_before_output) out.data[-1] = 0;
  if (fault == Fault::writes_past_row) out.row(0, 0, 0)[p.d_v] = out.row(0, 0, std::min<std::int64_t>(1, p.n_q - 1))[0];
  if (fault == Fault::changes_between_calls) last[0] = std::nextafter(last[0], calls++ % 2 ? 9.0f : -9.0f);
}

template <Fault fault>
void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto scratch = task.workspace.allocate<float>(fault == Fault::takes_undeclared_workspace ? 32 : 16);
  if (fault == Fault::writes_past_workspace) scratch.data()[16] = 1;
  if (fault == Fault::nothing_written) return;
  std::vector<double> weights(static_cast<std::size_t>(p.n_k));
  auto target = task;
  if (fault == Fault::ignores_strides) target.output.stride = dense_strides(task.output.shape);
  for (std::int64_t t = 0; t < p.batch * p.heads_q * p.n_q; ++t) {
    const auto b = t / (p.heads_q * p.n_q), h = t / p.n_q % p.heads_q, i = t % p.n_q;
    if (fault == Fault::last_row_unwritten && i == p.n_q - 1) continue;
    attend<fault>(target, b, h, i, weights);
    if (fault == Fault::all_zeros) std::fill_n(task.out().row(b, h, i), p.d_v, 0.0f);
    // A running maximum that starts from what the scratch holds: NaN is ignored by std::max, a large number is not.
    if (fault == Fault::trusts_old_workspace) task.out().row(b, h, i)[0] += std::max(0.0f, scratch[3]);
  }
  spoil<fault>(task);
}

template <Fault fault>
constexpr Variant kFaulty{
    .name = "faulty",
    .family = "test",
    .summary = "",
    .paper = "",
    .computes = Computes::exact_softmax,
    .time_label = "",
    .memory_label = "",
    .supports = kEverything,
    .workspace = [](const Problem&, const Params&, int) { return workspace_bytes<float>(16); },
    .run = run<fault>,
};

// hidden_nan: a key of the first batch entry, which its key length hides, holds NaN and infinity.
Verification verify_on(const Variant& variant, const char* problem_text, bool hidden_nan = false) {
  const auto problem = parse_problem(problem_text);
  auto r = random_inputs(problem);
  if (hidden_nan) {
    r.k.view().row(0, 0, problem.n_k - 1)[0] = std::numeric_limits<float>::quiet_NaN();
    r.v.view().row(0, 0, problem.n_k - 1)[0] = std::numeric_limits<float>::infinity();
  }
  return verify({&variant, Params()}, problem, r.inputs(problem), 7, Parallel());
}

std::string joined(const Reasons& reasons) {
  std::string text;
  for (const auto& reason : reasons) text += reason + "\n";
  return text;
}

// The fault is caught with that status and a reason that contains `text`; the same run without the fault passes.
template <Fault fault>
void expect_caught(const char* problem, Status status, const std::string& words, bool hidden_nan = false) {
  CAPTURE(problem, words);
  const auto sound = verify_on(kFaulty<Fault::none>, problem, hidden_nan);
  INFO("without the fault: " << joined(sound.reasons));
  CHECK(sound.status == Status::ok);
  const auto v = verify_on(kFaulty<fault>, problem, hidden_nan);
  CHECK(v.status == status);
  const auto reasons = joined(v.reasons);
  CAPTURE(reasons);
  CHECK(reasons.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("wrong mathematics is a mismatch") {
  expect_caught<Fault::wrong_scale>("b1 h2 n17 d8", Status::mismatch, "relative RMS error");
  expect_caught<Fault::tiled_heads>("b1 h6:2 n17 d8", Status::mismatch, "h1 ");
  expect_caught<Fault::transposed_heads>("b1 h2 n17 d8", Status::mismatch, "relative RMS error");
  expect_caught<Fault::future_leaks>("b1 h2 n17 d8 causal", Status::mismatch, "i0 ");
  expect_caught<Fault::other_alignment>("b1 h1 n17:23 d8 causal-top-left", Status::mismatch, "relative RMS error");
  expect_caught<Fault::other_alignment>("b1 h1 n17:23 d8 causal-bottom-right", Status::mismatch, "relative RMS error");
  expect_caught<Fault::softcap_after_mask>("b1 h1 n17 d8 mask=additive softcap=2", Status::mismatch, "relative RMS error");
  expect_caught<Fault::key_length_ignored>("b2 h1 n17 d8 klen=9,17", Status::mismatch, "b0 ");
}

TEST_CASE("a masked key that holds NaN or infinity may not reach the output") {
  expect_caught<Fault::masked_nan_reaches_output>("b2 h1 n17 d8 klen=9,17", Status::mismatch, "not finite", true);
}

TEST_CASE("rows that see no key are exactly zero") {
  expect_caught<Fault::masked_rows_get_the_mean>("b1 h1 n9:4 d8 causal-bottom-right", Status::mismatch, "sees no key");
  expect_caught<Fault::tiny_in_masked_row>("b1 h1 n9:4 d8 causal-bottom-right", Status::mismatch,
                                           "row b0 h0 i0 c0: got 9.9999997e-10, but the row sees no key");
  expect_caught<Fault::all_zeros>("b1 h1 n9 d8", Status::mistrusted, "zero");
  CHECK(verify_on(kFaulty<Fault::all_zeros>, "b2 h1 n9 d8 klen=0,0").status == Status::ok);
}

TEST_CASE("an output that looks like no output is mistrusted") {
  expect_caught<Fault::all_zeros>("b1 h2 n17 d8", Status::mistrusted, "most of the output is zero");
  expect_caught<Fault::mean_of_values>("b1 h2 n17 d8", Status::mistrusted, "repeats one row");
  expect_caught<Fault::all_zeros>("b1 h1 n1:50 d8", Status::mistrusted, "most of the output is zero");
}

TEST_CASE("single wrong elements and rows are found and named") {
  expect_caught<Fault::one_nan>("b2 h2 n17 d8", Status::mismatch,
                                "1 of 544 values are not finite; first row b1 h1 i16 c0: got nan");
  expect_caught<Fault::one_infinity>("b1 h1 n17 d8", Status::mismatch, "row b0 h0 i8 c7: got inf");
  expect_caught<Fault::one_off>("b1 h4 n1000 d16", Status::mismatch, "worst row b0 h0 i333 c0: got ");
  expect_caught<Fault::swapped_rows>("b1 h1 n17 d8", Status::mismatch, "relative RMS error");
  expect_caught<Fault::last_row_unwritten>("b1 h1 n17 d8", Status::mismatch, "i16 c0: got nothing (never written)");
  expect_caught<Fault::nothing_written>("b1 h1 n1 d1", Status::mismatch, "never written");
}

TEST_CASE("NaN outside the sampled rows is found too") {
  const auto problem = parse_problem("n3000:5 d2");
  const auto rows = verification_rows(problem, 7);
  REQUIRE(!std::binary_search(rows.begin(), rows.end(), problem.n_q / 2));
  const auto v = verify_on(kFaulty<Fault::one_infinity>, "n3000:5 d2");
  CHECK(v.status == Status::mismatch);
  CHECK(joined(v.reasons).find("row b0 h0 i1500 c1: got inf") != std::string::npos);
  CHECK(std::isnan(v.max_abs));
}

TEST_CASE("writes outside the output and the workspace are found") {
  expect_caught<Fault::writes_past_output>("b1 h2 n17 d8", Status::mismatch, "wrote past the end of");
  expect_caught<Fault::writes_before_output>("b1 h2 n17 d8", Status::mismatch, "wrote before the start of the output");
  expect_caught<Fault::writes_past_row>("b1 h2 n17 d8", Status::mismatch, "wrote past the end of row b0 h0 i0");
  expect_caught<Fault::ignores_strides>("b1 h2 n17 d8", Status::mismatch, "never written");
  expect_caught<Fault::writes_past_workspace>("b1 h2 n17 d8", Status::mismatch, "wrote past the end of a workspace allocation");
  expect_caught<Fault::takes_undeclared_workspace>("b1 h2 n17 d8", Status::mismatch, "took 128 bytes of workspace but declares 64");
  CHECK_FALSE(verify_on(kFaulty<Fault::writes_past_output>, "n17 d8").guards_intact);
  CHECK_FALSE(verify_on(kFaulty<Fault::writes_past_workspace>, "n17 d8").guards_intact);
  CHECK_FALSE(verify_on(kFaulty<Fault::takes_undeclared_workspace>, "n17 d8").workspace_within_declared);
}

TEST_CASE("an output that depends on more than the input is found") {
  expect_caught<Fault::trusts_old_workspace>("b1 h2 n17 d8", Status::mismatch, "two calls on the same input differ");
  expect_caught<Fault::changes_between_calls>("b1 h2 n17 d8", Status::mismatch, "two calls on the same input differ");
  CHECK_FALSE(verify_on(kFaulty<Fault::changes_between_calls>, "n17 d8").deterministic);
}

// Right but in row 3 of every head, which the oracle may mark undecided, and with it the first `kMarked` rows.
template <int kMarked>
void mark_rows(const OracleTask& task) {
  dense_oracle(task);
  for (std::int64_t t = 0; t < task.problem.batch * task.problem.heads_q; ++t)
    for (std::int64_t r = 0; r < kMarked; ++r) task.mark_undecided(t / task.problem.heads_q, t % task.problem.heads_q, 3 + r);
}

template <Fault fault, int kMarked>
Verification verify_marked(const char* problem) {
  auto variant = kFaulty<fault>;
  variant.computes = Computes::approximates_softmax;
  variant.oracle = mark_rows<kMarked>;
  return verify_on(variant, problem);
}

TEST_CASE("a row that the oracle marks undecided is not compared, and counted; too many of them prove nothing") {
  CHECK(verify_marked<Fault::one_off, 0>("h1 n9 d8").status == Status::mismatch);  // in row 9 / 3
  const auto v = verify_marked<Fault::one_off, 1>("h1 n60 d8");                    // 60 / 3 is not marked
  CHECK(v.status == Status::mismatch);
  CHECK(v.undecided_rows == 1);
  CHECK(verify_marked<Fault::none, 1>("b2 h3 n40 d8").undecided_rows == 6);
  CHECK(verify_marked<Fault::none, 1>("b2 h3 n40 d8").status == Status::ok);
  const auto many = verify_marked<Fault::none, 3>("b2 h3 n40 d8");
  CHECK(many.status == Status::mistrusted);
  CHECK(joined(many.reasons).find("18 of 240 rows") != std::string::npos);
  const auto hidden = verify_marked<Fault::one_off, 1>("h1 n11 d8");  // in row 3, marked: one row of 11 is too many
  CHECK(hidden.status == Status::mistrusted);
  CHECK(hidden.max_abs < 1e-5);
  CHECK(verify_marked<Fault::one_nan, 8>("h1 n11 d8").status == Status::mismatch);  // NaN fails even there
}

TEST_CASE("compare is as strict as float32 allows and no stricter") {
  const auto problem = parse_problem("n8 d4");
  std::vector<double> oracle(32);
  std::vector<float> output(32);
  for (std::size_t t = 0; t < 32; ++t) output[t] = static_cast<float>(oracle[t] = std::sin(static_cast<double>(t)));
  CHECK(compare(output, oracle, problem).status == Status::ok);

  SECTION("relative RMS") {
    for (const auto& [error, status] : {std::pair{1.8e-6, Status::ok}, std::pair{2.2e-6, Status::mismatch}}) {
      for (std::size_t t = 0; t < 32; ++t) output[t] = static_cast<float>(oracle[t] * (1 + error));
      CHECK(compare(output, oracle, problem).status == status);
    }
  }
  SECTION("largest error, where the rest is perfect") {
    std::vector<double> wide(4000, 1.0);
    std::vector<float> wide_output(4000, 1.0f);
    const auto long_problem = parse_problem("n1000 d4");
    wide_output[2345] = 1.0f + 1.9e-5f;
    CHECK(compare(wide_output, wide, long_problem).status == Status::ok);
    wide_output[2345] = 1.0f + 2.2e-5f;
    const auto v = compare(wide_output, wide, long_problem);
    CHECK(v.status == Status::mismatch);
    CHECK(v.rel_rms < v.tolerance_rel_rms);
    CHECK(joined(v.reasons).find("row b0 h0 i586 c1") != std::string::npos);
  }
  SECTION("NaN and infinity on either side never pass") {
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
      auto spoiled = output;
      spoiled[5] = static_cast<float>(bad);
      CHECK(compare(spoiled, oracle, problem).status == Status::mismatch);
      CHECK(std::isnan(compare(spoiled, oracle, problem).rel_rms));
      auto spoiled_oracle = oracle;
      spoiled_oracle[5] = bad;
      CHECK(compare(output, spoiled_oracle, problem).status == Status::mismatch);
      CHECK(compare(spoiled, spoiled_oracle, problem).status == Status::mismatch);
    }
  }
  SECTION("a zero oracle accepts only zero") {
    const std::vector<double> nothing(32, 0.0);
    CHECK(compare(std::vector<float>(32, 0.0f), nothing, problem).status == Status::ok);
    auto nearly = std::vector<float>(32, 0.0f);
    nearly[9] = 1e-12f;
    CHECK(compare(nearly, nothing, problem).status == Status::mismatch);
  }
  SECTION("rows are named by their query index") {
    output[2] += 1;
    const std::array<std::int64_t, 8> rows{10, 20, 30, 40, 50, 60, 70, 80};
    CHECK(joined(compare(output, oracle, problem, rows).reasons).find("row b0 h0 i10 c2: got") != std::string::npos);
  }
}

TEST_CASE("tolerances grow with the square root of n beyond 4096, and with the scores") {
  const std::vector<double> oracle(4, 1.0);
  const std::vector<float> output(4, 1.0f);
  const auto at = [&](const char* text, const Rounding& rounding = {}) {
    return compare(output, oracle, parse_problem(text), {}, rounding);
  };
  CHECK(at("n1 d4").tolerance_rel_rms == Approx(2e-6));
  CHECK(at("n1 d4").tolerance_max_abs == Approx(2e-5));
  CHECK(at("n1:4096 d4").tolerance_rel_rms == Approx(2e-6));
  CHECK(at("n1:16384 d4").tolerance_rel_rms == Approx(4e-6));
  CHECK(at("n1:16384 d4").tolerance_max_abs == Approx(4e-5));
  CHECK(at("n1 d4", {.score_error = 1e-7, .spread = 0.5}).tolerance_rel_rms == Approx(2e-6));
  CHECK(at("n1 d4", {.score_error = 1e-5, .spread = 0.5}).tolerance_rel_rms == Approx(4e-5));
  CHECK(at("n1 d4", {.score_error = 1e-5, .spread = 0.5}).tolerance_max_abs == Approx(4e-4));
  CHECK(at("n1 d4", {.score_error = 1, .spread = 0.5}).tolerance_rel_rms == Approx(0.05));
  CHECK(at("n1 d4", {.score_error = 0, .spread = 30}).tolerance_rel_rms == Approx(6e-5));
  CHECK(at("n1 d4", {.score_error = 0, .spread = 30}).tolerance_max_abs == Approx(2e-5));
}

TEST_CASE("an output as constant as its oracle is not mistrusted") {
  const auto problem = parse_problem("n8 d4");
  std::vector<double> oracle(32, 3.0);
  std::vector<float> output(32, 3.0f);
  CHECK(compare(output, oracle, problem).status == Status::ok);
  output[0] = 4;  // wrong, but not for being constant
  CHECK(compare(output, oracle, problem).status == Status::mismatch);
}

TEST_CASE("scores too large for float32 widen the tolerance as far as the inputs justify, and no further") {
  const auto ordinary = verify_on(kFaulty<Fault::float_scores>, "n200 d64");
  CHECK(ordinary.status == Status::ok);
  CHECK(ordinary.tolerance_rel_rms == Approx(2e-6));
  const auto large = verify_on(kFaulty<Fault::float_scores>, "n200 d64 scale=5");
  INFO(joined(large.reasons));
  CHECK(large.status == Status::ok);
  CHECK(large.rel_rms > 2e-6);
  CHECK(large.tolerance_rel_rms > 2e-6);
  CHECK(large.tolerance_rel_rms < 2e-4);
  CHECK(verify_on(kFaulty<Fault::wrong_scale>, "n200 d64 scale=5").status == Status::mismatch);
  CHECK(verify_on(kFaulty<Fault::one_off_by_a_hundredth>, "n200 d64 scale=5").status == Status::mismatch);
}

namespace {

// Inputs like those of a trained model: all keys share channel `channel`, whose product with the queries is large.
struct SharedChannel {
  float key, query_mean, query_deviation;
};

Verification verify_shared(const Variant& variant, const char* text, const SharedChannel& shared, unsigned seed = 1,
                           std::int64_t channel = 0) {
  const auto p = parse_problem(text);
  auto r = random_inputs(p, seed);
  std::mt19937 random(seed + 100);
  std::normal_distribution<float> normal(shared.query_mean, shared.query_deviation);
  for (std::int64_t t = 0; t < p.batch * p.heads_q * p.n_q; ++t) r.q.data()[t * p.d_qk + channel] = normal(random);
  for (std::int64_t t = 0; t < p.batch * p.heads_kv * p.n_k; ++t) r.k.data()[t * p.d_qk + channel] = shared.key;
  return verify({&variant, Params(variant.params)}, p, r.inputs(p), 7, Parallel());
}

constexpr SharedChannel kModerate{30, 10, 3}, kLarge{100, -20, 5}, kHuge{300, -60, 20}, kExtreme{1000, -100, 30};

}  // namespace

TEST_CASE("keys that share a large channel are no fault of a variant") {
  for (const char* name : {"naive", "scaled_dot_product", "blockwise"})
    for (const char* problem : {"h2 n256 d128", "h2 n40 d64 causal", "h4:2 n3:700 d32", "h1 n60 d80 mask=additive", "n1:17 d8:1"})
      for (const auto& shared : {kModerate, kLarge, kHuge, kExtreme})
        for (const std::int64_t channel : {0, 7}) {
          CAPTURE(name, problem, shared.key, channel);
          const auto v = verify_shared(*find_variant(name), problem, shared, 1, channel);
          INFO(joined(v.reasons));
          CHECK(v.status == Status::ok);
        }
}

TEST_CASE("the margin for such inputs is a few times what float32 needs") {
  const auto& naive = *find_variant("naive");
  for (const auto& shared : {kModerate, kLarge, kHuge, kExtreme})
    for (unsigned seed = 1; seed <= 8; ++seed) {
      CAPTURE(shared.key, seed);
      const auto v = verify_shared(naive, "n100 d64", shared, seed);
      CHECK(v.rel_rms < 0.5 * v.tolerance_rel_rms);
      CHECK(v.rel_rms > 0.05 * v.tolerance_rel_rms);
    }
}

TEST_CASE("real faults stay visible on such inputs") {
  constexpr const char* kProblem = "h2 n100 d64 causal";
  const auto status = [&](const Variant& variant, const SharedChannel& shared) {
    return verify_shared(variant, kProblem, shared).status;
  };
  for (const auto& shared : {kModerate, kLarge}) {
    CAPTURE(shared.key);
    CHECK(status(kFaulty<Fault::none>, shared) == Status::ok);
    CHECK(status(kFaulty<Fault::scale_off_by_a_thousandth>, shared) == Status::mismatch);
    CHECK(status(kFaulty<Fault::products_in_bf16>, shared) == Status::mismatch);
    CHECK(status(kFaulty<Fault::last_key_dropped>, shared) == Status::mismatch);
    CHECK(status(kFaulty<Fault::one_off_by_a_hundredth>, shared) == Status::mismatch);
    CHECK(status(kFaulty<Fault::swapped_rows>, shared) == Status::mismatch);
  }
  for (const auto& shared : {kHuge, kExtreme}) {
    CAPTURE(shared.key);
    CHECK(status(kFaulty<Fault::all_zeros>, shared) != Status::ok);
    CHECK(status(kFaulty<Fault::one_nan>, shared) == Status::mismatch);
    CHECK(status(kFaulty<Fault::future_leaks>, shared) == Status::mismatch);
    CHECK(status(kFaulty<Fault::last_row_unwritten>, shared) == Status::mismatch);
    CHECK(status(kFaulty<Fault::wrong_scale>, shared) == Status::mismatch);
    CHECK(status(kFaulty<Fault::swapped_rows>, shared) == Status::mismatch);
    CHECK(verify_shared(kFaulty<Fault::last_key_dropped>, "h2 n100 d64", shared).status == Status::mismatch);
  }
}

TEST_CASE("N(0,1) inputs have the tolerance they always had, for right and wrong outputs") {
  for (const char* problem : {"h2 n100 d64", "h2 n200 d128 causal", "n300 d8", "n64 d32 softcap=5", "n64 d32 mask=additive"}) {
    CAPTURE(problem);
    CHECK(verify_on(kFaulty<Fault::none>, problem).tolerance_rel_rms == Approx(2e-6));
    CHECK(verify_on(kFaulty<Fault::one_off>, problem).tolerance_rel_rms < 2.2e-6);
  }
}

TEST_CASE("an output that is small because its values cancel is judged by the size of what cancels") {
  const auto p = parse_problem("n1:17 d1");
  const std::vector<double> oracle{0.017};
  const Rounding cancelled{.score_error = 0, .spread = 0.2};
  const std::vector<float> off{static_cast<float>(0.017 * (1 + 2.25e-6))}, wrong{static_cast<float>(0.017 * (1 + 1e-4))};
  CHECK(compare(off, oracle, p).status == Status::mismatch);
  CHECK(compare(off, oracle, p, {}, cancelled).status == Status::ok);
  CHECK(compare(wrong, oracle, p, {}, cancelled).status == Status::mismatch);
  for (unsigned seed = 1; seed <= 25; ++seed) {
    const auto r = random_inputs(p, seed);
    for (const char* name : {"additive", "naive", "blockwise", "linear"}) {
      const auto& variant = *find_variant(name);
      CAPTURE(name, seed);
      CHECK(verify({&variant, Params(variant.params)}, p, r.inputs(p), 7, Parallel()).status == Status::ok);
    }
  }
}

TEST_CASE("subnormal outputs are judged in units of the last place there is, and flushing is named") {
  const auto p = parse_problem("h2 n60 d16");
  auto r = random_inputs(p);
  for (std::int64_t t = 0; t < element_count(r.v.shape()); ++t) r.v.data()[t] *= 1e-40f;
  const auto on = [&](const Variant& variant) { return verify({&variant, Params(variant.params)}, p, r.inputs(p), 7, Parallel()); };
  for (const char* name : {"naive", "scaled_dot_product"}) CHECK(on(*find_variant(name)).status == Status::ok);
  CHECK(on(kFaulty<Fault::wrong_scale>).status != Status::ok);
  CHECK(on(kFaulty<Fault::swapped_rows>).status == Status::mismatch);
  const auto flushed = on(*find_variant("blockwise"));
  CHECK(flushed.status != Status::ok);
  CHECK(joined(flushed.reasons).find("flushed to zero") != std::string::npos);
  CHECK(joined(on(kFaulty<Fault::swapped_rows>).reasons).find("flushed") == std::string::npos);
}

TEST_CASE("rows to verify: all when few, else edges, ends and a seeded sample") {
  const auto all = verification_rows(parse_problem("n1024:3"), 1);
  REQUIRE(all.size() == 1024);
  CHECK(all[1023] == 1023);
  for (const char* text : {"n1025", "n5000", "n16384"}) {
    CAPTURE(text);
    const auto problem = parse_problem(text);
    const auto rows = verification_rows(problem, 1);
    CHECK(std::adjacent_find(rows.begin(), rows.end(), std::greater_equal<>()) == rows.end());
    CHECK(rows.front() == 0);
    CHECK(rows.back() == problem.n_q - 1);
    CHECK(rows.size() < 90);
    for (const std::int64_t edge : {15, 16, 63, 64, 127, 128, 1023, 1024})
      CHECK(std::binary_search(rows.begin(), rows.end(), edge));
    CHECK(verification_rows(problem, 1) == rows);
    CHECK(verification_rows(problem, 2) != rows);
  }
}

namespace {

// An approximation that is right by its own definition: the mean of the visible values.
void mean_oracle(const OracleTask& task) {
  const auto& p = task.problem;
  for (std::int64_t r = 0; r < static_cast<std::int64_t>(task.rows.size()); ++r)
    for (std::int64_t c = 0; c < p.d_v; ++c) {
      double sum = 0;
      for (std::int64_t j = 0; j < p.n_k; ++j) sum += double{task.inputs.values().row(0, 0, j)[c]};
      task.out_row(0, 0, r)[c] = sum / static_cast<double>(p.n_k);
    }
}

}  // namespace

TEST_CASE("the approximation error is reported and never gates") {
  auto mean = kFaulty<Fault::mean_of_values>;
  mean.computes = Computes::approximates_softmax;
  mean.oracle = mean_oracle;
  const auto approximate = verify_on(mean, "n40 d8");
  CHECK(approximate.status == Status::ok);
  CHECK(approximate.oracle == OracleKind::own);
  CHECK(approximate.rel_rms < 1e-6);
  CHECK(approximate.approximation.rel_rms > 0.1);
  CHECK(approximate.approximation.cosine < 0.99);
  const auto exact = verify_on(kFaulty<Fault::none>, "n40 d8");
  CHECK(exact.oracle == OracleKind::dense);
  CHECK(exact.approximation.rel_rms < 1e-6);
  CHECK(exact.approximation.cosine == Approx(1));
}

TEST_CASE("exact rows given are the exact rows computed") {
  const auto problem = parse_problem("b2 h4:2 n1100:60 d8 causal-bottom-right");
  const auto r = random_inputs(problem);
  const ThreadArena arena(2);
  const auto exact = exact_rows(problem, r.inputs(problem), 5, Parallel());
  CHECK(exact == exact_rows(problem, r.inputs(problem), 5, arena.parallel()));
  const VariantConfig config{&kFaulty<Fault::none>, Params()};
  const auto given = verify(config, problem, r.inputs(problem), 5, Parallel(), exact);
  const auto computed = verify(config, problem, r.inputs(problem), 5, Parallel());
  CHECK(given.status == Status::ok);
  CHECK(given.rel_rms == computed.rel_rms);
  CHECK(given.rows == static_cast<std::int64_t>(verification_rows(problem, 5).size()));
}

TEST_CASE("a variant's own pattern is part of its oracle") {
  auto diagonal = kFaulty<Fault::none>;
  diagonal.computes = Computes::masked_softmax;
  diagonal.attends = [](const MaskTask&, std::int64_t, std::int64_t, std::int64_t i, std::int64_t j) { return i == j; };
  const auto v = verify_on(diagonal, "n12 d4");  // it runs without the pattern it declares
  CHECK(v.oracle == OracleKind::dense_with_pattern);
  CHECK(v.status == Status::mismatch);
}
