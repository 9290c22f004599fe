// Shard: one plan split over several machines, `--shard i/N`. Cases that share dataset, problem and threads stay together, so that
// the variants compared at a shape are measured on one node; the groups are dealt out so that every shard should take as long.
//
// Every node must come to the same split, so it depends on the plan alone: not on the memory of the machine that asks, and not on
// what it has measured.
#pragma once

#include <string>
#include <string_view>

namespace attnbench {

struct Plan;

/// One of `count` parts that a plan is split into; 1 of 1 is the whole.
struct Shard {
  int index = 1;
  int count = 1;
  bool operator==(const Shard&) const = default;
};

/// "2/8": the second of eight. Throws UserError.
Shard parse_shard(std::string_view text);

/// "2/8"
std::string to_string(const Shard& shard);

/// The cases of one shard, in plan order. Throws UserError when it gets none, because there are more shards than groups.
Plan shard_of(const Plan& plan, const Shard& shard);

}  // namespace attnbench
