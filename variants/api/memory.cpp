#include "variants/api/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace attnbench {
namespace {

// The kernel may place a mapping on any boundary of small pages: what is too much before and after the aligned part goes back.
std::byte* map_aligned(std::size_t bytes, std::size_t alignment) {
  void* memory = ::mmap(nullptr, bytes + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(memory);
  const auto before = (alignment - reinterpret_cast<std::uintptr_t>(begin) % alignment) % alignment;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto kept = (bytes + page - 1) / page * page;
  if (before > 0) ::munmap(begin, before);
  if (before + kept < bytes + alignment) ::munmap(begin + before + kept, bytes + alignment - before - kept);
  return begin + before;
}

}  // namespace

Pages::Pages(std::size_t bytes) : data_(map_aligned(bytes, kHugePage)), bytes_(bytes) {
  ::madvise(data_, bytes_, MADV_HUGEPAGE);  // a kernel without them says no, and there is nothing to be done about it
}

Pages::Pages(Pages&& other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Pages::~Pages() {
  if (data_) ::munmap(data_, bytes_);
}

void Pages::make_read_only() {
  if (::mprotect(data_, bytes_, PROT_READ) != 0) throw std::system_error(errno, std::generic_category(), "mprotect");
}

Memory::Memory(std::size_t bytes) {
  if (bytes >= kHugePage) pages_.emplace(bytes);
  else block_.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kAlignment})));
}

}  // namespace attnbench
