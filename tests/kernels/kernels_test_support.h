// Shared by the kernel tests: run a check on every instruction set, and memory that faults one byte beyond its end.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "variants/kernels/simd/isa.h"

namespace attnbench {

/// Calls check(name) with every available target forced in turn; the best one is in force again afterwards.
template <class F>
void on_every_isa(F&& check) {
  for (const auto& isa : kernels::available_isas()) {
    kernels::force_isa(isa);
    check(isa);
  }
  kernels::force_isa("");
}

/// `count` elements that end exactly at an unreadable page (and start right behind one when `count` fills whole pages).
template <class T>
class GuardedArray {
 public:
  explicit GuardedArray(std::int64_t count) : count_(count) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const auto payload = (static_cast<std::size_t>(count) * sizeof(T) + page - 1) / page * page;
    mapped_ = payload + 2 * page;
    base_ = static_cast<std::byte*>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_, page, PROT_NONE);
    mprotect(base_ + page + payload, page, PROT_NONE);
    data_ = reinterpret_cast<T*>(base_ + page + payload) - count;
  }
  ~GuardedArray() { munmap(base_, mapped_); }
  GuardedArray(const GuardedArray&) = delete;
  GuardedArray& operator=(const GuardedArray&) = delete;

  T* data() const { return data_; }
  std::int64_t size() const { return count_; }
  T& operator[](std::int64_t i) const { return data_[i]; }

 private:
  std::int64_t count_;
  std::size_t mapped_ = 0;
  std::byte* base_ = nullptr;
  T* data_ = nullptr;
};

}  // namespace attnbench
