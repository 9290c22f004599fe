// A plugin that loads in the process that tries it, and in no other.
#include <unistd.h>

#include <cstdlib>

#include "tests/plugins/one_variant.h"

__attribute__((constructor)) static void at_load() {
  if (is_probe()) return;
  std::abort();
}

const attnbench_plugin_table* attnbench_plugin(const attnbench_host*) { return one_variant("crashes_in_host", "never seen"); }
