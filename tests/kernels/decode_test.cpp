// If these fail, decoding is wrong on some instruction set, at an edge of a vector, tile or share, behind a mask, or near memory it
// does not own.
#include "variants/kernels/softmax/decode.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "harness/measure/parallel_tbb.h"
#include "tests/catch.h"
#include "tests/kernels/guarded_inputs.h"
#include "tests/kernels/kernels_test_support.h"
#include "variants/api/oracle.h"
#include "variants/kernels/softmax/decode_split.h"

using namespace attnbench;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kTolerance = 2e-6;  // relative RMS, float32 against float64
constexpr std::int64_t kBlock = kernels::kDecodeBlock;

struct GuardedDecode : GuardedInputs {
  using GuardedInputs::GuardedInputs;

  std::vector<float> run(const Inputs& in, const Parallel& parallel = {}) const {
    const auto& p = problem;
    Workspace workspace(kernels::decode_workspace(p, parallel.threads()));
    workspace.poison();
    std::fill_n(out.data(), out.size(), std::nanf(""));
    const auto output = dense(out.data(), {p.batch, p.heads_q, p.n_q, p.d_v});
    kernels::decode({p, Params(), in, output, Prepared(), workspace, parallel});
    CHECK(workspace.guards_intact());
    CHECK_FALSE(workspace.overflowed());
    CHECK(workspace.peak() == workspace.declared());
    return {out.data(), out.data() + out.size()};
  }
  std::vector<float> run() const { return run(inputs()); }
  double error() const { return error_of(run()); }
};

std::string shape_text(std::int64_t n_q, std::int64_t n_k, std::int64_t d_qk, std::int64_t d_v) {
  return "n" + std::to_string(n_q) + ":" + std::to_string(n_k) + " d" + std::to_string(d_qk) + ":" + std::to_string(d_v);
}

bool all_zero(const std::vector<float>& out, std::size_t begin, std::size_t end) {
  return std::all_of(out.begin() + static_cast<std::ptrdiff_t>(begin), out.begin() + static_cast<std::ptrdiff_t>(end),
                     [](float x) { return x == 0.0f; });
}

}  // namespace

TEST_CASE("decoding is right for every number of rows and keys around a block of four") {
  on_every_isa([](const std::string& isa) {
    for (std::int64_t n_q = 1; n_q <= 17; ++n_q)
      for (std::int64_t n_k = 1; n_k <= 9; ++n_k) {
        const auto text = shape_text(n_q, n_k, 20, 20);
        CAPTURE(isa, text);
        CHECK(GuardedDecode(text).error() <= kTolerance);
      }
  });
}

TEST_CASE("decoding is right just below, at and just above each vector of a row and each tile of keys") {
  on_every_isa([](const std::string& isa) {
    for (std::int64_t d = 1; d <= 50; ++d) {
      CAPTURE(isa, d);
      CHECK(GuardedDecode(shape_text(3, 11, d, 51 - d)).error() <= kTolerance);
    }
    for (const std::int64_t d : {127, 128, 129, 256, 300}) {
      CAPTURE(isa, d);
      CHECK(GuardedDecode(shape_text(3, 11, d, d)).error() <= kTolerance);
    }
    for (const std::int64_t n_k : {kBlock - 1, kBlock, kBlock + 1, 2 * kBlock - 1, 2 * kBlock + 1})
      for (const char* mask : {"", " causal-bottom-right", " causal-top-left window=30:0"}) {
        const auto text = shape_text(5, n_k, 16, 16) + mask;
        CAPTURE(isa, text);
        CHECK(GuardedDecode(text).error() <= kTolerance);
      }
  });
}

TEST_CASE("decoding is right just below, at and just above a tile of keys, whatever the rows that share it") {
  on_every_isa([](const std::string& isa) {
    for (const std::int64_t n_q : {5, 16}) {
      const auto tile = kernels::decode_tile_keys(parse_problem(shape_text(n_q, 32768, 4, 4)));
      for (const std::int64_t n_k : {tile - 1, tile, tile + 1, 2 * tile + 3})
        for (const char* mask : {"", " causal-bottom-right", " causal-top-left window=1000:0"}) {
          const auto text = "h64 " + shape_text(n_q, n_k, 4, 4) + mask;  // so many heads that a task has all the keys
          CAPTURE(isa, text);
          CHECK(GuardedDecode(text).error() <= kTolerance);
        }
    }
  });
}

TEST_CASE("decoding takes shared heads, all masks and softcap, over one share of the keys and over many") {
  on_every_isa([](const std::string& isa) {
    for (const std::int64_t n_k : {70, 5000})
      for (const char* text :
           {"h8:8", "h8:2 mask=bool", "b2 h8:1 mask=additive causal-bottom-right", "h4:1 softcap=3 causal-bottom-right",
            "b2 h2 klen=0,50", "h2 window=60:0", "h2:1 scale=2 softcap=20 mask=bool window=64:3"})
        for (const std::int64_t n_q : {1, 3}) {
          const auto whole = std::string(text) + " " + shape_text(n_q, n_k, 40, 24);
          CAPTURE(isa, whole);
          CHECK(GuardedDecode(whole).error() <= kTolerance);
        }
  });
}

TEST_CASE("decoding a long cache stays as exact as a short one") {
  on_every_isa([](const std::string& isa) {
    CAPTURE(isa);
    CHECK(GuardedDecode("n1:100001 d16").error() <= kTolerance);
    CHECK(GuardedDecode("b2 h40:20 n2:20001 d8").error() <= kTolerance);
  });
}

TEST_CASE("scores of 1e4 decode to the same keys as in float64") {
  on_every_isa([](const std::string& isa) {
    for (const char* text : {"n4:3000 d16 scale=1000", "n4:600 d16 scale=-800 mask=bool"}) {
      CAPTURE(isa, text);
      CHECK(GuardedDecode(text).error() <= 2e-3);  // a score of 1e4 is itself only known to 1e-3 in float32
    }
  });
}

TEST_CASE("large scores cost a decoded row no digit where float32 holds their differences") {
  on_every_isa([](const std::string& isa) {
    for (const char* text : {"n1:40 d8 scale=1", "n3:3000 d16 scale=1", "h4:1 n1:9000 d16 scale=-0.5",
                             "n4:600 d16 scale=0.25 mask=bool", "n4:3000 d16 scale=2 mask=additive"})
      for (const float sign : {1.0f, -1.0f}) {
        CAPTURE(isa, text, sign);
        const GuardedDecode problem(text);
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

TEST_CASE("a decoded row that sees no key is exactly zero, its neighbours are not") {
  on_every_isa([](const std::string& isa) {
    for (const std::int64_t n_k : {100, 3000}) {
      CAPTURE(isa, n_k);
      const auto shape = shape_text(2, n_k, 8, 8);
      auto out = GuardedDecode("b2 klen=0," + std::to_string(n_k) + " " + shape).run();
      CHECK(all_zero(out, 0, 16));
      CHECK(std::none_of(out.begin() + 16, out.end(), [](float x) { return x == 0.0f || std::isnan(x); }));
      const GuardedDecode boolean(shape + " mask=bool"), additive(shape + " mask=additive");
      std::fill_n(boolean.allowed.data(), n_k, std::uint8_t{0});
      std::fill_n(additive.bias.data(), n_k, -kInfinity);
      for (const auto* problem : {&boolean, &additive}) {
        out = problem->run();
        CHECK(all_zero(out, 0, 8));
        CHECK(std::none_of(out.begin() + 8, out.end(), [](float x) { return x == 0.0f || std::isnan(x); }));
      }
    }
    CHECK(all_zero(GuardedDecode("n9:5 d8 causal-bottom-right").run(), 0, 32));
  });
}

TEST_CASE("a decoded row of very negative additive masks still has a softmax") {
  on_every_isa([](const std::string& isa) {
    for (const float low : {-1e30f, -std::numeric_limits<float>::max()}) {
      CAPTURE(isa, low);
      const GuardedDecode problem("n3:2100 d8 mask=additive");
      std::fill_n(problem.bias.data() + 2100, 2100, low);
      CHECK(problem.error() <= 1e-5);
    }
  });
}

TEST_CASE("NaN and infinity in keys that a decoded row may not see never reach it, and change no bit") {
  on_every_isa([](const std::string& isa) {
    for (const char* mask : {"causal-bottom-right", "window=1:0", "mask=bool", "mask=additive softcap=9", "klen=2000"})
      for (const std::int64_t dim : {13, 32})
        for (const float poison : {std::nanf(""), kInfinity, -kInfinity}) {
          CAPTURE(isa, mask, dim, poison);
          CHECK(rows_spared(GuardedDecode(shape_text(6, 2100, dim, dim) + " " + mask), 2097, poison) >= 3);
        }
  });
}

TEST_CASE("NaN in a key that a decoded row sees is not hidden") {
  on_every_isa([](const std::string& isa) {
    CAPTURE(isa);
    const GuardedDecode problem("n2:2500 d16");
    problem.key_row(100)[3] = std::nanf("");
    const auto out = problem.run();
    CHECK(std::all_of(out.begin(), out.end(), [](float x) { return std::isnan(x); }));
  });
}

TEST_CASE("a score of minus infinity weighs nothing, and is not NaN where a row's last vector overlaps the one before") {
  constexpr std::int64_t kDim = 19, kOverlapped = 15;  // in both of the last two vectors, whether these have 4, 8 or 16 lanes
  on_every_isa([](const std::string& isa) {
    for (const std::int64_t n_q : {1, 2, 4}) {
      CAPTURE(isa, n_q);
      const GuardedDecode problem(shape_text(n_q, 30, kDim, kDim));
      for (std::int64_t i = 0; i < n_q; ++i) problem.q[i * kDim + kOverlapped] = 1.0f;
      problem.key_row(7)[kOverlapped] = -kInfinity;
      CHECK(problem.error() <= kTolerance);
    }
  });
}

TEST_CASE("decoding reads keys and values where they lie, whatever the strides") {
  on_every_isa([](const std::string& isa) {
    CAPTURE(isa);
    const GuardedDecode dense("b2 h4:2 n3:70 d19");
    const auto expected = dense.run();
    CHECK(dense.run(FrameworkLayout(dense).inputs) == expected);
  });
}

TEST_CASE("decoding gives the same bits on one, two and three threads") {
  for (const char* text : {"h4:2 n2:9000 d24", "b3 h8:4 n4:5000 d16 causal-bottom-right", "n1:20 d8"}) {
    CAPTURE(text);
    const GuardedDecode problem(text);
    const auto expected = problem.run();
    for (const int threads : {2, 3}) {
      const ThreadArena arena(threads);
      CHECK(problem.run(problem.inputs(), arena.parallel()) == expected);
    }
  }
}

TEST_CASE("few rows decode, and somewhat more where keys and values exceed the cache") {
  for (const char* text : {"n1 d1", "h8 n1:32768 d128", "h32:8 n1:1024 d128", "h8 n8:64 d64"})
    CHECK(kernels::is_decoding(parse_problem(text)));
  CHECK(kernels::is_decoding(parse_problem("h16:2 n2:32768 d128")));
  CHECK_FALSE(kernels::is_decoding(parse_problem("h16:2 n2:1024 d128")));
  CHECK_FALSE(kernels::is_decoding(parse_problem("h16:2 n3:32768 d128")));
}
