#include "datasets/catalogue.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "datasets/files.h"
#include "variants/api/error.h"
#include "variants/api/spelling.h"

namespace attnbench {
namespace {

#define ATTNBENCH_ADDRESS(name) &kinds::name,
constexpr const DatasetKind* kKinds[] = {ATTNBENCH_DATASETS(ATTNBENCH_ADDRESS)};
#undef ATTNBENCH_ADDRESS

const DatasetKind& find_kind(std::string_view name) {
  std::vector<std::string> known;
  for (const auto* kind : kKinds) {
    if (name == kind->info.name) return *kind;
    known.emplace_back(kind->info.name);
  }
  throw UserError("unknown dataset " + in_quotes(name) + suggestion(name, known));
}

void set_params(Params& params, std::string_view list, const DatasetKind& kind) {
  if (kind.params.empty())
    throw UserError("dataset '" + std::string(kind.info.name) + "' takes no parameters; write " + kind.info.syntax);
  while (!list.empty()) {
    const auto item = list.substr(0, list.find(','));
    const auto equals = item.find('=');
    if (equals == std::string_view::npos)
      throw UserError("dataset parameter " + in_quotes(item) + " has no value; write " + kind.info.syntax);
    params.set(item.substr(0, equals), item.substr(equals + 1));
    list.remove_prefix(std::min(item.size() + 1, list.size()));
  }
}

// name, name(a=1,b=2), name:argument or name(a=1):argument. The argument is a path and taken as it is.
DatasetSpec parse_spec(std::string_view text, const DatasetKind& kind) {
  DatasetSpec spec{std::string(kind.info.name), Params(kind.params), ""};
  auto rest = text.substr(spec.name.size());
  if (rest.starts_with('(')) {
    const auto close = rest.find(')');
    if (close == std::string_view::npos) throw UserError("dataset " + in_quotes(text) + " lacks a ')'; write " + kind.info.syntax);
    set_params(spec.params, rest.substr(1, close - 1), kind);
    rest.remove_prefix(close + 1);
  }
  if (!rest.empty() && rest.front() != ':')
    throw UserError("dataset " + in_quotes(text) + " goes on after its ')' with " + in_quotes(rest) + "; write " +
                    kind.info.syntax);
  if (!rest.empty()) spec.argument = rest.substr(1);
  if (kind.argument == Argument::none && !rest.empty())
    throw UserError("dataset '" + spec.name + "' takes no path, but got " + in_quotes(rest) + "; write " + kind.info.syntax);
  if (spec.argument.empty() && (kind.argument == Argument::required || !rest.empty()))
    throw UserError("dataset '" + spec.name + "' lacks a path; write " + std::string(kind.info.syntax));
  return spec;
}

}  // namespace

std::string DatasetSpec::canonical() const {
  const auto given = params.non_default();
  return name + (given.empty() ? "" : "(" + given + ")") + (argument.empty() ? "" : ":" + argument);
}

std::unique_ptr<Dataset> open_dataset(std::string_view spec) {
  const auto& kind = find_kind(spec.substr(0, spec.find_first_of("(:")));
  return kind.open(parse_spec(spec, kind));
}

std::span<const DatasetInfo> dataset_catalogue() {
  static const auto infos = [] {
    std::vector<DatasetInfo> all;
    for (const auto* kind : kKinds) all.push_back(kind->info);
    return all;
  }();
  return infos;
}

InputTensors empty_inputs(const Problem& p) {
  return {Tensor({p.batch, p.heads_q, p.n_q, p.d_qk}), Tensor({p.batch, p.heads_kv, p.n_k, p.d_qk}),
          Tensor({p.batch, p.heads_kv, p.n_k, p.d_v}), Tensor()};
}

std::int64_t query_position(const Problem& problem, std::int64_t row) {
  return problem.n_q > problem.n_k ? row : problem.position(row);
}

}  // namespace attnbench
