// A plugin whose entry point throws.
#include <stdexcept>

#include "attnbench/plugin.h"

const attnbench_plugin_table* attnbench_plugin(const attnbench_host*) { throw std::runtime_error("no luck today"); }
