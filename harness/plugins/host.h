// Host: what one plugin sees of us outside a call. Its log carries the plugin's file name, the memory it takes is counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "attnbench/plugin.h"

namespace attnbench::plugins {

class Host {
 public:
  explicit Host(std::string plugin_name);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  const attnbench_host* table() const { return &table_; }
  const std::string& plugin_name() const { return plugin_name_; }
  /// Why the entry point returned null; empty when it did not say.
  const std::string& failure() const { return failure_; }
  /// Bytes the plugin holds of what it allocated.
  std::int64_t allocated_bytes() const { return allocated_; }

 private:
  static void log(const attnbench_host* host, std::int32_t level, const char* line);
  static void fail(const attnbench_host* host, const char* reason);
  static void* allocate(const attnbench_host* host, std::uint64_t bytes);
  static void release(const attnbench_host* host, void* memory);

  std::string plugin_name_, failure_;
  std::atomic<std::int64_t> allocated_{0};
  attnbench_host table_{};
};

/// A host that lives as long as the process, as a plugin may keep its table even when we refuse it.
Host& make_host(const std::string& plugin_name);

}  // namespace attnbench::plugins
