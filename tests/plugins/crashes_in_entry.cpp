// A plugin whose entry point takes the process along, by a signal that sanitizers let pass.
#include <csignal>

#include "attnbench/plugin.h"

const attnbench_plugin_table* attnbench_plugin(const attnbench_host*) {
  std::raise(SIGKILL);
  return nullptr;
}
