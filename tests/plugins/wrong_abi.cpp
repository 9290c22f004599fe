// A plugin of an ABI to come.
#include "attnbench/plugin.h"

const attnbench_plugin_table* attnbench_plugin(const attnbench_host*) {
  static const attnbench_plugin_table table = {{ATTNBENCH_ABI_MAJOR + 1, 0, sizeof table}, "future", "9.0", 0, nullptr};
  return &table;
}
