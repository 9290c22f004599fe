// If these fail, the tile engine computes something other than exact attention at some shape, mask or instruction set.
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/variants/call.h"
#include "variants/kernels/softmax/decode.h"

using namespace attnbench;
using namespace attnbench::testing;

namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("blockwise matches the float64 truth around the edges of its tiles") {
  for (const int n_q : {1, 2, 15, 16, 17, 47, 48, 49, 95, 97, 191, 193})
    for (const int n_k : {1, 7, 8, 9, 95, 96, 97, 193}) {
      const auto problem = "h2 n" + std::to_string(n_q) + ":" + std::to_string(n_k) + " d16";
      CAPTURE(problem);
      CHECK(error_of(Call("blockwise", problem)) <= kTolerance);
      CHECK(error_of(Call("blockwise", problem + " causal-bottom-right")) <= kTolerance);
    }
}

TEST_CASE("blockwise takes any head dim") {
  for (const char* dims : {"d1", "d2", "d7", "d8", "d9", "d33", "d80:33", "d3:128", "d256", "d300:257"}) {
    CAPTURE(dims);
    CHECK(error_of(Call("blockwise", std::string("n50 ") + dims)) <= kTolerance);
  }
}

TEST_CASE("blockwise takes every mask, alone and together") {
  for (const char* masks : {"causal", "window=20:0", "window=5:9", "klen=0,113", "klen=30,97 causal", "mask=bool",
                            "mask=additive:b", "mask=bool:h causal", "mask=additive:bh window=40:3 klen=100,7", "softcap=5",
                            "softcap=2 causal mask=additive", "scale=0.3", "scale=-0.2 softcap=3"}) {
    CAPTURE(masks);
    CHECK(error_of(Call("blockwise", std::string("b2 h6:2 n113 d24 ") + masks)) <= kTolerance);
  }
}

TEST_CASE("blockwise folds query heads that share keys, whatever their number") {
  for (const char* heads : {"h3:1", "h4:4", "h12:3", "h64:1", "h100:2", "h7:1"}) {
    CAPTURE(heads);
    CHECK(error_of(Call("blockwise", std::string(heads) + " n19:140 d16 causal-bottom-right")) <= kTolerance);
  }
}

TEST_CASE("blockwise block sizes change the order of sums, not the result") {
  const Settings sizes[] = {
      {{"query_block", "1"}}, {{"query_block", "50"}, {"key_block", "1"}}, {{"key_block", "17"}}, {{"key_block", "512"}}};
  for (const auto& settings : sizes)
    CHECK(error_of(Call("blockwise", "h2 n130:600 d16 causal-bottom-right", settings)) <= kTolerance);
}

TEST_CASE("blockwise decodes where few queries share a key, unless block sizes are asked for") {
  const char* problem = "h8:2 n1:3000 d64 causal-bottom-right";
  Call call("blockwise", problem), tiled("blockwise", problem, {{"query_block", "16"}});
  const auto arrays = random_arrays(call.problem);
  Tensor decoded({1, 8, 1, 64});
  Workspace workspace(kernels::decode_workspace(call.problem, 2));
  kernels::decode(
      {call.problem, call.params, arrays.inputs(call.problem), decoded.ref(), call.prepared, workspace, call.arena.parallel()});
  CHECK(same_bits(call.run(arrays), decoded));
  CHECK_FALSE(same_bits(tiled.run(arrays), decoded));  // another order of sums
}

TEST_CASE("blockwise splits the keys when there are few queries, and merges the shares") {
  for (const char* problem : {"n1:9000 d128", "h4:1 n1:20000 d64 causal-bottom-right", "b2 n3:9000 d64:96 klen=0,1500",
                              "n2:9000 d128 mask=bool", "n2:8192 d128 window=1000:0 softcap=5", "n40:5000 d64 scale=0.3"}) {
    CAPTURE(problem);
    CHECK(error_of(Call("blockwise", problem)) <= kTolerance);
  }
  Call empty("blockwise", "b2 n3:9000 d64:96 klen=0,1500");
  const auto out = empty.run(random_arrays(empty.problem));
  CHECK(std::all_of(out.data(), out.data() + 3 * 96, [](float x) { return x == 0.0f; }));
}

TEST_CASE("blockwise gives the same bits on 1, 2 and 3 threads") {
  for (const char* problem : {"h2 n700 d32 causal", "h2 n1:9000 d128", "b2 h8:2 n300 d40 window=50:20 mask=bool", "h1 n900 d16"}) {
    CAPTURE(problem);
    const auto arrays = random_arrays(parse_problem(problem));
    const auto out = Call("blockwise", problem, {}, 1).run(arrays);
    CHECK(same_bits(out, Call("blockwise", problem, {}, 2).run(arrays)));
    CHECK(same_bits(out, Call("blockwise", problem, {}, 3).run(arrays)));
  }
}

TEST_CASE("blockwise needs no memory that grows with n") {
  const auto bytes = [](const char* problem) {
    const auto& blockwise = *find_variant("blockwise");
    return declared_workspace(blockwise, parse_problem(problem), Params(blockwise.params), 2);
  };
  CHECK(bytes("h8 n4096 d64") == bytes("h8 n1048576 d64"));
  CHECK(bytes("h8 n1048576 d64") < (1 << 20));
}

// Every variant whose scores go through the tile engine, and the two that hold whole rows.
TEST_CASE("scores up to a million cost no exact variant a digit where float32 holds their differences") {
  for (const char* name : {"naive", "scaled_dot_product", "blockwise", "sliding_window", "block_sparse", "strided"})
    for (const char* problem : {"n3:40 d8 scale=1", "h2 n97:97 d8 scale=1 causal", "h4:2 n90 d16 scale=-1"})
      for (const float root : {32.0f, 100.0f, 316.0f, 1000.0f}) {
        CAPTURE(name, problem, root);
        Call call(name, problem);
        if (!unsupported_reasons(call.variant, call.problem, call.params).empty()) continue;
        auto arrays = random_arrays(call.problem);
        const auto d = call.problem.d_qk;
        std::fill_n(arrays.q.data(), element_count(arrays.q.shape()), 0.0f);
        std::fill_n(arrays.k.data(), element_count(arrays.k.shape()), 0.0f);
        for (std::int64_t i = 0; i < element_count(arrays.q.shape()); i += d)
          arrays.q.data()[i] = -root, arrays.q.data()[i + 1] = 1;
        for (std::int64_t j = 0; j < element_count(arrays.k.shape()); j += d)
          arrays.k.data()[j] = root, arrays.k.data()[j + 1] = static_cast<float>(j / d % 7);
        const auto inputs = arrays.inputs(call.problem);
        CHECK(relative_rms(call.run(inputs), call.reference(inputs)) <= 1e-6);
      }
}
