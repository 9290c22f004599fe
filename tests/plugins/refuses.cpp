// A plugin that says why it cannot be had.
#include "attnbench/plugin.h"

const attnbench_plugin_table* attnbench_plugin(const attnbench_host* host) {
  host->fail(host, "libneeded.so.3 is not installed");
  return nullptr;
}
