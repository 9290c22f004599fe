#include "harness/measure/allocation_counter.h"

#include <link.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstring>

namespace {

std::atomic<bool> watching{false};
std::atomic<std::int64_t> allocation_count{0};
std::atomic<std::int64_t> allocated_bytes{0};

// Code whose requests are left out, as they come at any call when another thread joins: TBB's pools of tasks, the 128 MiB of
// address space that OpenBLAS maps for each thread, and the arenas of the C library, from which malloc, counted itself, then
// serves.
struct CodeRange {
  std::uintptr_t begin = 0, end = 0;
};
std::array<CodeRange, 16> harness_code;
std::size_t code_ranges = 0;

int find_code(dl_phdr_info* library, std::size_t, void*) {
  const auto is = [&](const char* name) { return std::strstr(library->dlpi_name, name) != nullptr; };
  if (!is("/libtbb") && !is("/libc.so") && !is("/libopenblas")) return 0;
  for (int i = 0; i < library->dlpi_phnum && code_ranges < harness_code.size(); ++i) {
    const auto& segment = library->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    const auto begin = library->dlpi_addr + segment.p_vaddr;
    harness_code[code_ranges++] = {begin, begin + segment.p_memsz};
  }
  return 0;
}

[[maybe_unused]] bool is_harness(const void* caller) {
  const auto address = reinterpret_cast<std::uintptr_t>(caller);
  for (std::size_t i = 0; i < code_ranges; ++i)
    if (harness_code[i].begin <= address && address < harness_code[i].end) return true;
  return false;
}

}  // namespace

#if !defined(ATTNBENCH_SANITIZED) && defined(__GLIBC__)
#define ATTNBENCH_COUNTS_HEAP

namespace {

void note(std::size_t bytes, const void* caller) {
  if (!watching.load(std::memory_order_relaxed) || is_harness(caller)) return;
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  allocated_bytes.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
}

}  // namespace

// The C library's own allocator under its second names. free() is among them so that memory always goes back to where it came
// from, also when another allocator is preloaded.
extern "C" {

void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
void __libc_free(void* memory);

#define ATTNBENCH_EXPORT __attribute__((visibility("default")))

ATTNBENCH_EXPORT void* malloc(std::size_t bytes) noexcept {
  note(bytes, __builtin_return_address(0));
  return __libc_malloc(bytes);
}

ATTNBENCH_EXPORT void* calloc(std::size_t count, std::size_t bytes) noexcept {
  note(count * bytes, __builtin_return_address(0));
  return __libc_calloc(count, bytes);
}

ATTNBENCH_EXPORT void* realloc(void* memory, std::size_t bytes) noexcept {
  note(bytes, __builtin_return_address(0));
  return __libc_realloc(memory, bytes);
}

ATTNBENCH_EXPORT void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  note(bytes, __builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}

ATTNBENCH_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  note(bytes, __builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}

ATTNBENCH_EXPORT int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
  note(bytes, __builtin_return_address(0));
  void* const block = __libc_memalign(alignment, bytes);
  if (block == nullptr) return ENOMEM;
  *memory = block;
  return 0;
}

ATTNBENCH_EXPORT void free(void* memory) noexcept { __libc_free(memory); }

ATTNBENCH_EXPORT void* mmap(void* address, std::size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  note(bytes, __builtin_return_address(0));
  return reinterpret_cast<void*>(::syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}

ATTNBENCH_EXPORT void* mmap64(void* address, std::size_t bytes, int protection, int flags, int file, off64_t offset) noexcept {
  note(bytes, __builtin_return_address(0));
  return reinterpret_cast<void*>(::syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}

ATTNBENCH_EXPORT void* mremap(void* address, std::size_t old_bytes, std::size_t bytes, int flags, ...) noexcept {
  void* target = nullptr;
  if (flags & MREMAP_FIXED) {
    va_list rest;
    va_start(rest, flags);
    target = va_arg(rest, void*);
    va_end(rest);
  }
  if (bytes > old_bytes) note(bytes - old_bytes, __builtin_return_address(0));
  return reinterpret_cast<void*>(::syscall(SYS_mremap, address, old_bytes, bytes, flags, target));
}

}  // extern "C"

#endif

namespace attnbench {

AllocationCounter::AllocationCounter() {
  code_ranges = 0;
  ::dl_iterate_phdr(find_code, nullptr);
  allocation_count = 0;
  allocated_bytes = 0;
  watching = true;
}
AllocationCounter::~AllocationCounter() { stop(); }
void AllocationCounter::stop() { watching = false; }
std::int64_t AllocationCounter::allocations() const { return allocation_count; }
std::int64_t AllocationCounter::bytes() const { return allocated_bytes; }

bool heap_is_counted() {
#ifdef ATTNBENCH_COUNTS_HEAP
  return true;
#else
  return false;
#endif
}

}  // namespace attnbench
