// If these fail, a fast variant is wrong on some instruction set, at a tile edge, on extreme scores, or near memory it does not
// own.
#include "variants/kernels/tile_engine.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/catch.h"
#include "tests/kernels/guarded_inputs.h"
#include "tests/kernels/kernels_test_support.h"
#include "variants/api/oracle.h"
#include "variants/kernels/denormals.h"
#include "variants/kernels/tile_block.h"

using namespace attnbench;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kTolerance = 2e-6;  // relative RMS, float32 against float64

struct GuardedProblem : GuardedInputs {
  using GuardedInputs::GuardedInputs;

  std::vector<float> run(const kernels::TileOptions& options = {}) const {
    const kernels::AllKeys pattern(problem);
    const kernels::KeyPattern* passes[] = {&pattern};
    const Params params;
    const Prepared prepared;
    Workspace workspace(kernels::tile_workspace(problem, passes, 1, options));
    workspace.poison();
    std::fill_n(out.data(), out.size(), std::nanf(""));
    const auto& p = problem;
    kernels::attend({p, params, inputs(), dense(out.data(), {p.batch, p.heads_q, p.n_q, p.d_v}), prepared, workspace, Parallel()},
                    passes, options);
    CHECK(workspace.guards_intact());
    CHECK_FALSE(workspace.overflowed());
    return {out.data(), out.data() + out.size()};
  }

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
        constexpr std::int64_t kPoisoned = 77;
        const GuardedProblem problem(text);
        for (std::int64_t i = 0; i < 140; ++i) {
          const bool hidden = i % 2 == 0;
          if (problem.allowed.size() > 1) problem.allowed[i * 140 + kPoisoned] = !hidden;
          if (problem.bias.size() > 1) problem.bias[i * 140 + kPoisoned] = hidden ? -kInfinity : 0.0f;
        }
        const auto clean = problem.run();
        std::fill_n(problem.key_row(kPoisoned), problem.problem.d_qk, poison);
        std::fill_n(problem.value_row(kPoisoned), problem.problem.d_v, poison);
        const auto dirty = problem.run();
        const auto dim = static_cast<std::size_t>(problem.problem.d_v);
        int unseeing = 0;
        for (std::size_t i = 0; i < 140; ++i) {
          const auto row = static_cast<std::int64_t>(i);
          const bool sees = problem_attends(problem.problem, problem.inputs(), 0, 0, row, kPoisoned) &&
                            (problem.bias.size() == 1 || problem.bias[row * 140 + kPoisoned] == 0.0f);
          const bool same = std::memcmp(&clean[i * dim], &dirty[i * dim], dim * sizeof(float)) == 0;
          CAPTURE(i);
          CHECK((sees || same));
          unseeing += !sees;
        }
        CHECK(unseeing >= 60);
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
    const auto p = parse_problem("b2 h4:2 n70 d16 causal");
    const GuardedProblem dense("b2 h4:2 n70 d16 causal");
    const auto expected = dense.run();
    // The layout [batch, n, head, d] of most frameworks.
    const GuardedArray<float> k(dense.k.size()), v(dense.v.size());
    const Shape strides{70 * 2 * 16, 16, 2 * 16, 1};
    auto inputs = dense.inputs();
    const TensorView<const float> keys = inputs.keys(), values = inputs.values();
    inputs.k = {k.data(), DType::f32, inputs.k.shape, strides};
    inputs.v = {v.data(), DType::f32, inputs.v.shape, strides};
    for (std::int64_t b = 0; b < 2; ++b)
      for (std::int64_t h = 0; h < 2; ++h)
        for (std::int64_t j = 0; j < 70; ++j) {
          std::copy_n(keys.row(b, h, j), 16, inputs.k.as<float>().row(b, h, j));
          std::copy_n(values.row(b, h, j), 16, inputs.v.as<float>().row(b, h, j));
        }
    const kernels::AllKeys pattern(p);
    const kernels::KeyPattern* passes[] = {&pattern};
    Workspace workspace(kernels::tile_workspace(p, passes, 1));
    Tensor out({2, 4, 70, 16});
    kernels::attend({p, Params(), inputs, out.ref(), Prepared(), workspace, Parallel()}, passes);
    CHECK(std::memcmp(out.data(), expected.data(), out.bytes()) == 0);
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
