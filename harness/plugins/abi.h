// Abi: the suite's value types as the C structs of attnbench/plugin.h. Each class owns what its struct points to, so it is neither
// copied nor moved.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "attnbench/plugin.h"
#include "variants/api/variant.h"

namespace attnbench::plugins {

template <class T>
attnbench_head head_of() {
  return ATTNBENCH_HEAD(T);
}

class AbiProblem {
 public:
  explicit AbiProblem(const Problem& problem);
  AbiProblem(const AbiProblem&) = delete;
  AbiProblem& operator=(const AbiProblem&) = delete;
  const attnbench_problem* get() const { return &problem_; }

 private:
  std::string text_;
  std::vector<std::int64_t> key_lengths_;
  attnbench_problem problem_{};
};

class AbiParams {
 public:
  explicit AbiParams(const Params& params);
  AbiParams(const AbiParams&) = delete;
  AbiParams& operator=(const AbiParams&) = delete;
  const attnbench_params* get() const { return &params_; }

 private:
  std::vector<ParamValue> owned_;
  std::vector<attnbench_param_value> values_;
  std::vector<const attnbench_param_value*> pointers_;
  attnbench_params params_{};
};

attnbench_tensor abi_tensor(const TensorRef& tensor);

/// What a plugin wrote, as this host knows it: fields the plugin's version did not have are 0, those of a later one are left out.
template <class T>
T read_struct(const T& given) {
  T known{};
  std::memcpy(&known, &given, given.head.size < sizeof known ? given.head.size : sizeof known);
  return known;
}

/// The descriptor's words for what the ABI numbers.
Computes computes_of(std::uint32_t number);
ParamSpec param_spec(const attnbench_param_spec& given);
InputSpec input_spec(const attnbench_input_spec& given);

}  // namespace attnbench::plugins
