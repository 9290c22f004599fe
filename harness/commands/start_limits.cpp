// Refuses limits under which the process would hang or crash before main(): OpenBLAS tries for ever to get memory when its
// library is loaded under a low `ulimit -v`, and threads overflow a tiny stack. So this runs from .preinit_array, before the
// constructors of any library, and uses nothing that they would have to set up.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

namespace attnbench {
namespace {

constexpr rlim_t kMiB = 1024 * 1024;
constexpr rlim_t kSpace = 384 * kMiB;        // what the libraries and a small case take; 293 MiB hung with two cores, 488 did not
constexpr rlim_t kSpacePerCore = 40 * kMiB;  // OpenBLAS: a buffer of 32 MiB and a stack of 8 for each
constexpr rlim_t kStack = kMiB / 2;          // 64 KiB overflowed, 96 did not

class Line {
 public:
  Line& operator<<(std::string_view text) {
    size_ += text.copy(text_ + size_, sizeof text_ - size_);
    return *this;
  }
  Line& operator<<(rlim_t number) {
    size_ = static_cast<std::size_t>(std::to_chars(text_ + size_, text_ + sizeof text_, number).ptr - text_);
    return *this;
  }
  [[noreturn]] void end() {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text_, size_);
    ::_exit(2);
  }

 private:
  char text_[256];
  std::size_t size_ = 0;
};

void require(int resource, rlim_t least, std::string_view what, std::string_view option) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= least) return;
  Line line;
  line << "attnbench: the limit of " << what << " is " << limit.rlim_cur / 1024 << " KiB, and attnbench needs " << least / 1024
       << "; raise it, such as with `ulimit " << option << " " << least / 1024 << "`\n";
  line.end();
}

void require_limits() {
  const auto cores = static_cast<rlim_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  require(RLIMIT_AS, kSpace + cores * kSpacePerCore, "virtual memory", "-v");
  require(RLIMIT_STACK, kStack, "the stack", "-s");
}

#ifndef ATTNBENCH_SANITIZED  // a sanitizer's own getrlimit() is not ready so early
[[gnu::section(".preinit_array"), gnu::used]] void (*const kBeforeLibraries)() = require_limits;
#endif

}  // namespace
}  // namespace attnbench
