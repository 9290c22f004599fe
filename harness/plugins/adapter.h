// Adapter: one variant of a plugin as a Variant like any other. Its functions translate a call into the C ABI and back: a status
// becomes an exception of the worker's, which becomes the status of a record.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "attnbench/plugin.h"
#include "harness/plugins/float_environment.h"
#include "harness/plugins/host.h"
#include "variants/api/variant.h"

namespace attnbench::plugins {

/// A variant of a plugin. Lives as long as the process, as the descriptor's functions find it by a fixed slot number.
class Adapter {
 public:
  /// `given` is checked already (loader.h). Throws UserError when all slots are taken.
  Adapter(const attnbench_variant& given, const Host& host);
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;

  const Variant& variant() const { return variant_; }
  /// What calls left changed in the floating-point environment of their thread; it was restored each time. FloatChange bits.
  std::uint32_t float_changes() const { return float_changes_; }
  /// Why the declared cost cannot be used: a number that is not finite or negative; empty when it can.
  std::string cost_fault(const Problem& problem, const Params& params) const;

  void unsupported(const Problem& problem, const Params& params, Reasons& reasons) const;
  /// Throws UserError when the plugin declares an invalid input.
  std::vector<InputSpec> extras(const Problem& problem, const Params& params) const;
  /// Numbers that are not finite or negative are 0, as predictions and records need numbers; see cost_fault().
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
  attnbench_cost declared_cost(const Problem& problem, const Params& params) const;

  attnbench_variant given_;
  const Host& host_;
  std::vector<ParamSpec> params_;
  Variant variant_{};
  mutable std::atomic<std::uint32_t> float_changes_{0};
};

}  // namespace attnbench::plugins
