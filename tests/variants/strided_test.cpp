// If these fail, strided sees other keys than the Sparse Transformer's patterns, loses a key between its two passes, or counts one
// twice.
#include "tests/variants/sparse_test_support.h"

using namespace attnbench;
using namespace attnbench::testing;

TEST_CASE("strided matches its pattern's truth and counts its pairs") {
  for (const char* stride : {"0", "1", "2", "7", "16", "128", "1000"}) check_sparse("strided", {{"stride", stride}});
}

TEST_CASE("fixed matches its pattern's truth and counts its pairs") {
  const std::pair<const char*, const char*> sizes[] = {{"1", "1"},   {"7", "2"},    {"16", "16"}, {"16", "5"},
                                                       {"128", "8"}, {"1000", "1"}, {"0", "8"}};
  for (const auto& [stride, summary] : sizes)
    check_sparse("strided", {{"pattern", "fixed"}, {"stride", stride}, {"summary", summary}});
}

TEST_CASE("the paper's causal sets, section 4.3") {
  const Call strided("strided", "n20 d4 causal", {{"stride", "4"}});
  const Call fixed("strided", "n20 d4 causal", {{"pattern", "fixed"}, {"stride", "4"}, {"summary", "1"}});
  const auto keys_seen = [](const Call& call, std::int64_t i) {
    std::vector<std::int64_t> keys;
    for (std::int64_t j = 0; j <= i; ++j)
      if (call.variant.attends({call.problem, call.params, call.prepared}, 0, 0, i, j)) keys.push_back(j);
    return keys;
  };
  CHECK(keys_seen(strided, 14) == std::vector<std::int64_t>{2, 6, 10, 11, 12, 13, 14});
  CHECK(keys_seen(fixed, 14) == std::vector<std::int64_t>{3, 7, 11, 12, 13, 14});
}

TEST_CASE("scores of up to 1e4 survive the hand-over between the two passes") {
  Call call("strided", "n300 d16 causal scale=1000", {{"stride", "16"}});
  const auto arrays = random_arrays(call.problem);
  const auto inputs = arrays.inputs(call.problem);
  CHECK(relative_rms(call.run(inputs), call.reference(inputs)) <= 2e-3);
}

TEST_CASE("a summary longer than the stride is refused with a reason") {
  const Call call("strided", "n20 d4", {{"pattern", "fixed"}, {"stride", "4"}, {"summary", "5"}});
  CHECK(unsupported_reasons(call.variant, call.problem, call.params).size() == 1);
}
