// SharedMemory: the tensors of one problem in memory that this process and the adapter both see, each dense at a 64-byte aligned
// offset. An anonymous file (memfd_create(2)) that the adapter inherits, so that nothing is left behind by a crash.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "attnbench/plugin.h"

namespace attnbench::external {

struct SharedTensor {
  std::string name;
  std::array<std::int64_t, 4> shape;
  std::int32_t dtype;  // ATTNBENCH_F32 or ATTNBENCH_U8
  std::size_t offset = 0;

  std::size_t bytes() const;
};

class SharedMemory {
 public:
  /// Lays the tensors out and maps them. Throws std::system_error.
  explicit SharedMemory(std::vector<SharedTensor> tensors);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  int descriptor() const { return descriptor_; }
  std::size_t bytes() const { return bytes_; }
  const std::vector<SharedTensor>& tensors() const { return tensors_; }
  /// First byte of the tensor of that name, which must be there.
  std::byte* at(const std::string& name) const;

  /// Copies a tensor of any strides in, its first entries along axes where the shared shape is 1.
  void copy_in(const std::string& name, const attnbench_tensor& from) const;
  void copy_out(const std::string& name, const attnbench_tensor& to) const;

 private:
  const SharedTensor& find(const std::string& name) const;

  std::vector<SharedTensor> tensors_;
  std::size_t bytes_ = 0;
  int descriptor_ = -1;
  std::byte* memory_ = nullptr;
};

}  // namespace attnbench::external
