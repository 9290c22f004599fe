// Heap count: how many times operator new was called while somebody was watching. The global operators new and delete are replaced
// by counting ones wherever this header's functions are linked in; under sanitizers they stay the sanitizer's and nothing is
// counted.
#pragma once

#include <cstdint>

namespace attnbench {

/// Counts heap allocations of all threads between its construction and stop(). One watch at a time.
class HeapWatch {
 public:
  HeapWatch();
  ~HeapWatch();
  HeapWatch(const HeapWatch&) = delete;
  HeapWatch& operator=(const HeapWatch&) = delete;

  /// Stops counting; the totals stay readable.
  void stop();
  std::int64_t allocations() const;
  std::int64_t bytes() const;
};

/// Whether the counting operators are linked in; false under sanitizers.
bool heap_is_counted();

}  // namespace attnbench
