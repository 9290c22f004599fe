// identity: a copy, and nothing that a copy cannot be.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

TEST_CASE("identity copies each position's own value, bit for bit") {
  for (const char* text : {"n1 d1", "b2 h3 n97 d8", "b2 h6:2 n50 d8:33", "h2 n5000 d64 causal", "h2 n60 d8 window=3:0"}) {
    CAPTURE(text);
    Call call("identity", text);
    const auto a = random_arrays(call.problem);
    const auto out = call.run(a);
    const auto& p = call.problem;
    for (std::int64_t t = 0; t < p.batch * p.heads_q * p.n_q; ++t) {
      const auto b = t / (p.heads_q * p.n_q), h = t / p.n_q % p.heads_q, i = t % p.n_q;
      REQUIRE(std::memcmp(out.view().row(b, h, i), a.v.view().row(b, p.kv_head(h), i), sizeof(float) * p.d_v) == 0);
    }
  }
}

TEST_CASE("identity refuses what has no own position, and masks that could hide it") {
  for (const char* text : {"n4:5 d4", "n4 d4 klen=2", "n4 d4 mask=bool", "n4 d4 mask=additive"}) {
    CAPTURE(text);
    CHECK(unsupported_reasons(*find_variant("identity"), parse_problem(text), Params()).size() == 1);
  }
}

TEST_CASE("identity moves V and O once") {
  const auto cost = find_variant("identity")->cost(parse_problem("b2 h4:2 n10 d8:5"), Params());
  CHECK(cost.multiply_adds == 2 * 4 * 10 * 5);
  CHECK(cost.exps == 0);
  CHECK(cost.pairs == 0);
}

}  // namespace
}  // namespace attnbench::testing
