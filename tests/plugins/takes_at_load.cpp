// A plugin that takes 64 MiB when it is loaded, before any baseline is read.
#include <vector>

#include "tests/plugins/exact_attention.h"

namespace attnbench {
namespace {

std::vector<char> hoard;
__attribute__((constructor)) void at_load() { hoard.assign(64u << 20, 1); }

void run(const RunTask& task) { exact::attend(task); }

}  // namespace

ATTNBENCH_VARIANT(takes_at_load) = exact::variant("takes_at_load", run);

}  // namespace attnbench
