// Inputs cache: the inputs of a problem as a file, made once and mapped read-only by every worker that needs them. A variant that
// writes to its inputs dies of it.
//
// The file is q, k, v and the mask in that order, each dense and starting on a page; shapes follow from the problem.
#pragma once

#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace attnbench {

/// Writes the inputs of a problem; the file appears whole or not at all. Throws UserError when it cannot be written.
void write_inputs(const std::string& path, const InputTensors& tensors);

class MappedInputs {
 public:
  /// Maps and touches a file that write_inputs() made for the same problem. Throws std::runtime_error when its size differs.
  MappedInputs(const std::string& path, const Problem& problem);
  ~MappedInputs();
  MappedInputs(const MappedInputs&) = delete;
  MappedInputs& operator=(const MappedInputs&) = delete;

  const Inputs& inputs() const { return inputs_; }
  /// Bytes of q, k, v and the stored mask.
  std::size_t bytes() const { return bytes_; }

 private:
  void* memory_ = nullptr;
  std::size_t length_ = 0;
  std::size_t bytes_ = 0;
  Inputs inputs_;
};

/// Doubles as a file, for the exact softmax rows that all variants of a problem share.
void write_doubles(const std::string& path, const std::vector<double>& values);
std::vector<double> read_doubles(const std::string& path);

}  // namespace attnbench
