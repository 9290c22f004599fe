#include "harness/worker/heap_count.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<bool> watching{false};
std::atomic<std::int64_t> allocation_count{0};
std::atomic<std::int64_t> allocated_bytes{0};

}  // namespace

#ifndef ATTNBENCH_SANITIZED

namespace {

void note(std::size_t bytes) {
  if (!watching.load(std::memory_order_relaxed)) return;
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  allocated_bytes.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
}

}  // namespace

// The other forms (arrays, nothrow, sized) are defined by the standard library through these four. [new.delete]
void* operator new(std::size_t bytes) {
  note(bytes);
  if (void* memory = std::malloc(std::max<std::size_t>(bytes, 1))) return memory;
  throw std::bad_alloc();
}

void* operator new(std::size_t bytes, std::align_val_t alignment) {
  note(bytes);
  const auto line = static_cast<std::size_t>(alignment);
  // aligned_alloc wants whole lines; a size that overflows when rounded up cannot be had either.
  const auto rounded = (std::max<std::size_t>(bytes, 1) + line - 1) / line * line;
  if (rounded < bytes) throw std::bad_alloc();
  if (void* memory = std::aligned_alloc(line, rounded)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

#endif

namespace attnbench {

HeapWatch::HeapWatch() {
  allocation_count = 0;
  allocated_bytes = 0;
  watching = true;
}
HeapWatch::~HeapWatch() { stop(); }
void HeapWatch::stop() { watching = false; }
std::int64_t HeapWatch::allocations() const { return allocation_count; }
std::int64_t HeapWatch::bytes() const { return allocated_bytes; }

bool heap_is_counted() {
#ifdef ATTNBENCH_SANITIZED
  return false;
#else
  return true;
#endif
}

}  // namespace attnbench
