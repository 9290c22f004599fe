// If these fail, a sweep runs other sizes than the user wrote, or a slip of the keyboard is not caught.
#include "harness/planning/axes.h"

#include "harness/planning/fields.h"
#include "tests/catch.h"
#include "variants/api/error.h"

using namespace attnbench;

namespace {

std::vector<std::string> values(const char* text) {
  std::vector<std::string> flat;
  for (const auto& point : parse_axis(text).points) flat.insert(flat.end(), point.begin(), point.end());
  return flat;
}

std::string message(const char* text) {
  try {
    parse_axis(text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

Problem with(const char* name, const char* value, Problem problem = {}) {
  find_problem_field(name)->set(problem, value);
  return problem;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("ranges multiply or add, end inclusive") {
  CHECK(values("n=256:2048:x2") == Words{"256", "512", "1024", "2048"});
  CHECK(values("n=256:2047:x2") == Words{"256", "512", "1024"});
  CHECK(values("n=1k:4k:+1k") == Words{"1024", "2048", "3072", "4096"});
  CHECK(values("n=3:3:x2") == Words{"3"});
  CHECK(values("n=9223372036854775806:9223372036854775807:x2") == Words{"9223372036854775806"});
}

TEST_CASE("lists mix values, ranges, pairs and suffixes") {
  CHECK(values("threads=1,2") == Words{"1", "2"});
  CHECK(values("n=100, 1k:2k:x2 ,1m") == Words{"100", "1024", "2048", "1048576"});
  CHECK(values("h=8,32:8") == Words{"8", "32:8"});
  CHECK(values("window=127:0,inf:0,none") == Words{"127:0", "inf:0", "none"});
  CHECK(values("scale=0.5,none") == Words{"0.5", "none"});
}

TEST_CASE("words that hold colons and commas of their own stay whole") {
  CHECK(values("mask=none,bool:h,additive:bh") == Words{"none", "bool:h", "additive:bh"});
  CHECK(values("dataset=file:a:b/c.npz,clustered(clusters=16,zipf=1.1)") ==
        Words{"file:a:b/c.npz", "clustered(clusters=16,zipf=1.1)"});
}

TEST_CASE("a zip changes its names together") {
  const auto zip = parse_axis("(n,window)=(1k,64),(4k,128)");
  CHECK(zip.names == Words{"n", "window"});
  CHECK(zip.points == std::vector<Words>{{"1024", "64"}, {"4096", "128"}});
  CHECK(zip.sets("window"));
  CHECK_FALSE(zip.sets("d"));
}

TEST_CASE("an axis prints as text that parses back to it") {
  for (const char* text :
       {"n=256,512", "(n,window)=(1024,64),(4096,128)", "h=32:8", "dataset=clustered(clusters=16,zipf=1.1),text"})
    CHECK(to_string(parse_axis(text)) == text);
  CHECK(to_string(parse_axis("n=1k:4k:x2")) == "n=1024,2048,4096");
}

TEST_CASE("every malformed axis is refused in one line with the value and an example") {
  const char* const malformed[] = {
      "n",         "n=",         "=5",        "n=256:x2",      "n=256:16384", "n=a:b:x2",    "n=256:512:2",
      "n=1:8:x1",  "n=1:8:+0",   "n=8:1:x2",  "n=0:8:x2",      "n=1,,2",      "n=-4:8:x2",   "d=32:64",
      "n=1:2:3:4", "(n,d=(1,2)", "(n,d)=(1)", "(n,d)=(1,2,3)", "(n,d)=1,2",   "(n,n)=(1,2)", "(n,d)=(1:8:x2,3)",
      "n=1:1m:+1", "b=2:3",      "9n=1",      "(n,d)=(1,2"};
  for (const char* text : malformed) {
    const auto what = message(text);
    INFO(text << " -> " << what);
    CHECK(what.find("axis '" + std::string(text) + "'") == 0);
    CHECK(what.find("for example ") != std::string::npos);
    CHECK(what.find('\n') == std::string::npos);
  }
}

TEST_CASE("n=A:B is refused because it could mean a range or a pair") {
  CHECK(message("n=1:4096").find("(nq,nk)=(A,B)") != std::string::npos);
  CHECK(message("d=64:128").find("(dqk,dv)=(A,B)") != std::string::npos);
}

TEST_CASE("an axis given on the command line replaces the plan's, never half of a zip") {
  const std::vector<Axis> base{parse_axis("n=1,2"), parse_axis("(h,d)=(1,64),(2,32)"), parse_axis("threads=1")};
  const auto merged = override_axes(base, {parse_axis("n=7"), parse_axis("b=3")});
  REQUIRE(merged.size() == 4);
  CHECK(to_string(merged[0]) == "(h,d)=(1,64),(2,32)");
  CHECK(to_string(merged[2]) == "n=7");
  CHECK(to_string(merged[3]) == "b=3");
  CHECK_THROWS_AS(override_axes(base, {parse_axis("h=4")}), UserError);
  CHECK(override_axes(base, {parse_axis("(d,h)=(8,8)")}).size() == 3);
  CHECK_THROWS_AS(override_axes({}, {parse_axis("n=1"), parse_axis("(n,d)=(1,2)")}), UserError);
}

TEST_CASE("fields set what their names say") {
  CHECK(with("n", "4k").n_q == 4096);
  CHECK(with("n", "4k").n_k == 4096);
  CHECK(with("nk", "4k").n_q == 1);
  CHECK(with("h", "32:8").heads_q == 32);
  CHECK(with("h", "32:8").heads_kv == 8);
  CHECK(with("h", "4").heads_kv == 4);
  CHECK(with("dv", "80").d_v == 80);
  CHECK(with("dv", "80").d_qk == 1);
  CHECK(with("causal", "bottom-right").causal == Causal::bottom_right);
  CHECK(with("window", "127:0").window == Window{127, 0});
  CHECK(with("window", "inf:3").window == Window{Window::kUnbounded, 3});
  CHECK(with("mask", "additive:h").mask == DenseMask{MaskKind::additive, false, true});
  CHECK(with("scale", "0.5").scale == 0.5);
  CHECK(with("softcap", "30").softcap == 30);
  Problem two;
  two.batch = 2;
  CHECK(with("klen", "5", two).key_lengths == std::vector<std::int64_t>{5, 5});
}

TEST_CASE("none takes a field back") {
  auto problem = parse_problem("b1 h1 n8 d4 f32 causal window=3:0 klen=5 mask=bool scale=2 softcap=3");
  for (const char* name : {"causal", "window", "klen", "mask", "scale", "softcap"}) problem = with(name, "none", problem);
  CHECK(to_string(problem) == "b1 h1 n8 d4 f32");
}

TEST_CASE("a field refuses what it cannot mean") {
  const std::pair<const char*, const char*> bad[] = {{"n", "0"},
                                                     {"n", "-4"},
                                                     {"n", "12x"},
                                                     {"n", ""},
                                                     {"h", "8:"},
                                                     {"causal", "yes"},
                                                     {"window", "5"},
                                                     {"mask", "dense"},
                                                     {"scale", "inf"},
                                                     {"softcap", "x"},
                                                     {"klen", "-1"},
                                                     {"mask", "bool n9"},
                                                     {"n", "9999999999999999m"}};
  for (const auto& [name, value] : bad) {
    INFO(name << "=" << value);
    CHECK_THROWS_AS(with(name, value), UserError);
  }
}
