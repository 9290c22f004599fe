// If these fail, block_sparse sees other blocks than Big Bird's, draws them differently from run to run, or mis-counts its work.
#include "tests/variants/sparse_test_support.h"

using namespace attnbench;
using namespace attnbench::testing;

namespace {

// Key blocks that query block q sees, read off the predicate; 16 tokens per block.
std::vector<std::int64_t> blocks_seen(const Call& call, std::int64_t q) {
  std::vector<std::int64_t> blocks;
  for (std::int64_t k = 0; k * 16 < call.problem.n_k; ++k)
    if (call.variant.attends({call.problem, call.params, call.prepared}, 0, 0, q * 16, k * 16)) blocks.push_back(k);
  return blocks;
}

const Settings kBlocks16 = {{"block", "16"}, {"window_blocks", "1"}, {"global_blocks", "2"}, {"random_blocks", "3"}};

}  // namespace

TEST_CASE("block_sparse matches its pattern's truth and counts its pairs") {
  check_sparse("block_sparse", {});
  check_sparse("block_sparse", kBlocks16);
  check_sparse("block_sparse", {{"block", "1"}, {"global_blocks", "0"}, {"random_blocks", "2"}});
  check_sparse("block_sparse", {{"block", "7"}, {"window_blocks", "0"}, {"global_blocks", "1"}, {"random_blocks", "0"}});
  check_sparse("block_sparse", {{"block", "50"}, {"random_blocks", "1000"}});
}

TEST_CASE("a query block sees its window, the global blocks and exactly the random blocks asked for") {
  const Call call("block_sparse", "n640 d4", kBlocks16);
  for (const std::int64_t q : {5, 20, 38}) {
    const auto seen = blocks_seen(call, q);
    CAPTURE(q, seen);
    CHECK(seen.size() == 3 + 2 + 3);
    for (const std::int64_t k : {std::int64_t{0}, std::int64_t{1}, q - 1, q, q + 1})
      CHECK(std::find(seen.begin(), seen.end(), k) != seen.end());
  }
  CHECK(blocks_seen(call, 1).size() == 40);
}

TEST_CASE("random blocks are drawn anew for each query block and seed, and causal ones from the past") {
  const Call first("block_sparse", "n640 d4", kBlocks16), again("block_sparse", "n640 d4", kBlocks16);
  auto reseeded = kBlocks16;
  reseeded.push_back({"seed", "1"});
  const Call other("block_sparse", "n640 d4", reseeded);
  int different_seed = 0, different_block = 0;
  for (std::int64_t q = 10; q < 30; ++q) {
    CHECK(blocks_seen(first, q) == blocks_seen(again, q));
    different_seed += blocks_seen(first, q) != blocks_seen(other, q);
    auto shifted = blocks_seen(first, q + 1);
    different_block += shifted.back() != blocks_seen(first, q).back() + 1;
  }
  CHECK(different_seed >= 15);
  CHECK(different_block >= 5);
  const Call causal("block_sparse", "n640 d4 causal", kBlocks16);
  CHECK(blocks_seen(causal, 20).back() == 20);
  CHECK(blocks_seen(causal, 20).size() == 2 + 2 + 3);
}
