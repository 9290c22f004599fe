// ExternalVariant: one way to call one library that people use for attention today, as plain data. catalogue.cpp lists them all;
// plugin.cpp turns each into a variant. Listing one needs nothing of its library: what is missing on this machine is found out and
// said.
//
// It runs in one of two ways. `in_process`: a library with a C or C++ interface, behind a small shared library of ours
// (backend.h) that scripts/external.sh builds where the library's headers are. `adapter`: a Python process of its own that holds
// the library, shares the tensors' memory with us and times its calls itself (adapter/adapter_process.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "attnbench/plugin.h"

namespace attnbench::external {

enum class Engine { in_process, adapter };

/// Score matrices, n_q n_k floats of every head, that are in memory at once, as measured (docs/external-baselines.md,
/// "Predictions").
struct ScoreMatrices {
  double plain = 0, causal = 0;
};

/// What the output means: plain softmax attention, or the same between learned projections (torch_mha).
enum class Mathematics { attention, multi_head };

using Reasons = std::vector<std::string>;

struct ExternalVariant {
  const char* name;       // of the variant
  const char* framework;  // its name as its makers write it
  const char* call;       // what of the library is called, "scaled_dot_product_attention, flash backend forced"
  Engine engine;
  const char* home;                       // in_process: the backend's name; adapter: the module of attnbench_adapter/frameworks
  const char* mode;                       // which of its ways to compute
  std::span<const char* const> packages;  // Python distributions that must be there
  bool writes_our_output;  // so that the host can time it; else it times itself and brings the output over afterwards
  ScoreMatrices scores;
  double stretched_copies = 0;  // of K and V repeated for every query head, where heads are grouped
  double resident_mib;          // resident once its library is there, by itself
  double start_seconds;         // to load it, in a process that does nothing else
  bool fused = true;            // a fused kernel or BLAS; else it goes through the score matrix several times
  Mathematics mathematics;
  std::uint32_t supports;                                                             // ATTNBENCH_FEATURE_...
  void (*unsupported)(const attnbench_problem& problem, Reasons& reasons) = nullptr;  // beyond `supports`
};

/// All external baselines, in the order they are listed.
std::span<const ExternalVariant> catalogue();

}  // namespace attnbench::external
