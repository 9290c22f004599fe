#include "harness/worker/verify.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "harness/worker/guarded_output.h"
#include "harness/worker/output_digest.h"
#include "harness/worker/rounding.h"
#include "variants/api/integers.h"
#include "variants/api/oracle.h"
#include "variants/api/variant_call.h"

namespace attnbench {
namespace {

constexpr std::int64_t kAllRows = 1024;                                             // up to here every row is compared
constexpr std::int64_t kRandomRows = 24;                                            // beyond, so many at random on top of the edges
constexpr double kMostUndecided = 0.05;                                             // of the rows: then too little is compared
constexpr std::int64_t kEdges[] = {16, 32, 48, 64, 96, 128, 256, 512, 1024, 4096};  // tile, block, window and chunk sizes in use

OracleKind oracle_kind(const Variant& variant) {
  return variant.oracle ? OracleKind::own : variant.attends ? OracleKind::dense_with_pattern : OracleKind::dense;
}

std::size_t row_elements(const Problem& p, std::size_t rows) {
  return static_cast<std::size_t>(p.batch * p.heads_q * p.d_v) * rows;
}

// What every step of one verification reads.
struct Subject {
  const Variant& variant;
  const Params& params;
  const Problem& problem;
  const Inputs& inputs;
  const Prepared& prepared;
  const Parallel& parallel;
  std::span<const std::int64_t> rows;
};

// The oracle's rows, and which of them its selection leaves undecided (none of softmax attention).
struct Expected {
  std::vector<double> rows;  // [b][h_q][rows][d_v]
  std::vector<std::uint8_t> undecided;

  std::int64_t undecided_count() const { return std::count(undecided.begin(), undecided.end(), 1); }
};

Expected expected_rows(const Subject& s) {
  const auto elements = row_elements(s.problem, s.rows.size());
  Expected expected{std::vector<double>(elements, std::numeric_limits<double>::quiet_NaN()),
                    std::vector<std::uint8_t>(elements / static_cast<std::size_t>(s.problem.d_v), 0)};
  reference(s.variant,
            {s.problem, s.params, s.inputs, s.prepared, s.rows, expected.rows.data(), s.parallel, expected.undecided.data()});
  return expected;
}

// A fault outside the comparison with the oracle.
void fail(Verification& v, std::string reason) {
  v.status = Status::mismatch;
  v.reasons.push_back(std::move(reason));
}

// One call on a poisoned workspace. Different poison in different calls: what survives into the output then differs too.
void call_once(const Subject& s, VariantCall& call, GuardedOutput& output, float poison, Verification& v) {
  auto& workspace = call.workspace();
  workspace.poison(poison);
  call.run(s.inputs, output.ref());
  if (v.guards_intact && !workspace.guards_intact()) {
    v.guards_intact = false;
    fail(v, "wrote past the end of a workspace allocation");
  }
  if (const auto overrun = output.overrun(); v.guards_intact && !overrun.empty()) {
    v.guards_intact = false;
    fail(v, overrun);
  }
  if (v.workspace_within_declared && workspace.overflowed()) {
    v.workspace_within_declared = false;
    fail(v, fmt::format("took {} bytes of workspace but declares {}", workspace.peak(), workspace.declared()));
  }
}

// First element where the outputs differ in any bit, as "row b0 h1 i17 c3: a, then b"; empty when none does.
std::string difference(const GuardedOutput& first, const GuardedOutput& second) {
  const auto a = first.view(), b = second.view();
  for (std::int64_t t = 0; t < a.batch() * a.heads() * a.rows(); ++t) {
    const auto batch = t / (a.heads() * a.rows()), head = t / a.rows() % a.heads(), i = t % a.rows();
    const float* x = a.row(batch, head, i);
    const float* y = b.row(batch, head, i);
    if (std::memcmp(x, y, static_cast<std::size_t>(a.dim()) * sizeof *x) == 0) continue;
    std::int64_t c = 0;
    while (std::memcmp(x + c, y + c, sizeof *x) == 0) ++c;
    return fmt::format("row b{} h{} i{} c{}: {:.9g}, then {:.9g}", batch, head, i, c, x[c], y[c]);
  }
  return {};
}

bool row_is(std::span<const double> row, double value) {
  return std::all_of(row.begin(), row.end(), [value](double x) { return x == value; });
}

bool sees_a_key(const Subject& s, std::int64_t b, std::int64_t h, std::int64_t i) {
  for (std::int64_t j = 0; j < s.problem.n_k; ++j)
    if (sees_key(s.problem, s.inputs, b, h, i, j) &&
        (!s.variant.attends || s.variant.attends({s.problem, s.params, s.prepared}, b, h, i, j)))
      return true;
  return false;
}

// A row that sees no key is exactly 0, not merely within tolerance of it. (Any other row may have a true 0 and a tiny error.)
void check_fully_masked_rows(const Subject& s, std::span<const float> output, std::span<const double> oracle, Verification& v) {
  const auto& p = s.problem;
  const auto d_v = static_cast<std::size_t>(p.d_v);
  for (std::size_t t = 0; t * d_v < output.size(); ++t) {
    const auto values = output.subspan(t * d_v, d_v);
    const auto wrong = std::find_if(values.begin(), values.end(), [](float x) { return !(x == 0.0f); });
    if (wrong == values.end() || !row_is(oracle.subspan(t * d_v, d_v), 0)) continue;
    const auto head = static_cast<std::int64_t>(t / s.rows.size());
    const auto b = head / p.heads_q, h = head % p.heads_q, i = s.rows[t % s.rows.size()];
    if (sees_a_key(s, b, h, i)) continue;
    fail(v, fmt::format("row b{} h{} i{} c{}: got {:.8g}, but the row sees no key and must be exactly 0", b, h, i,
                        wrong - values.begin(), *wrong));
    return;
  }
}

// Rows outside the sample are not compared, but may not hold NaN or infinity either.
void check_unsampled(const GuardedOutput& output, Verification& v) {
  const auto out = output.view();
  for (std::int64_t t = 0; t < out.batch() * out.heads() * out.rows(); ++t) {
    const auto b = t / (out.heads() * out.rows()), h = t / out.rows() % out.heads(), i = t % out.rows();
    const float* row = out.row(b, h, i);
    const float* bad = std::find_if(row, row + out.dim(), [](float x) { return !std::isfinite(x); });
    if (bad == row + out.dim()) continue;
    v.rel_rms = v.max_abs = std::numeric_limits<double>::quiet_NaN();
    fail(v, fmt::format("row b{} h{} i{} c{}: got {}", b, h, i, bad - row,
                        GuardedOutput::is_poison(*bad) ? "nothing (never written)" : fmt::format("{}", *bad)));
    return;
  }
}

// What rounding may do is looked up only for outputs that are not right at the first look.
Verification compare_conditioned(const Subject& s, std::span<const float> values, std::span<const double> oracle) {
  auto v = compare(values, oracle, s.problem, s.rows);
  if (v.status == Status::ok || std::isnan(v.max_abs)) return v;
  const auto rounding = expected_rounding(s.variant, {s.problem, s.params, s.inputs, s.prepared, s.rows, nullptr, s.parallel});
  return compare(values, oracle, s.problem, s.rows, rounding);
}

Verification judge(const Subject& s, const GuardedOutput& output, const Expected& expected) {
  const auto values = output.gather(s.rows);
  const auto oracle = settled(values, expected.rows, expected.undecided);
  auto v = compare_conditioned(s, values, oracle);
  v.undecided_rows = expected.undecided_count();
  if (const auto rows = static_cast<double>(expected.undecided.size());
      v.status == Status::ok && static_cast<double>(v.undecided_rows) > kMostUndecided * rows) {
    v.status = Status::mistrusted;
    v.reasons.push_back(
        fmt::format("scores too close to call leave {} of {} rows without a selection to compare with; at most {:g} % may",
                    v.undecided_rows, rows, 100 * kMostUndecided));
  }
  if (std::isnan(v.max_abs)) return v;
  check_unsampled(output, v);
  check_fully_masked_rows(s, values, oracle, v);
  return v;
}

// Runs with padded rows, then with rows as they lie when timed. Should the bits differ, a third call tells a layout that
// matters (allowed: the error bound holds for both) from an output that changes between two equal calls.
Verification run_and_judge(const Subject& s, VariantCall& call, const Expected& oracle, GuardedOutput& dense) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Shape shape = dense.ref().shape;
  Verification calls;
  GuardedOutput padded(shape, GuardedOutput::Rows::padded);
  call_once(s, call, padded, nan, calls);
  call_once(s, call, dense, 1e30f, calls);
  auto v = judge(s, padded, oracle);
  if (!difference(padded, dense).empty()) {
    GuardedOutput again(shape, GuardedOutput::Rows::dense);
    call_once(s, call, again, nan, calls);
    if (v.status == Status::ok) v = judge(s, dense, oracle);
    if (const auto where = difference(dense, again); !where.empty()) {
      v.deterministic = false;
      fail(v, "two calls on the same input differ (a race, or scratch read before it is written): " + where);
    }
  }
  v.guards_intact = calls.guards_intact;
  v.workspace_within_declared = calls.workspace_within_declared;
  for (auto& reason : calls.reasons) fail(v, std::move(reason));
  return v;
}

}  // namespace

std::vector<std::int64_t> verification_rows(const Problem& problem, std::uint64_t seed) {
  const auto n = problem.n_q;
  std::set<std::int64_t> rows;
  if (n <= kAllRows) {
    for (std::int64_t i = 0; i < n; ++i) rows.insert(i);
  } else {
    rows = {0, 1, n - 2, n - 1};
    for (const auto edge : kEdges)
      for (const auto i : {edge - 1, edge, n / edge * edge - 1, n / edge * edge})
        if (i >= 0 && i < n) rows.insert(i);
    for (std::int64_t t = 0; t < kRandomRows; ++t)
      rows.insert(static_cast<std::int64_t>(splitmix64(seed) % static_cast<std::uint64_t>(n)));
  }
  return {rows.begin(), rows.end()};
}

std::vector<double> exact_rows(const Problem& problem, const Inputs& inputs, const Seeds& seeds, const Parallel& parallel) {
  const auto verified = verification_rows(problem, seeds.rows), sampled = approximation_rows(problem, seeds.inputs);
  auto exact = exact_attention(problem, inputs, verified, parallel);
  const auto more = sampled == verified ? exact : exact_attention(problem, inputs, sampled, parallel);
  const auto mean_v = mean_of_values(problem, inputs, sampled, parallel);
  exact.insert(exact.end(), more.begin(), more.end());
  exact.insert(exact.end(), mean_v.begin(), mean_v.end());
  return exact;
}

Verification verify(const VariantConfig& config, const Problem& problem, const Inputs& inputs, const Seeds& seeds,
                    const Parallel& parallel, std::span<const double> exact) {
  const auto& [variant, params] = config;
  const auto rows = verification_rows(problem, seeds.rows), sampled = approximation_rows(problem, seeds.inputs);
  VariantCall call(*variant, params, problem, seeds.inputs, parallel);
  const auto& prepared = call.prepared();
  const Subject subject{*variant, params, problem, inputs, prepared, parallel, rows};
  std::vector<double> computed;
  if (exact.empty()) exact = computed = exact_rows(problem, inputs, seeds, parallel);
  const auto verified_size = row_elements(problem, rows.size()), sampled_size = row_elements(problem, sampled.size());
  const auto kind = oracle_kind(*variant);
  const auto known = exact.first(verified_size);
  const auto expected = kind == OracleKind::dense ? Expected{{known.begin(), known.end()}, {}} : expected_rows(subject);
  GuardedOutput output(output_shape(problem), GuardedOutput::Rows::dense);
  auto v = run_and_judge(subject, call, expected, output);
  v.oracle = kind;
  const ApproximationTask task{*variant,
                               params,
                               problem,
                               inputs,
                               prepared,
                               parallel,
                               sampled,
                               exact.subspan(verified_size, sampled_size),
                               exact.last(sampled_size),
                               seeds.inputs};
  v.approximation = approximation_error(task, output.gather(sampled));
  v.output_digest = output_digest(output.ref());
  return v;
}

Verification judge_output(const VariantConfig& config, const Problem& problem, const Inputs& inputs, const Prepared& prepared,
                          std::uint64_t rows_seed, const Parallel& parallel, const TensorRef& output) {
  const auto rows = verification_rows(problem, rows_seed);
  const Subject subject{*config.variant, config.params, problem, inputs, prepared, parallel, rows};
  const GuardedOutput copy(output.shape, GuardedOutput::Rows::dense);
  const auto from = output.as<const float>();
  const auto to = copy.ref().as<float>();
  for (std::int64_t t = 0; t < from.batch() * from.heads() * from.rows(); ++t) {
    const auto b = t / (from.heads() * from.rows()), h = t / from.rows() % from.heads(), i = t % from.rows();
    std::copy_n(from.row(b, h, i), from.dim(), to.row(b, h, i));
  }
  return judge(subject, copy, expected_rows(subject));
}

}  // namespace attnbench
