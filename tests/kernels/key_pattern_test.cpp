// If these fail, a segment loses or repeats keys at its edges, and with them the pairs a sparse variant declares.
#include "variants/kernels/softmax/key_pattern.h"

#include <vector>

#include "tests/catch.h"

using namespace attnbench;
using kernels::KeySegment;

TEST_CASE("a segment's keys ascend, and index_of finds the first key at or behind any position") {
  for (const KeySegment segment : {KeySegment::contiguous(5, 12), KeySegment::contiguous(0, 0), KeySegment::contiguous(9, 3),
                                   KeySegment{3, 1, 4, 6}, KeySegment{2, 3, 8, 7}, KeySegment{0, 4, 4, 10}}) {
    std::vector<std::int64_t> keys;
    for (std::int64_t t = 0; t < segment.count; ++t) keys.push_back(segment.key(t));
    CAPTURE(segment.first, segment.run, segment.step, segment.count);
    for (std::size_t t = 1; t < keys.size(); ++t) CHECK(keys[t - 1] < keys[t]);
    for (std::int64_t position = -3; position < 60; ++position) {
      std::int64_t expected = 0;
      while (expected < segment.count && segment.key(expected) < position) ++expected;
      CAPTURE(position);
      CHECK(segment.index_of(position) == expected);
    }
  }
}

TEST_CASE("a comb of runs lists the keys it says") {
  const KeySegment summaries{6, 2, 8, 5};
  std::vector<std::int64_t> keys;
  for (std::int64_t t = 0; t < summaries.count; ++t) keys.push_back(summaries.key(t));
  CHECK(keys == std::vector<std::int64_t>{6, 7, 14, 15, 22});
}

TEST_CASE("a row's range is what pattern, problem and segment all allow") {
  const auto segment = KeySegment::contiguous(10, 30);
  CHECK(kernels::visible_in_segment(segment, {-5, 100}, {0, 1000}) == KeyRange{0, 20});
  CHECK(kernels::visible_in_segment(segment, {3, 8}, {15, 40}) == KeyRange{5, 8});
  CHECK(kernels::visible_in_segment(segment, {3, 8}, {0, 11}) == KeyRange{});
  CHECK(kernels::visible_in_segment(segment, {3, 8}, {}) == KeyRange{});
}

TEST_CASE("all keys under the problem's masks are as many as the problem says") {
  for (const char* text : {"b2 h3 n17:40 d4", "n50 d4 causal", "n20:50 d4 causal-bottom-right window=7:0",
                           "b3 h4:2 n30 d4 klen=0,7,30", "n50:20 d4 causal-bottom-right"}) {
    CAPTURE(text);
    const auto p = parse_problem(text);
    CHECK(kernels::pattern_pairs(p, kernels::AllKeys(p)) == visible_pairs(p));
  }
}
