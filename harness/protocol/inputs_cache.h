// Inputs cache: the inputs of a problem as a file, made once and read by every worker that needs them into read-only memory of its
// own (variants/api/memory.h: the page cache would give small pages, or large ones as chance has it). A variant that writes to its
// inputs dies of it.
//
// The file says what it holds: a line of JSON, then the tensors, each dense and starting on a page. Tensors are found by their
// spec, so variants that declare the same name with another shape or fill are all served.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "harness/support/json.h"
#include "variants/api/memory.h"

namespace attnbench {

/// Bytes of the file that write_inputs() makes for a problem and extra inputs.
double inputs_file_bytes(const Problem& problem, std::span<const InputSpec> extras = {});

/// An extra input for the file, or the line that says why the dataset cannot make it.
struct CachedExtra {
  InputSpec spec;
  Tensor tensor;
  std::string fault;
};

/// Writes the inputs of a problem; the file appears whole or not at all. The tensors' own extras are left out. Throws UserError
/// when it cannot be written.
void write_inputs(const std::string& path, const NamedTensors& tensors, std::span<const CachedExtra> extras = {});

class CachedInputs {
 public:
  /// Reads a file that write_inputs() made for the same problem. Throws std::runtime_error when it is another, or damaged.
  CachedInputs(const std::string& path, const Problem& problem);

  /// q, k, v, the mask, and the extra inputs of these specs and no others; valid until the next call. Throws UserError with the
  /// dataset's line for one that it could not make, std::runtime_error for one that is not in the file.
  Inputs inputs(std::span<const InputSpec> extras = {});

 private:
  std::optional<TensorRef> find(const InputSpec& spec) const;

  std::string path_;
  std::optional<Pages> memory_;
  Json contents_;
  std::size_t first_ = 0;  // offset of the first tensor
  Inputs inputs_;
  std::vector<std::string> names_;
  std::vector<NamedTensor> extras_;
};

/// Doubles as a file, for the exact softmax rows that all variants of a problem share.
void write_doubles(const std::string& path, const std::vector<double>& values);
std::vector<double> read_doubles(const std::string& path);

}  // namespace attnbench
