// If these fail, a variant is not found, or found under another name than its file's, or another family than its folder's.
#include "variants/api/registry.h"

#include <cstring>
#include <fstream>

#include "tests/catch.h"

using namespace attnbench;

TEST_CASE("the registry is complete, sorted and found by name") {
  const auto variants = builtin_variants();
  for (const char* name : {"naive", "dot_product", "scaled_dot_product", "multi_head", "additive", "blockwise", "sliding_window",
                           "block_sparse", "strided", "linear"}) {
    CAPTURE(name);
    CHECK(find_variant(name) != nullptr);
  }
  for (std::size_t t = 1; t < variants.size(); ++t) CHECK(std::strcmp(variants[t - 1]->name, variants[t]->name) < 0);
  for (const auto* variant : variants) {
    CHECK(find_variant(variant->name) == variant);
    CHECK(std::ifstream(std::string(ATTNBENCH_SOURCE_DIR "/variants/") + variant->family + "/" + variant->name + ".cpp").good());
  }
  CHECK(find_variant("") == nullptr);
  CHECK(find_variant("no_such_variant") == nullptr);
}
