// Heap count: memory allocated by any thread of this process while a AllocationCounter exists: by malloc and its relatives, and so
// by operator new, and by mmap and mremap. They are replaced by counting ones wherever this header's functions are linked in; a
// shared library that is loaded later calls them too. What TBB, OpenBLAS and the C library take for themselves is left out. A
// library that makes system calls of its own, or calls brk, is not seen here but in the resident set. Under sanitizers nothing is
// counted.
#pragma once

#include <cstdint>

namespace attnbench {

/// Counts what all threads take between its construction and stop(). One watch at a time.
class AllocationCounter {
 public:
  AllocationCounter();
  ~AllocationCounter();
  AllocationCounter(const AllocationCounter&) = delete;
  AllocationCounter& operator=(const AllocationCounter&) = delete;

  /// Stops counting; the totals stay readable.
  void stop();
  std::int64_t allocations() const;
  std::int64_t bytes() const;
};

/// Whether the counting functions are linked in; false under sanitizers.
bool heap_is_counted();

}  // namespace attnbench
