// VariantCall: one variant made ready for one problem, with what prepare() left and a workspace as large as declared; then called
// as often as wanted. The variant, its parameters, the problem and the threads must outlive it.
#pragma once

#include <chrono>
#include <cstdint>

#include "variants/api/variant.h"

namespace attnbench {

class VariantCall {
 public:
  VariantCall(const Variant& variant, const Params& params, const Problem& problem, std::uint64_t seed, const Parallel& parallel)
      : variant_(variant),
        params_(params),
        problem_(problem),
        parallel_(parallel),
        prepared_(timed_prepare(seed)),
        workspace_(declared_workspace(variant, problem, params, parallel.threads())) {}

  /// The task of the next call, on an empty workspace.
  RunTask task(const Inputs& inputs, const TensorRef& output) {
    workspace_.reset();
    return {problem_, params_, inputs, output, prepared_, workspace_, parallel_};
  }
  void run(const Inputs& inputs, const TensorRef& output) { variant_.run(task(inputs, output)); }

  const Prepared& prepared() const { return prepared_; }
  double prepare_seconds() const { return prepare_seconds_; }
  Workspace& workspace() { return workspace_; }

 private:
  Prepared timed_prepare(std::uint64_t seed) {
    const auto start = std::chrono::steady_clock::now();
    auto prepared = prepare(variant_, problem_, params_, seed, parallel_.threads());
    prepare_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return prepared;
  }

  const Variant& variant_;
  const Params& params_;
  const Problem& problem_;
  const Parallel& parallel_;
  double prepare_seconds_ = 0;
  Prepared prepared_;
  Workspace workspace_;
};

}  // namespace attnbench
