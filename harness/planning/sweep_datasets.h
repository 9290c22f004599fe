// Datasets of a sweep. Generators make any size; a file has one, so a sweep over a file takes its sizes from there, and a sweep
// over several datasets of which one is a file becomes one sweep for each.
#pragma once

#include <memory>
#include <vector>

#include "datasets/dataset.h"
#include "harness/planning/axes.h"
#include "harness/planning/plan_file.h"

namespace attnbench {

struct SweepOfDataset {
  Sweep sweep;                          // its `axes` are not used: see below
  std::vector<Axis> axes;               // parsed; without `dataset` where there is a file
  std::shared_ptr<const Dataset> file;  // opened, and the sweep's only dataset; null: generators
};

/// The sweep as it is when all of its datasets (listed, or on an axis) are generators; otherwise one sweep per dataset, in order.
/// A dataset with a placeholder, file:x.npz(q=layers.{layer}.q,...), becomes one per value: those of the axis `layer`, or all that
/// the file holds. Throws UserError: a file that cannot be opened, a placeholder on an axis together with other names.
std::vector<SweepOfDataset> split_by_dataset(const Sweep& sweep, const std::vector<Axis>& axes);

/// Leaves sizes to the file: takes them out of the problems, and drops axes over sizes except those that set a name in `kept`.
void leave_sizes_to_file(SweepOfDataset& piece, const std::vector<Axis>& kept);

}  // namespace attnbench
