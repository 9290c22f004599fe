// If these fail, the string that names every record no longer identifies its problem, or bad sizes get through.
#include "variants/api/problem.h"

#include <cmath>

#include "tests/catch.h"
#include "variants/api/error.h"

using namespace attnbench;

namespace {

std::string error_of(const char* text) {
  try {
    parse_problem(text);
    return "accepted";
  } catch (const UserError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("canonical strings parse back to equal problems") {
  for (const char* text : {
           "b1 h8 n1024 d64 f32",
           "b1 h8 n1024 d64 f32 causal",
           "b2 h32:8 n1:4096 d128 f32 causal-bottom-right",
           "b1 h1 n5:3 d1 f32 causal-top-left window=127:0",
           "b2 h4:1 n17 d33:8 f32 causal window=inf:3 klen=0,17 mask=additive:bh scale=0.1 softcap=30",
           "b1 h2 n3 d4 f32 window=1:inf mask=bool scale=1e-05",
           "b2 h2 n3 d4 bf16 causal",
           "b1 h2 n3 d4 f16",
           "b1 h2 n3 d4 f64",
       }) {
    CAPTURE(text);
    CHECK(to_string(parse_problem(text)) == text);
    CHECK(parse_problem(to_string(parse_problem(text))) == parse_problem(text));
  }
}

TEST_CASE("tokens may come in any order and default") {
  CHECK(to_string(parse_problem("causal d8 n16")) == "b1 h1 n16 d8 f32 causal");
}

TEST_CASE("mha, gqa and mqa say how many key/value heads there are") {
  CHECK(to_string(parse_problem("mqa h32 n8 d4")) == "b1 h32:1 n8 d4 f32");
  CHECK(to_string(parse_problem("h32:1 n8 d4 mqa")) == "b1 h32:1 n8 d4 f32");
  CHECK(to_string(parse_problem("gqa h32:8 n8 d4")) == "b1 h32:8 n8 d4 f32");
  CHECK(to_string(parse_problem("mha h32 n8 d4")) == "b1 h32 n8 d4 f32");
  CHECK(error_of("mqa h32:8") == "problem: cannot read 'mqa'; expected one key/value head, as in h32 or h32:1, not h32:8");
  CHECK(error_of("gqa h32") == "problem: cannot read 'gqa'; expected fewer key/value heads than query heads, as in h32:8, not h32");
  CHECK(error_of("mha h32:8") == "problem: cannot read 'mha'; expected one key/value head per query head, as in h32, not h32:8");
  CHECK(error_of("mha mqa h32") == "problem: cannot read 'mqa'; expected mha, gqa or mqa to be given once");
}

TEST_CASE("malformed or impossible problems are refused by name") {
  for (const char* text : {"n",
                           "nx",
                           "n0",
                           "n-4",
                           "b0",
                           "h3:2",
                           "h2:3",
                           "n4 q7",
                           "n4:8 causal",
                           "n4 window=3",
                           "n4 window=-1:0",
                           "n4 window=0:9223372036854775807",
                           "n4 klen=5",
                           "n4 klen=1,2",
                           "n4 mask=maybe",
                           "n4 mask=bool:q",
                           "n4 scale=nan",
                           "n4 scale=inf",
                           "n4 softcap=0",
                           "n4 softcap=-3",
                           "n4 scale=",
                           "n99999999999999999999",
                           "n1099511627776 d64",
                           "n4 d"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_problem(text), UserError);
  }
}

TEST_CASE("the error is one line that names the token and what is accepted") {
  CHECK(error_of("n4 q7") ==
        "problem: cannot read 'q7'; expected bN hN nN dN mha gqa mqa f32 bf16 f16 f64 causal causal-top-left causal-bottom-right "
        "window= "
        "klen= mask= scale= softcap=");
  CHECK(error_of("f32 bf16") == "problem: cannot read 'bf16'; expected element type to be given once");
  CHECK(error_of("u8").starts_with("problem: cannot read 'u8'; expected bN hN"));
  CHECK(error_of("n4 n8") == "problem: cannot read 'n8'; expected n to be given once");
  CHECK(error_of("h3:2") == "problem: heads h3:2: the key/value heads must divide the query heads");
  CHECK(error_of("n0") == "problem: n_q is 0; it must be at least 1");
  CHECK(error_of("n4 klen=5") == "problem: key length 5 lies outside 0..4");
  CHECK(error_of("b2 n4 klen=1").find("1 key lengths for batch 2") != std::string::npos);
}

TEST_CASE("on a square problem the two causal alignments are one") {
  CHECK(parse_problem("n4 causal-bottom-right") == parse_problem("n4 causal"));
  CHECK(parse_problem("n4:8 causal-bottom-right").causal == Causal::bottom_right);
  auto built = parse_problem("n4 causal");
  built.causal = Causal::bottom_right;
  CHECK(to_string(built) == to_string(parse_problem("n4 causal")));
}

TEST_CASE("a problem built by hand is checked as strictly as a parsed one") {
  auto p = parse_problem("n4");
  p.window = Window{-2, 0};
  CHECK_THROWS_AS(validate(p), UserError);
  p.window = Window{Window::kUnbounded, 0};
  CHECK_NOTHROW(validate(p));
  p.softcap = std::nan("");
  CHECK_THROWS_AS(validate(p), UserError);
}

TEST_CASE("work and traffic follow the published conventions") {
  CHECK(dense_flops(parse_problem("b2 h8:2 n10:20 d4:6 f32 causal-top-left")) == 2.0 * 2 * 8 * 10 * 20 * (4 + 6));
  // Q and O at 8 heads, K and V at 2.
  CHECK(compulsory_bytes(parse_problem("b2 h8:2 n10:20 d4:6")) == 4.0 * 2 * (8 * 10 * (4 + 6) + 2 * 20 * (4 + 6)));
  CHECK(compulsory_bytes(parse_problem("h8 n10 d4 bf16")) == 2.0 * 8 * 4 * 10 * 4);
  CHECK(compulsory_bytes(parse_problem("b2 h8 n10 d1 mask=bool:h")) - compulsory_bytes(parse_problem("b2 h8 n10 d1")) ==
        8 * 10 * 10);
  CHECK(compulsory_bytes(parse_problem("b2 h8 n10 d1 mask=additive")) - compulsory_bytes(parse_problem("b2 h8 n10 d1")) ==
        4 * 10 * 10);
}

TEST_CASE("visible keys and their count follow the masks") {
  const auto decode = parse_problem("n2:6 causal-bottom-right");
  CHECK(visible_keys(decode, 0, 0) == KeyRange{0, 5});
  CHECK(visible_pairs(decode) == 11);
  const auto top_left = parse_problem("n4:2 causal-top-left");
  CHECK(visible_pairs(top_left) == 1 + 2 + 2 + 2);
  const auto more_queries = parse_problem("n4:2 causal-bottom-right");
  CHECK(visible_keys(more_queries, 0, 0) == KeyRange{});
  CHECK(visible_pairs(more_queries) == 1 + 2);
  const auto window = parse_problem("b2 h3 n10 causal window=2:0 klen=4,10");
  CHECK(visible_keys(window, 0, 9) == KeyRange{});
  CHECK(visible_keys(window, 1, 9) == KeyRange{7, 10});
}

TEST_CASE("GQA heads are interleaved, not tiled") {
  const auto p = parse_problem("h8:2 n1");
  CHECK(p.kv_head(3) == 0);
  CHECK(p.kv_head(4) == 1);
}
