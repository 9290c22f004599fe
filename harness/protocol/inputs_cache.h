// Inputs cache: the inputs of a problem as a file, made once and read by every worker that needs them into read-only memory of its
// own (variants/api/memory.h: the page cache would give small pages, or large ones as chance has it). A variant that writes to its
// inputs dies of it.
//
// The file is q, k, v and the mask in that order, each dense and starting on a page; shapes follow from the problem.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "variants/api/memory.h"

namespace attnbench {

/// Bytes of the file that write_inputs() makes for a problem.
double inputs_file_bytes(const Problem& problem);

/// Writes the inputs of a problem; the file appears whole or not at all. Throws UserError when it cannot be written.
void write_inputs(const std::string& path, const InputTensors& tensors);

class CachedInputs {
 public:
  /// Reads a file that write_inputs() made for the same problem. Throws std::runtime_error when its size differs.
  CachedInputs(const std::string& path, const Problem& problem);

  const Inputs& inputs() const { return inputs_; }
  /// Bytes of q, k, v and the stored mask.
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
  std::optional<Pages> memory_;
  Inputs inputs_;
};

/// Doubles as a file, for the exact softmax rows that all variants of a problem share.
void write_doubles(const std::string& path, const std::vector<double>& values);
std::vector<double> read_doubles(const std::string& path);

}  // namespace attnbench
