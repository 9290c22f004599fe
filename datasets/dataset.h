// Dataset: where Q, K, V, dense masks and the extra inputs of variants come from. One interface over synthetic generators, text and
// the user's own arrays.
//
// A dataset is chosen by one string, its spec, name(parameters):path - `gaussian`, `clustered(clusters=16)`, `text`,
// `text(position=rope):my.txt`, `file:captured/`.
// The same spec, problem and seed give the same bytes on every machine and thread count.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "variants/api/variant.h"

namespace attnbench {

class Dataset {
 public:
  virtual ~Dataset() = default;
  /// The canonical spec, which opens an equal dataset (file names as given).
  virtual std::string spec() const = 0;
  /// Changes whenever the bytes it makes would change: generator version, parameters, contents of the files it reads.
  virtual std::string fingerprint() const = 0;
  /// Makes q, k and v of a problem, and its mask where it asks for one. Throws UserError when it cannot (a file shorter than n,
  /// another head count, NaN in a file).
  virtual NamedTensors make(const Problem& problem, std::uint64_t seed) const = 0;
  /// The same, bit for bit, with extra inputs beside them.
  NamedTensors make(const Problem& problem, std::span<const InputSpec> extras, std::uint64_t seed) const;
  /// One extra input: the dataset's own array of that name where it has one, else what its spec says. Throws UserError.
  Tensor make_extra(const InputSpec& spec, const Problem& problem, std::uint64_t seed) const;
  /// Changes with the bytes of the dataset's own array of that name; nothing where it has none.
  virtual std::optional<std::string> fingerprint_of_own(const std::string& extra) const;
  /// The whole problem that a dataset of fixed size holds: its sizes, and its dense mask where it has one. Nothing for generators,
  /// which make any size.
  virtual std::optional<Problem> holds() const;
  /// Lines for the user about what looks wrong without being so for certain, such as an unlikely layout.
  virtual std::vector<std::string> hints() const;
  /// Words for the first n key positions of batch entry 0, for figures; empty when the dataset has none.
  virtual std::vector<std::string> token_labels(const Problem& problem, std::uint64_t seed) const;

 private:
  virtual std::optional<Tensor> own_extra(const InputSpec& spec, const Problem& problem) const;
};

/// Opens a spec. Throws UserError naming the unknown dataset or parameter, with the nearest names.
std::unique_ptr<Dataset> open_dataset(std::string_view spec);

/// Opens a spec of a kind that has a fixed size (file); null, and nothing is opened, for the generators.
std::unique_ptr<Dataset> open_if_fixed_size(std::string_view spec);

/// The name in braces of a spec that stands for several datasets: "layer" for file:x.npz(q=layers.{layer}.q,...). "" for others.
std::string placeholder_of(std::string_view spec);

/// The specs that such a spec stands for, canonical: one for each value, or for each that the file holds where none are given.
std::vector<std::string> expand_placeholder(std::string_view spec, std::span<const std::string> values);

struct DatasetInfo {
  const char* name;
  const char* syntax;   // "clustered(clusters=16,zipf=1.1)"
  const char* summary;  // one line
};

/// All datasets, for `list` and `--help`.
std::span<const DatasetInfo> dataset_catalogue();

}  // namespace attnbench
