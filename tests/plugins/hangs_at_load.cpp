// A plugin whose constructor never ends.
#include <unistd.h>

#include "tests/plugins/one_variant.h"

__attribute__((constructor)) static void at_load() {
  while (true) ::pause();
}

const attnbench_plugin_table* attnbench_plugin(const attnbench_host*) { return one_variant("hangs_at_load", "never seen"); }
