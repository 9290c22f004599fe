// If these fail, a fast variant is wrong on some instruction set, at a tile edge, on extreme scores, or near memory it does not
// own.
#include "variants/kernels/softmax/tile_engine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/catch.h"
#include "tests/kernels/guarded_inputs.h"
#include "tests/kernels/kernels_test_support.h"
#include "variants/api/oracle.h"
#include "variants/kernels/simd/denormals.h"
#include "variants/kernels/softmax/tile_block.h"

using namespace attnbench;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kTolerance = 2e-6;  // relative RMS, float32 against float64

struct GuardedProblem : GuardedInputs {
  using GuardedInputs::GuardedInputs;

  std::vector<float> run(const Inputs& in) const {
    const auto& p = problem;
    const kernels::AllKeys pattern(p);
    Workspace workspace(kernels::tile_workspace(p, pattern, 1));
    workspace.poison();
    std::fill_n(out.data(), out.size(), std::nanf(""));
    const auto output = dense(out.data(), {p.batch, p.heads_q, p.n_q, p.d_v});
    kernels::attend({p, Params(), in, output, Prepared(), workspace, Parallel()}, pattern);
    CHECK(workspace.guards_intact());
    CHECK_FALSE(workspace.overflowed());
    return {out.data(), out.data() + out.size()};
  }
  std::vector<float> run() const { return run(inputs()); }
  double error() const { return error_of(run()); }
};

std::string shape_text(std::int64_t n_q, std::int64_t n_k, std::int64_t d) {
  return "n" + std::to_string(n_q) + ":" + std::to_string(n_k) + " d" + std::to_string(d);
}

}  // namespace

TEST_CASE("every instruction set is right just below, at and just above each edge of its tiles") {
  on_every_isa([](const std::string& isa) {
    const auto shape = kernels::tile_shape();
    for (const std::int64_t edge : {std::int64_t{shape.lanes}, std::int64_t{shape.lanes} * shape.vectors, shape.block_lanes()})
      for (const std::int64_t n_q : {edge - 1, edge, edge + 1})
        for (const std::int64_t n_k : {shape.rows - 1, shape.rows, shape.rows + 1, 95, 96, 97})
          for (const char* mask : {"", " causal-bottom-right", " causal-top-left window=30:0"}) {
            const auto text = shape_text(std::max<std::int64_t>(1, n_q), n_k, 12) + mask;
            CAPTURE(isa, text);
            CHECK(GuardedProblem(text).error() <= kTolerance);
          }
    for (std::int64_t d = 1; d <= 2 * shape.rows + 1; ++d) {
      CAPTURE(isa, d);
      CHECK(GuardedProblem(shape_text(33, 20, d)).error() <= kTolerance);
    }
  });
}

TEST_CASE("every instruction set takes dense masks, softcap and shared heads without leaving its buffers") {
  on_every_isa([](const std::string& isa) {
    for (const char* text : {"n53:101 d17:9 mask=bool", "n53:101 d17:9 mask=additive causal-bottom-right",
                             "b2 h6:2 n41 d10 softcap=3 causal", "h5:1 n1:300 d64", "b2 n30:99 d5:40 klen=0,98 scale=2"}) {
      CAPTURE(isa, text);
      CHECK(GuardedProblem(text).error() <= kTolerance);
    }
  });
}

TEST_CASE("scores of 1e4 stay finite and pick the same keys as float64") {
  on_every_isa([](const std::string& isa) {
    for (const char* text : {"n60:200 d16 scale=1000", "n60 d16 scale=1000 causal", "n60:200 d16 scale=-800 mask=bool"}) {
      CAPTURE(isa, text);
      CHECK(GuardedProblem(text).error() <= 2e-3);  // a score of 1e4 is itself only known to 1e-3 in float32
    }
  });
}

TEST_CASE("large scores cost no digit where float32 holds their differences") {
  on_every_isa([](const std::string& isa) {
    for (const char* text : {"n3:40 d8 scale=1", "n60:200 d16 scale=1", "n60:700 d16 scale=-0.5", "n140 d16 scale=1 causal",
                             "h4:2 n140 d16 scale=0.25 window=20:0", "n60:200 d16 scale=1 mask=bool",
                             "n60:200 d16 scale=1 mask=additive", "n60:200 d16 scale=-2 mask=additive", "n40:5000 d64 scale=1"})
      for (const float sign : {1.0f, -1.0f}) {
        CAPTURE(isa, text, sign);
        const GuardedProblem problem(text);
        problem.make_scores_large(4, sign);
        const auto small = problem.run();
        CHECK(problem.error_of(small) <= (problem.problem.n_k <= 200 ? 1e-6 : 1e-5));  // long sums have errors of their own
        for (const float size : {1e3f, 1e4f, 1e5f, 1e6f}) {
          CAPTURE(size);
          problem.make_scores_large(size, sign);
          CHECK(problem.run() == small);  // the differences are the same, so every bit is
        }
      }
  });
}

TEST_CASE("a row that sees no key is exactly zero") {
  on_every_isa([](const std::string& isa) {
    CAPTURE(isa);
    const GuardedProblem short_keys("b2 n20 d8 klen=0,20");
    auto out = short_keys.run();
    CHECK(std::all_of(out.begin(), out.begin() + 160, [](float x) { return x == 0.0f; }));
    CHECK(std::none_of(out.begin() + 160, out.end(), [](float x) { return x == 0.0f || std::isnan(x); }));
    const GuardedProblem boolean("n20:130 d8 mask=bool"), additive("n20:130 d8 mask=additive");
    std::fill_n(boolean.allowed.data() + 3 * 130, 130, std::uint8_t{0});
    std::fill_n(additive.bias.data() + 3 * 130, 130, -kInfinity);
    for (const auto* problem : {&boolean, &additive}) {
      out = problem->run();
      CHECK(std::all_of(out.begin() + 24, out.begin() + 32, [](float x) { return x == 0.0f; }));
      CHECK(std::none_of(out.begin() + 32, out.end(), [](float x) { return x == 0.0f || std::isnan(x); }));
    }
    const auto early = GuardedProblem("n40:20 d8 causal-bottom-right").run();
    CHECK(std::all_of(early.begin(), early.begin() + 160, [](float x) { return x == 0.0f; }));
  });
}

TEST_CASE("a row of very negative additive masks still has a softmax") {
  on_every_isa([](const std::string& isa) {
    CAPTURE(isa);
    for (const float low : {-1e30f, -std::numeric_limits<float>::max()}) {
      const GuardedProblem problem("n20:130 d8 mask=additive");
      std::fill_n(problem.bias.data() + 5 * 130, 130, low);
      CHECK(problem.error() <= 1e-5);
    }
  });
}

TEST_CASE("NaN and infinity in keys that a row may not see never reach it, and change no bit") {
  on_every_isa([](const std::string& isa) {
    for (const char* text : {"n140 d16 causal", "n140 d13 window=20:0", "n140 d16 mask=bool", "n140 d16 mask=additive softcap=9"})
      for (const float poison : {std::nanf(""), kInfinity, -kInfinity}) {
        CAPTURE(isa, text, poison);
        CHECK(rows_spared(GuardedProblem(text), 77, poison) >= 60);
      }
  });
}

TEST_CASE("NaN in a key that a row sees is not hidden") {
  on_every_isa([](const std::string& isa) {
    CAPTURE(isa);
    const GuardedProblem problem("n50:120 d16");
    problem.key_row(100)[3] = std::nanf("");
    const auto out = problem.run();
    CHECK(std::all_of(out.begin(), out.end(), [](float x) { return std::isnan(x); }));
  });
}

TEST_CASE("keys and values are read where they lie, whatever the strides") {
  on_every_isa([](const std::string& isa) {
    CAPTURE(isa);
    const GuardedProblem dense("b2 h4:2 n70 d16 causal");
    const auto expected = dense.run();
    CHECK(dense.run(FrameworkLayout(dense).inputs) == expected);
  });
}

TEST_CASE("denormals are flushed inside a kernel only") {
  volatile float tiny = std::numeric_limits<float>::min();
  GuardedProblem("n20 d8").run();
  CHECK(tiny / 2 != 0.0f);
  {
    const kernels::FlushDenormals flush;
    CHECK(tiny / 2 == 0.0f);
  }
  CHECK(tiny / 2 != 0.0f);
}
