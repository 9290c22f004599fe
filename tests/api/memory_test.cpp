// If these fail, large tensors lie in small pages, or somebody's memory is not his own.
#include "variants/api/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "tests/catch.h"
#include "variants/api/tensor.h"

using namespace attnbench;

namespace {

std::uintptr_t address_of(const std::byte* p) { return reinterpret_cast<std::uintptr_t>(p); }

// The line of /proc/self/smaps that begins with `field`, of the mapping that `p` lies in.
std::string mapping_field(const std::byte* p, const std::string& field) {
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::istringstream head(line);
    if (head >> std::hex >> begin >> dash >> end && dash == '-') inside = begin <= address_of(p) && address_of(p) < end;
    if (inside && line.starts_with(field)) return line;
  }
  return "";
}

bool asked_for_huge_pages(const std::byte* p) { return mapping_field(p, "VmFlags:").find(" hg") != std::string::npos; }

// Whether the list of mappings says which of them ask for huge pages; some kernels have none, and qemu-user makes its own list.
bool mappings_show_huge_pages() {
  constexpr std::size_t kSize = 2 * kHugePage;
  void* pages = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return false;
  madvise(pages, kSize, MADV_HUGEPAGE);
  const bool shown = asked_for_huge_pages(static_cast<const std::byte*>(pages));
  munmap(pages, kSize);
  return shown;
}

}  // namespace

TEST_CASE("pages are zeroed, start on the boundary of a huge page, and end with their owner") {
  for (const std::size_t bytes : {std::size_t{1}, kHugePage - 1, kHugePage, 3 * kHugePage + 1}) {
    CAPTURE(bytes);
    const Pages pages(bytes);
    CHECK(pages.size() == bytes);
    CHECK(address_of(pages.data()) % kHugePage == 0);
    CHECK(std::all_of(pages.data(), pages.data() + bytes, [](std::byte b) { return b == std::byte{0}; }));
  }
  const std::byte* gone = Pages(5 * kHugePage).data();
  CHECK(mapping_field(gone, "VmFlags:").empty());
}

TEST_CASE("pages change hands") {
  Pages first(kHugePage);
  first.data()[7] = std::byte{42};
  Pages second(std::move(first));
  CHECK(first.data() == nullptr);
  CHECK(second.data()[7] == std::byte{42});
  Pages third(1);
  third = std::move(second);
  CHECK(third.data()[7] == std::byte{42});
  CHECK(third.size() == kHugePage);
}

TEST_CASE("read-only pages can be read and not written") {
  Pages pages(kHugePage);
  pages.data()[0] = std::byte{1};
  CHECK(mapping_field(pages.data(), "VmFlags:").find(" wr") != std::string::npos);
  pages.make_read_only();
  CHECK(mapping_field(pages.data(), "VmFlags:").find(" wr") == std::string::npos);
  CHECK(pages.data()[0] == std::byte{1});
}

TEST_CASE("large memory asks for huge pages, small memory comes from the heap, and both start on a cache line") {
  const bool shown = mappings_show_huge_pages();
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, kHugePage - 1, kHugePage, 2 * kHugePage + 100}) {
    CAPTURE(bytes);
    const Memory memory(bytes);
    CHECK(address_of(memory.data()) % kAlignment == 0);
    if (shown) CHECK(asked_for_huge_pages(memory.data()) == (bytes >= kHugePage));
  }
  if (shown) CHECK(asked_for_huge_pages(reinterpret_cast<const std::byte*>(Tensor({1, 1, 1024, 1024}).data())));
}
