// A plugin whose variant has words and a cost, but nothing to run.
#include "attnbench/plugin.h"

const attnbench_plugin_table* attnbench_plugin(const attnbench_host*) {
  static attnbench_variant variant{};
  variant.head = ATTNBENCH_HEAD(attnbench_variant);
  variant.name = "incomplete";
  variant.family = variant.summary = variant.paper = "test";
  variant.time_label = variant.memory_label = "O(1)";
  variant.cost = [](void*, const attnbench_problem*, const attnbench_params*, attnbench_cost*) {};
  static const attnbench_variant* const variants[] = {&variant};
  static const attnbench_plugin_table table = {ATTNBENCH_HEAD(attnbench_plugin_table), "incomplete", "1.0", 1, variants};
  return &table;
}
