// Adapter: one variant of a plugin as a Variant like any other. Its functions translate a call into the C ABI and back: a status
// becomes an exception of the worker's, which becomes the status of a record.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "attnbench/plugin.h"
#include "variants/api/variant.h"

namespace attnbench::plugins {

/// What one plugin sees of us, alive as long as the process: its log carries the plugin's file name, its memory is counted.
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

/// A variant of a plugin. Lives as long as the process, as the descriptor's functions find it by a fixed slot number.
class Adapter {
 public:
  /// `given` is checked already (loader.h). Throws UserError when all slots are taken.
  Adapter(const attnbench_variant& given, const Host& host);
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;

  const Variant& variant() const { return variant_; }

  void unsupported(const Problem& problem, const Params& params, Reasons& reasons) const;
  Cost cost(const Problem& problem, const Params& params) const;
  std::size_t workspace(const Problem& problem, const Params& params, int threads) const;
  Prepared prepare(const PrepareTask& task) const;
  void run(const RunTask& task) const;
  double time_calls(const RunTask& task, std::int64_t count) const;
  Facts implementation(const RunTask& task) const;
  void oracle(const OracleTask& task) const;
  bool attends(const MaskTask& task, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) const;

 private:
  void require_ok(std::int32_t status, const char* function, const std::string& reason) const;

  attnbench_variant given_;
  const Host& host_;
  std::vector<ParamSpec> params_;
  Variant variant_{};
};

}  // namespace attnbench::plugins
