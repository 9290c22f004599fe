// Variant: everything the suite knows about one attention variant, as a constant descriptor of plain data and functions.
//
// A variant is one file variants/<family>/<name>.cpp that defines one descriptor:
//
//   ATTNBENCH_VARIANT(naive) = {.name = "naive", ..., .run = run};
//
// The build globs the folders and generates the table in registry.h; nothing else needs an edit. A new folder is a new family.
// Fields left out keep the defaults below. A problem feature that a descriptor does not list in `supports` is refused before run()
// is reached, so features added later never reach a variant that does not know them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "variants/api/inputs.h"
#include "variants/api/parallel.h"
#include "variants/api/params.h"
#include "variants/api/problem.h"
#include "variants/api/tensor.h"
#include "variants/api/workspace.h"

namespace attnbench {

/// What the output means, and so what it is judged against.
enum class Computes {
  exact_softmax,         // softmax(scale Q K^T + mask) V: the dense oracle
  masked_softmax,        // the same under the variant's own mask predicate `attends`: the dense oracle with that mask
  approximates_softmax,  // an approximation with its own `oracle`; the approximation error is the point
  own_definition,        // another function altogether (additive, multi_head), with its own `oracle`
};

/// Problem features beyond the plain square problem (batch, heads, n_q = n_k, d_qk = d_v, default scale).
enum Feature : std::uint32_t {
  kGqa = 1u << 0,          // heads_kv < heads_q
  kCross = 1u << 1,        // n_q != n_k
  kUnequalDims = 1u << 2,  // d_qk != d_v
  kCausal = 1u << 3,       // both alignments
  kWindow = 1u << 4,       // a sliding window in the problem itself
  kKeyLengths = 1u << 5,
  kBooleanMask = 1u << 6,   // dense
  kAdditiveMask = 1u << 7,  // dense
  kScale = 1u << 8,         // an explicit scale
  kSoftcap = 1u << 9,
  kBf16 = 1u << 10,  // Q, K, V and the output in another element type than f32
  kF16 = 1u << 11,
  kF64 = 1u << 12,
};
constexpr std::uint32_t kAllMasks = kCausal | kWindow | kKeyLengths | kBooleanMask | kAdditiveMask;
constexpr std::uint32_t kEverything = kGqa | kCross | kUnequalDims | kAllMasks | kScale | kSoftcap;  // in float32
constexpr std::uint32_t kAllFeatures = kEverything | kBf16 | kF16 | kF64;

/// The features a problem needs.
std::uint32_t features_of(const Problem& problem);

/// Laws the output obeys; the contract tests check each one a descriptor claims.
enum Law : std::uint32_t {
  kRowStochastic = 1u << 0,     // V = 1 gives 1 on every row that sees a key
  kKeyPermutation = 1u << 1,    // permuting keys and values together changes nothing, when the problem's mask is positionless
  kIndependentHeads = 1u << 2,  // a (batch, head) output depends on that (batch, head) input only
  kScoreShift = 1u << 3,        // adding a constant to all scores (an additive mask of c) changes nothing
  kWeightsReadable = 1u << 4,   // linear in V per head: feeding V = I gives the applied weights
  kCausalToRounding = 1u << 5,  // less than is asked of all others: the future may change the past, but by rounding errors only
  kConstantRowSum = 1u << 6,    // V = 1 gives one and the same number on every row that sees a key
  kScaleInvariance = 1u << 7,   // making a query or a key longer or shorter changes nothing
};
constexpr std::uint32_t kSoftmaxLaws = kRowStochastic | kKeyPermutation | kIndependentHeads | kScoreShift | kWeightsReadable;

/// Exact work of one call. The O(...) labels are only labels; this is the truth and is tested against counted work.
struct Cost {
  double multiply_adds = 0;  // one multiply-add counts once; FLOPs = 2x
  double exps = 0;           // exp and tanh evaluations
  double bytes = 0;  // compulsory traffic: each input and output once, plus any matrix the variant materialises (write + read)
  double pairs = 0;  // (query, key) scores evaluated over all batch entries and query heads; 0 where there are none
  double external_bytes = 0;  // most memory beside inputs, output and workspace: a library, what it allocates, its own process
  double start_seconds = 0;   // before the first call: libraries loaded, processes started and ended
  double depth = 1;  // steps along the sequence that wait for one another: n where position follows position, log2 n for an FFT
};

/// What one core sustains in a variant's code, per second: a hint for predictions before anything was measured. 0: plain loops.
struct Rates {
  double multiply_adds = 0, exps = 0;
};

/// What prepare() left for run(): weights, block lists. It may depend on shape, parameters and seed, never on the data.
struct Prepared {
  std::shared_ptr<const void> state;
  std::size_t bytes = 0;

  template <class T>
  const T& as() const {
    return *static_cast<const T*>(state.get());
  }
  template <class T>
  static Prepared of(T value, std::size_t bytes) {
    return {std::make_shared<const T>(std::move(value)), bytes};
  }
};

struct PrepareTask {
  const Problem& problem;
  const Params& params;
  std::uint64_t seed;
  int threads;
};

struct RunTask {
  const Problem& problem;
  const Params& params;
  const Inputs& inputs;
  TensorRef output;  // [b, h_q, n_q, d_v]; every element must be written
  const Prepared& prepared;
  Workspace& workspace;
  const Parallel& parallel;

  TensorView<float> out() const { return output.as<float>(); }
};

/// Scores this close, times 1 + |score|, are a tie that float32 may break either way.
constexpr double kUndecided = 1e-5;

/// A float64 reference for some query rows (the same rows of every batch entry and head).
struct OracleTask {
  const Problem& problem;
  const Params& params;
  const Inputs& inputs;
  const Prepared& prepared;
  std::span<const std::int64_t> rows;  // ascending query indices
  double* out;                         // [b][h_q][rows.size()][d_v], dense; must be written whole
  const Parallel& parallel;
  /// [b][h_q][rows.size()], zeroed by the caller; null where nobody asks. A reference that selects keys marks the rows whose
  /// selection float32 cannot decide: a key that it took and one that it left differ in score s, not exactly equal, by less than
  /// kUndecided (1 + |s|). Such rows are not compared.
  std::uint8_t* undecided = nullptr;

  std::int64_t row_index(std::int64_t b, std::int64_t h, std::int64_t r) const {
    return (b * problem.heads_q + h) * static_cast<std::int64_t>(rows.size()) + r;
  }
  double* out_row(std::int64_t b, std::int64_t h, std::int64_t r) const { return out + row_index(b, h, r) * problem.d_v; }
  void mark_undecided(std::int64_t b, std::int64_t h, std::int64_t r) const {
    if (undecided) undecided[row_index(b, h, r)] = 1;
  }
};

/// Whether query row i may attend to key j, for a variant's own pattern; the problem's own masks are applied on top.
struct MaskTask {
  const Problem& problem;
  const Params& params;
  const Prepared& prepared;
};
using AttendsFunction = bool (*)(const MaskTask& task, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j);

using Reasons = std::vector<std::string>;

/// What ran, by name: "library", "kernel", "threads" (how their number was set), ... Goes into the record.
using Facts = std::vector<std::pair<std::string, std::string>>;

struct Variant {
  const char* name;                // equals the file name
  const char* family = nullptr;    // the folder of a built-in variant, filled in by the registry; a plugin may name its own
  const char* summary;             // one line
  const char* paper;               // authors, year, section
  const char* equation = nullptr;  // what it computes, in the paper's letters; lines split by '\n'. Optional.
  Computes computes;
  const char* time_label;      // "O(n^2 d)"
  const char* memory_label;    // extra memory, "O(n^2)"
  std::uint32_t supports = 0;  // Feature bits
  std::uint32_t laws = 0;      // Law bits
  std::uint32_t needs = 0;     // Feature bits without which a problem cannot be run, such as kCausal for a recurrence
  Rates rates{};
  std::span<const ParamSpec> params{};

  /// What it is given beside q, k, v and the mask (gates, betas, sinks), by name. Optional.
  std::vector<InputSpec> (*extras)(const Problem& problem, const Params& params) = nullptr;
  /// Further reasons why this problem or selection cannot run (beyond missing features); appends one line each. Optional.
  void (*unsupported)(const Problem& problem, const Params& params, Reasons& reasons) = nullptr;
  Cost (*cost)(const Problem& problem, const Params& params) = nullptr;
  /// Bytes run() takes from the workspace: a sum of workspace_bytes<T>(count). Null means none.
  std::size_t (*workspace)(const Problem& problem, const Params& params, int threads) = nullptr;
  /// Untimed set-up; its time and bytes are recorded. Optional.
  Prepared (*prepare)(const PrepareTask& task) = nullptr;
  /// The timed function. No heap allocation, no exception, no thread of its own.
  void (*run)(const RunTask& task) = nullptr;
  /// Own float64 reference, sharing no code with run. Null for exact_softmax and masked_softmax, which use the dense oracle.
  void (*oracle)(const OracleTask& task) = nullptr;
  /// The pattern of a masked_softmax variant.
  AttendsFunction attends = nullptr;

  // ---- For implementations from elsewhere; the variants of this repository leave them alone ----
  /// One line: why nothing at all can run here (a library is missing). Its cases are skipped with it. Null: all is there.
  const char* unavailable = nullptr;
  /// The variant whose definition this one shares, where that is not plain attention: what it is compared with head to head.
  const char* equivalent_to = nullptr;
  /// Makes `count` calls and gives the wall time of all in seconds, in place of the harness's stopwatch. Optional.
  double (*time_calls)(const RunTask& task, std::int64_t count) = nullptr;
  /// What ran, asked after run(). Optional.
  Facts (*implementation)(const RunTask& task) = nullptr;
};

/// Opens a descriptor's definition inside namespace attnbench: ATTNBENCH_VARIANT(naive) = {...};
#define ATTNBENCH_VARIANT(NAME) \
  namespace registered {        \
  extern const Variant NAME;    \
  }                             \
  const Variant registered::NAME

/// Every reason why `variant` cannot run `problem` (missing features first); empty when it can.
Reasons unsupported_reasons(const Variant& variant, const Problem& problem, const Params& params);

/// The extra inputs that a call needs; none for a variant that declares none.
std::vector<InputSpec> extras_of(const Variant& variant, const Problem& problem, const Params& params);

/// "sliding_window(window=256)"; the plain name for the default parameters.
std::string label(const Variant& variant, const Params& params);

/// What prepare() gives, or an empty Prepared for a variant without one.
Prepared prepare(const Variant& variant, const Problem& problem, const Params& params, std::uint64_t seed, int threads);

/// Declared workspace bytes; 0 for a variant without any.
std::size_t declared_workspace(const Variant& variant, const Problem& problem, const Params& params, int threads);

const char* name_of(Computes computes);

}  // namespace attnbench
