// Session: one external baseline prepared for one problem, whichever way it runs. What prepare() leaves and the other functions
// use.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "variants/external/external_variant.h"
#include "variants/external/multi_head.h"

namespace attnbench::external {

using Facts = std::vector<std::pair<std::string, std::string>>;

class Session {
 public:
  virtual ~Session() = default;
  virtual void run(const attnbench_task& task) = 0;
  /// Wall time of `count` calls, in seconds, measured where they are made.
  virtual double time_calls(const attnbench_task& task, std::int64_t count) = 0;
  virtual Facts facts(const attnbench_task& task) = 0;
  /// What preparing took: the library in memory, or the tensors' shared copies.
  virtual std::uint64_t bytes() const = 0;

  ProjectionWeights weights;  // of multi_head mathematics; else empty
};

/// Loads the library's backend into this process. Throws ExternalError and what the library throws.
std::unique_ptr<Session> open_in_process(const ExternalVariant& external, const attnbench_task& task);
/// Starts the library's adapter. Throws ExternalError.
std::unique_ptr<Session> open_adapter(const ExternalVariant& external, const attnbench_task& task);

}  // namespace attnbench::external
