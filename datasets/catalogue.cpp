#include "datasets/catalogue.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "datasets/array_source.h"
#include "datasets/files.h"
#include "variants/api/error.h"
#include "variants/api/spelling.h"

namespace attnbench {
namespace {

#define ATTNBENCH_ADDRESS(name) &kinds::name,
constexpr const DatasetKind* kKinds[] = {ATTNBENCH_DATASETS(ATTNBENCH_ADDRESS)};
#undef ATTNBENCH_ADDRESS

std::string_view name_in(std::string_view spec) { return spec.substr(0, spec.find_first_of("(:")); }

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

// Cuts "(a=1,b=2)" off the end of an argument, when its first name is a parameter of the kind: other parentheses are the path's.
std::string take_trailing_params(std::string& argument, const DatasetKind& kind) {
  const auto open = argument.rfind('(');
  if (!argument.ends_with(')') || open == std::string::npos) return {};
  auto list = argument.substr(open + 1, argument.size() - open - 2);
  const auto first = list.substr(0, list.find('='));
  if (std::none_of(kind.params.begin(), kind.params.end(), [&](const ParamSpec& param) { return first == param.name; })) return {};
  argument.resize(open);
  return list;
}

// name, name(a=1,b=2), name:argument, name(a=1):argument or name:argument(a=1). The argument is a path and taken as it is.
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
  if (const auto list = take_trailing_params(spec.argument, kind); !list.empty()) set_params(spec.params, list, kind);
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

DatasetSpec parse_dataset_spec(std::string_view text) { return parse_spec(text, find_kind(name_in(text))); }

std::unique_ptr<Dataset> open_dataset(std::string_view text) {
  const auto& kind = find_kind(name_in(text));
  const auto spec = parse_spec(text, kind);
  if (const auto placeholder = placeholder_in(spec.params.non_default()); !placeholder.empty())
    throw UserError("dataset " + in_quotes(text) + " stands for several; write a value in place of {" + placeholder + "}");
  return kind.open(spec);
}

std::unique_ptr<Dataset> open_if_fixed_size(std::string_view text) {
  return find_kind(name_in(text)).placeholder_values ? open_dataset(text) : nullptr;
}

std::string placeholder_of(std::string_view text) {
  return find_kind(name_in(text)).placeholder_values ? placeholder_in(parse_dataset_spec(text).params.non_default()) : "";
}

std::vector<std::string> expand_placeholder(std::string_view text, std::span<const std::string> values) {
  const auto& kind = find_kind(name_in(text));
  const auto spec = parse_spec(text, kind);
  const auto placeholder = placeholder_in(spec.params.non_default());
  const auto found = values.empty() ? kind.placeholder_values(spec) : std::vector<std::string>(values.begin(), values.end());
  std::vector<std::string> specs;
  for (const auto& value : found) {
    auto one = spec;
    for (const auto& param : kind.params)
      if (const auto name = spec.params.choice(param.name); !placeholder_in(name).empty())
        one.params.set(param.name, filled_in(name, placeholder, value));
    specs.push_back(one.canonical());
  }
  return specs;
}

std::span<const DatasetInfo> dataset_catalogue() {
  static const auto infos = [] {
    std::vector<DatasetInfo> all;
    for (const auto* kind : kKinds) all.push_back(kind->info);
    return all;
  }();
  return infos;
}

std::int64_t query_position(const Problem& problem, std::int64_t row) {
  return problem.n_q > problem.n_k ? row : problem.position(row);
}

}  // namespace attnbench
