// A complete table of one variant with the words given, that is never run.
#pragma once

#include "attnbench/plugin.h"

inline const attnbench_plugin_table* one_variant(const char* name, const char* summary) {
  static attnbench_variant variant{};
  variant.head = ATTNBENCH_HEAD(attnbench_variant);
  variant.name = name;
  variant.summary = summary;
  variant.family = variant.paper = "test";
  variant.time_label = variant.memory_label = "O(1)";
  variant.cost = [](void*, const attnbench_problem*, const attnbench_params*, attnbench_cost*) {};
  variant.run = [](void*, const attnbench_task*) -> int32_t { return ATTNBENCH_OK; };
  static const attnbench_variant* const variants[] = {&variant};
  static const attnbench_plugin_table table = {ATTNBENCH_HEAD(attnbench_plugin_table), "test", "1.0", 1, variants};
  return &table;
}

#ifdef __linux__
#include <cstring>
#include <fstream>
#include <string>

/// Whether this process is the one that only tries plugins, and not the one that the user started.
inline bool is_probe() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string line((std::istreambuf_iterator<char>(file)), {});
  return line.find(std::string("\0probe\0", 7)) != std::string::npos;
}
#endif
