// What a dataset's own file gives to the catalogue. A new dataset is one file that defines kinds::<name>, and that name in
// ATTNBENCH_DATASETS below.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/dataset.h"
#include "variants/api/params.h"

namespace attnbench {

/// A parsed spec: name(parameters):argument, or name:argument(parameters), as one thinks of the path first.
struct DatasetSpec {
  std::string name;
  Params params;
  std::string argument;  // a path, or "" when there is none

  /// "text(position=rope):my.txt"; parameters at their defaults are left out.
  std::string canonical() const;
};

/// Parses a spec. Throws UserError naming the unknown dataset or parameter, with the nearest names.
DatasetSpec parse_dataset_spec(std::string_view text);

enum class Argument { none, optional, required };

struct DatasetKind {
  DatasetInfo info;
  std::span<const ParamSpec> params;
  Argument argument;
  std::unique_ptr<Dataset> (*open)(const DatasetSpec& spec);
  /// Of a kind with a fixed size: what the placeholder in its parameters may stand for. Null for generators.
  std::vector<std::string> (*placeholder_values)(const DatasetSpec& spec) = nullptr;
};

/// Every dataset, in the order in which they are listed.
#define ATTNBENCH_DATASETS(X) X(text) X(gaussian) X(clustered) X(peaked) X(local) X(sink) X(outlier) X(file)

namespace kinds {
#define ATTNBENCH_DECLARE(name) extern const DatasetKind name;
ATTNBENCH_DATASETS(ATTNBENCH_DECLARE)
#undef ATTNBENCH_DECLARE
}  // namespace kinds

/// Place of query row i in the sequence of tokens that keys 0 .. n_k - 1 begin: aligned with the keys as the problem's masks are
/// (i + n_k - n_q unless top-left), and simply i when there are more queries than keys.
std::int64_t query_position(const Problem& problem, std::int64_t row);

}  // namespace attnbench
