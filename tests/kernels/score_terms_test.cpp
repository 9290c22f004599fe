// If these fail, a variant's factors, biases, sink or nonlinearity are applied wrongly in one of the two engines, in one of their
// ways (shared heads, splits of the keys, masks) or on one instruction set; or terms that are not there cost a bit.
#include "variants/kernels/softmax/score_terms.h"

#include <functional>
#include <vector>

#include "tests/catch.h"
#include "tests/kernels/guarded_inputs.h"
#include "tests/kernels/kernels_test_support.h"
#include "variants/kernels/softmax/exact_attention.h"

using namespace attnbench;
using kernels::Pointwise;

namespace {

constexpr double kTolerance = 2e-6;  // relative RMS, float32 against float64
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Random arrays for every term; terms() picks some.
struct TermArrays {
  const Problem& p;
  std::vector<float> query_factor, key_factor, slopes, sinks, row_bias, row_factor;
  std::vector<double> potential;
  kernels::DistanceTable distances;
  Pointwise pointwise{Pointwise::Function::sigmoid, nullptr, nullptr};

  explicit TermArrays(const Problem& problem)
      : p(problem), distances(problem, [](auto h, auto distance) { return std::sin(static_cast<double>(h + distance)); }) {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    const auto fill = [&](auto& array, std::int64_t count) {
      array.resize(static_cast<std::size_t>(count));
      for (auto& x : array) x = normal(random);
    };
    fill(query_factor, p.batch * p.heads_q * p.n_q);
    fill(key_factor, p.batch * p.heads_kv * p.n_k);
    fill(sinks, p.heads_q);
    fill(slopes, p.heads_q);
    for (auto& m : slopes) m = std::abs(m);
    fill(row_bias, p.batch * p.n_q);
    fill(row_factor, p.batch * p.n_q);
    fill(potential, p.batch * p.heads_q * p.n_k);
    for (std::size_t j = 1; j < potential.size(); ++j) potential[j] = potential[j - 1] - std::abs(potential[j]) - 100;
    for (auto& g : potential) g *= 0.01;  // far beyond what float32 could hold the differences of
    pointwise.row_bias = row_bias.data();
    pointwise.row_factor = row_factor.data();
  }
  double bias(const kernels::ScoreTerms& terms, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) const {
    const double* head = potential.data() + (b * p.heads_q + h) * p.n_k;
    double sum = 0;
    if (terms.slopes) sum -= double{terms.slopes[h]} * std::abs(static_cast<double>(p.position(i) - j));
    if (terms.distances) sum += double{*distances.at(h, p.position(i) - j)};
    if (terms.potential) sum += kernels::ScoreTerms::row_potential(p, head, b, i) - head[j];
    return sum;
  }
};

double exact_function(Pointwise::Function f, double x) {
  switch (f) {
    case Pointwise::Function::sigmoid: return 1 / (1 + std::exp(-x));
    case Pointwise::Function::silu: return x / (1 + std::exp(-x));
    case Pointwise::Function::relu: return std::max(x, 0.0);
    case Pointwise::Function::relu_squared: return x > 0 ? x * x : 0;
  }
  return 0;
}

// Inputs of one problem in guarded memory, some terms, and both engines.
struct Subject : GuardedInputs {
  TermArrays arrays;
  kernels::ScoreTerms terms;

  Subject(const std::string& text, const std::function<void(const TermArrays&, kernels::ScoreTerms&)>& pick)
      : GuardedInputs(text), arrays(problem) {
    pick(arrays, terms);
  }

  std::vector<float> run(bool decode) const {
    const auto& p = problem;
    const kernels::TileOptions options{.fold_heads = terms.folds_heads()};
    const kernels::AllKeys pattern(p);
    Workspace workspace(decode ? kernels::decode_workspace(p, 1) : kernels::tile_workspace(p, pattern, 1, options));
    workspace.poison();
    std::fill_n(out.data(), out.size(), std::nanf(""));
    const RunTask task{p,          Params(),  inputs(),  dense(out.data(), {p.batch, p.heads_q, p.n_q, p.d_v}),
                       Prepared(), workspace, Parallel()};
    if (decode) kernels::decode(task, terms);
    else kernels::attend(task, pattern, options, terms);
    CHECK(workspace.guards_intact());
    CHECK(workspace.peak() == workspace.declared());
    return {out.data(), out.data() + out.size()};
  }

  // By the definition at the head of score_terms.h, one row after the other.
  std::vector<double> truth() const {
    const auto& p = problem;
    std::vector<std::int64_t> rows(static_cast<std::size_t>(p.n_q));
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
    std::vector<double> result(static_cast<std::size_t>(out.size()));
    const auto in = inputs();
    weighted_oracle({p, Params(), in, Prepared(), rows, result.data(), Parallel()},
                    [&](const OracleRow& row, std::span<double> w) { weigh(row, w); });
    return result;
  }
  void weigh(const OracleRow& row, std::span<double> w) const {
    const auto [b, h, i, keys] = row;
    const auto& p = problem;
    const auto in = inputs();
    for (std::size_t t = 0; t < keys.size(); ++t) {
      double s = 0;
      for (std::int64_t c = 0; c < p.d_qk; ++c)
        s += double{in.queries().row(b, h, i)[c]} * double{in.keys().row(b, p.kv_head(h), keys[t])[c]};
      if (terms.query_factor) s *= double{terms.query_factor[(b * p.heads_q + h) * p.n_q + i]};
      if (terms.key_factor) s *= double{terms.key_factor[(b * p.heads_kv + p.kv_head(h)) * p.n_k + keys[t]]};
      s = softcapped(p, s * p.effective_scale()) + arrays.bias(terms, b, h, i, keys[t]);
      w[t] = s + bias_of(p, in, b, h, i, keys[t]);
    }
    if (!terms.pointwise) return softmax_of(w, terms.sinks ? double{terms.sinks[h]} : double{-kInfinity});
    for (double& s : w) s = exact_function(terms.pointwise->function, s + double{terms.pointwise->row_bias[b * p.n_q + i]});
    for (double& s : w) s *= double{terms.pointwise->row_factor[b * p.n_q + i]};
  }
  double error(bool decode) const {
    const auto result = run(decode);
    const auto want = truth();
    double difference = 0, size = 0;
    for (std::size_t t = 0; t < want.size(); ++t) {
      difference += (result[t] - want[t]) * (result[t] - want[t]);
      size += want[t] * want[t];
    }
    return std::sqrt(difference / size);
  }
};

struct Pick {
  const char* name;
  std::function<void(const TermArrays&, kernels::ScoreTerms&)> pick;
};

const Pick kPicks[] = {
    {"factors", [](auto& a, auto& t) { t.query_factor = a.query_factor.data(), t.key_factor = a.key_factor.data(); }},
    {"slopes", [](auto& a, auto& t) { t.slopes = a.slopes.data(); }},
    {"distances", [](auto& a, auto& t) { t.distances = &a.distances; }},
    {"potential", [](auto& a, auto& t) { t.potential = a.potential.data(); }},
    {"sinks", [](auto& a, auto& t) { t.sinks = a.sinks.data(); }},
    {"sigmoid", [](auto& a, auto& t) { t.pointwise = &a.pointwise; }},
    {"all",
     [](auto& a, auto& t) {
       t.query_factor = a.query_factor.data(), t.key_factor = a.key_factor.data(), t.sinks = a.sinks.data();
       t.distances = &a.distances, t.potential = a.potential.data();
     }},
};

}  // namespace

TEST_CASE("score terms are right in tiles and when decoding, on every instruction set") {
  on_every_isa([](const std::string& isa) {
    for (const auto& [name, pick] : kPicks)
      for (const char* text : {"n53:101 d17:9", "b2 h4:2 n61 d10 causal softcap=3", "h6:2 n41:97 d10 causal-bottom-right",
                               "b2 h2 n30:99 d8 klen=0,98 scale=-2", "n53:101 d8 mask=bool", "n53:101 d8 mask=additive window=30:2",
                               "h2 n97:40 d8 causal-top-left"})
        for (const bool decode : {false, true}) {
          CAPTURE(isa, name, text, decode);
          CHECK(Subject(text, pick).error(decode) <= kTolerance);
        }
  });
}

TEST_CASE("score terms are right where the keys are split: a sink joins once, pointwise splits are added") {
  on_every_isa([](const std::string& isa) {
    for (const auto& [name, pick] : kPicks)
      for (const char* text : {"n2:9000 d16", "h4:1 n3:9000 d8 causal-bottom-right", "n40:5000 d8 scale=0.3"})
        for (const bool decode : {false, true}) {
          CAPTURE(isa, name, text, decode);
          CHECK(Subject(text, pick).error(decode) <= 2 * kTolerance);
        }
  });
}

TEST_CASE("every pointwise function is right, from where it vanishes to where it saturates") {
  on_every_isa([](const std::string& isa) {
    for (const auto function :
         {Pointwise::Function::sigmoid, Pointwise::Function::relu, Pointwise::Function::relu_squared, Pointwise::Function::silu})
      for (const char* text : {"n53:101 d8 scale=1", "n9:70 d8 scale=40 causal-bottom-right", "n9:70 d8 mask=additive"}) {
        Subject subject(text, [](auto&, auto&) {});
        subject.arrays.pointwise.function = function;
        subject.terms.pointwise = &subject.arrays.pointwise;
        CAPTURE(isa, static_cast<int>(function), text);
        for (const bool decode : {false, true}) CHECK(subject.error(decode) <= kTolerance);
      }
  });
}

TEST_CASE("a sink of minus infinity changes no bit, one far above all scores leaves nothing") {
  on_every_isa([](const std::string& isa) {
    for (const char* text : {"n53:101 d17:9", "h4:2 n61 d10 causal", "n2:9000 d16"})
      for (const bool decode : {false, true}) {
        CAPTURE(isa, text, decode);
        Subject plain(text, [](auto&, auto&) {}), sunk(text, [](auto&a, auto&t) { t.sinks = a.sinks.data(); });
        std::fill(sunk.arrays.sinks.begin(), sunk.arrays.sinks.end(), -kInfinity);
        CHECK(sunk.run(decode) == plain.run(decode));
        std::fill(sunk.arrays.sinks.begin(), sunk.arrays.sinks.end(), 1e5f);
        const auto drowned = sunk.run(decode);
        CHECK(std::all_of(drowned.begin(), drowned.end(), [](float x) { return x == 0.0f; }));
      }
  });
}

TEST_CASE("NaN in a hidden key's factor or potential never reaches a row that does not see it") {
  on_every_isa([](const std::string& isa) {
    for (const bool decode : {false, true}) {
      CAPTURE(isa, decode);
      const Subject clean("n120 d8 causal window=9:0", kPicks[6].pick);
      Subject dirty("n120 d8 causal window=9:0", kPicks[6].pick);
      dirty.arrays.key_factor[40] = std::nanf("");
      dirty.arrays.potential[40] = std::nan("");
      const auto want = clean.run(decode), got = dirty.run(decode);
      for (std::size_t i = 0; i < 120; ++i)
        if (i < 40 || i > 49) CHECK(std::memcmp(&want[i * 8], &got[i * 8], 8 * sizeof(float)) == 0);
        else CHECK(std::isnan(got[i * 8]));
    }
  });
}
