// Rows that each chose a few blocks of keys, the other way round: one block at a time against all the rows that chose it, so that
// they fill the lanes and share its keys.
#pragma once

#include <cstdint>

#include "variants/kernels/selection/listed_block.h"

namespace attnbench::kernels {

/// What the rows [begin, end) chose.
struct ChosenBlocks {
  std::int64_t begin, end;
  std::int64_t per_row;        // at most
  const std::int32_t* chosen;  // [end - begin][per_row]: block numbers, each at most once; -1: none
  std::int64_t block;          // keys of a block
  std::int64_t blocks;         // of the head
};

/// Elements of int32 scratch for attend_chosen().
constexpr std::int64_t chosen_scratch(std::int64_t rows, std::int64_t per_row, std::int64_t blocks) {
  return rows * per_row + blocks + 1;
}

/// Adds each row's chosen blocks to its softmax, which `base` says how to go on with; base.rows and base.keys are not looked at.
/// Keys beyond the problem's masks are left out there as everywhere.
void attend_chosen(ListedBlock base, const ChosenBlocks& choice, std::int32_t* scratch);

}  // namespace attnbench::kernels
