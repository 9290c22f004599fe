// If these fail, blocks are counted wrong at the ends, or what is drawn from a seed differs from what older runs drew.
#include "variants/api/integers.h"

#include "tests/catch.h"

using namespace attnbench;

TEST_CASE("divisions round up and down, below zero too") {
  CHECK(ceil_div(0, 4) == 0);
  CHECK(ceil_div(1, 4) == 1);
  CHECK(ceil_div(4, 4) == 1);
  CHECK(ceil_div(5, 4) == 2);
  CHECK(floor_div(7, 4) == 1);
  CHECK(floor_div(-1, 4) == -1);
  CHECK(floor_div(-4, 4) == -1);
  CHECK(floor_div(-5, 4) == -2);
  CHECK(floor_mod(7, 4) == 3);
  CHECK(floor_mod(-1, 4) == 3);
  CHECK(floor_mod(-4, 4) == 0);
}

TEST_CASE("SplitMix64 gives the published stream of seed 0") {
  std::uint64_t state = 0;
  CHECK(splitmix64(state) == 0xe220a8397b1dcdafu);
  CHECK(splitmix64(state) == 0x6e789e6aa1b965f4u);
  CHECK(splitmix64(state) == 0x06c45d188009454fu);
}
