#include "variants/kernels/selection/chosen_blocks.h"

#include <algorithm>

namespace attnbench::kernels {
namespace {

// Sorts the rows by the blocks they chose: those of block c are lists[ends[c - 1], ends[c]), ascending. ends has blocks + 1
// elements.
void group_rows(const ChosenBlocks& choice, std::int32_t* ends, std::int32_t* lists) {
  const auto count = (choice.end - choice.begin) * choice.per_row;
  std::fill_n(ends, choice.blocks + 1, 0);
  for (std::int64_t t = 0; t < count; ++t)
    if (choice.chosen[t] >= 0) ++ends[choice.chosen[t] + 1];
  for (std::int64_t c = 0; c < choice.blocks; ++c) ends[c + 1] += ends[c];
  for (std::int64_t t = 0; t < count; ++t)
    if (choice.chosen[t] >= 0) lists[ends[choice.chosen[t]]++] = static_cast<std::int32_t>(choice.begin + t / choice.per_row);
}

}  // namespace

void attend_chosen(ListedBlock base, const ChosenBlocks& choice, std::int32_t* scratch) {
  auto *ends = scratch, *lists = scratch + choice.blocks + 1;
  group_rows(choice, ends, lists);
  for (std::int64_t c = 0, first = 0; c < choice.blocks; first = ends[c++]) {
    if (ends[c] == first) continue;
    base.rows = {0, 1, ends[c] - first, lists + first};
    const auto next = c + 1 < choice.blocks ? ends[c + 1] - ends[c] : 0;
    base.next_rows = {0, 1, next, lists + ends[c]};
    base.keys = KeySegment::contiguous(c * choice.block, std::min((c + 1) * choice.block, base.run.problem.n_k));
    attend_listed(base);
  }
}

}  // namespace attnbench::kernels
