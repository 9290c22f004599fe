// Memory of tensors and workspaces. From 2 MiB on it lies in huge pages where the system gives them: with pages of 4 KiB the
// prefetchers stop at the end of each, and one core reads a large tensor at about 0.6 of the speed (18 against 30 GB/s on an AMD
// EPYC guest). Ceilings are measured in the same kind of memory (calibration/ceilings.cpp), so that a share of them says something
// of the code and nothing of the page tables.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <optional>

namespace attnbench {

constexpr std::size_t kAlignment = 64;                   // bytes: one cache line, one AVX-512 vector
constexpr std::size_t kHugePage = std::size_t{2} << 20;  // bytes, on x86-64 and on AArch64 with pages of 4 KiB

/// Zeroed pages of one's own, not touched yet, in huge ones where the system gives them (madvise(2), MADV_HUGEPAGE); starts on the
/// boundary of a huge page if it holds one.
class Pages {
 public:
  /// Throws std::bad_alloc.
  explicit Pages(std::size_t bytes);
  ~Pages();
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;

  std::byte* data() const { return data_; }
  std::size_t size() const { return bytes_; }
  /// Whoever writes to them from now on dies of it. Throws std::system_error.
  void make_read_only();

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// 64-byte aligned memory of unspecified contents: small blocks from the heap (where address sanitizers watch their ends), large
/// ones in Pages.
class Memory {
 public:
  Memory() = default;
  /// Throws std::bad_alloc.
  explicit Memory(std::size_t bytes);

  std::byte* data() const { return pages_ ? pages_->data() : block_.get(); }

 private:
  struct Release {
    void operator()(std::byte* block) const { ::operator delete (block, std::align_val_t{kAlignment}); }
  };
  std::unique_ptr<std::byte, Release> block_;
  std::optional<Pages> pages_;
};

}  // namespace attnbench
