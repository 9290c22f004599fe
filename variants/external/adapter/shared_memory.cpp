#include "variants/external/adapter/shared_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace attnbench::external {
namespace {

constexpr std::size_t kAlignment = 64;  // bytes: one cache line, one AVX-512 vector

std::size_t rounded_up(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

std::size_t element_bytes(std::int32_t dtype) { return dtype == ATTNBENCH_F32 ? 4 : 1; }

// Calls body(bytes of a row in `shared`, bytes of the same row in `strided`).
template <class Body>
void for_rows(const SharedTensor& shared, std::byte* base, const attnbench_tensor& strided, const Body& body) {
  const auto size = element_bytes(shared.dtype);
  const auto& [batch, heads, rows, dim] = shared.shape;
  std::byte* row = base + shared.offset;
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t h = 0; h < heads; ++h)
      for (std::int64_t i = 0; i < rows; ++i, row += static_cast<std::size_t>(dim) * size) {
        const auto element = b * strided.stride[0] + h * strided.stride[1] + i * strided.stride[2];
        body(row, static_cast<std::byte*>(strided.data) + element * static_cast<std::int64_t>(size),
             static_cast<std::size_t>(dim) * size);
      }
}

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

std::size_t SharedTensor::bytes() const {
  return static_cast<std::size_t>(shape[0] * shape[1] * shape[2] * shape[3]) * element_bytes(dtype);
}

SharedMemory::SharedMemory(std::vector<SharedTensor> tensors) : tensors_(std::move(tensors)) {
  for (auto& tensor : tensors_) {
    tensor.offset = bytes_;
    bytes_ += rounded_up(tensor.bytes());
  }
  descriptor_ = ::memfd_create("attnbench-external", MFD_CLOEXEC);
  if (descriptor_ < 0) fail("memfd_create");
  if (::ftruncate(descriptor_, static_cast<off_t>(bytes_)) != 0) fail("ftruncate of the shared memory");
  void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor_, 0);
  if (memory == MAP_FAILED) fail("mmap of the shared memory");
  memory_ = static_cast<std::byte*>(memory);
}

SharedMemory::~SharedMemory() {
  if (memory_) ::munmap(memory_, bytes_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

const SharedTensor& SharedMemory::find(const std::string& name) const {
  const auto found = std::find_if(tensors_.begin(), tensors_.end(), [&](const auto& tensor) { return tensor.name == name; });
  if (found == tensors_.end()) throw std::logic_error("no shared tensor is called " + name);
  return *found;
}

std::byte* SharedMemory::at(const std::string& name) const { return memory_ + find(name).offset; }

void SharedMemory::copy_in(const std::string& name, const attnbench_tensor& from) const {
  for_rows(find(name), memory_, from,
           [](std::byte* shared, const std::byte* strided, std::size_t bytes) { std::memcpy(shared, strided, bytes); });
}

void SharedMemory::copy_out(const std::string& name, const attnbench_tensor& to) const {
  for_rows(find(name), memory_, to,
           [](const std::byte* shared, std::byte* strided, std::size_t bytes) { std::memcpy(strided, shared, bytes); });
}

}  // namespace attnbench::external
