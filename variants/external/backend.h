// Backend: what a shared library <name>.so offers that links against an external library. It is built by the same build as
// the plugin, so the two share this header and no version numbers. Functions throw std::exception to say what went wrong.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "attnbench/plugin.h"

namespace attnbench::external {

/// One problem, prepared: the library's own objects.
class Backend {
 public:
  virtual ~Backend() = default;
  /// One call on the task's inputs. The output may stay in the library's memory.
  virtual void call(const attnbench_task& task) = 0;
  /// Brings the last call's output to the task's.
  virtual void store(const attnbench_task& task) = 0;
  /// Name and text: library, kernel, threads, and what else is worth knowing.
  virtual std::vector<std::pair<std::string, std::string>> facts(const attnbench_task& task) = 0;
};

/// What each backend exports under the name kBackendEntry. `mode` is the ExternalVariant's. The caller owns the result.
using NewBackend = Backend* (*)(const char* mode, const attnbench_task& task);
constexpr const char* kBackendEntry = "attnbench_new_backend";

}  // namespace attnbench::external

extern "C" ATTNBENCH_PLUGIN_EXPORT attnbench::external::Backend* attnbench_new_backend(const char* mode,
                                                                                       const attnbench_task& task);
