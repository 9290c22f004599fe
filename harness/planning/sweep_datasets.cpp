#include "harness/planning/sweep_datasets.h"

#include <algorithm>
#include <set>

#include "datasets/part.h"
#include "harness/planning/fields.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

// One dataset of a sweep and the axes that go with it.
struct Choice {
  std::string dataset;
  std::vector<Axis> axes;
};

// The axis with one point only, and without `dataset`.
Axis at_dataset(const Axis& axis, const std::vector<std::string>& point) {
  Axis rest{.names = {}, .points = {{}}};
  for (std::size_t i = 0; i < axis.names.size(); ++i) {
    if (axis.names[i] == "dataset") continue;
    rest.names.push_back(axis.names[i]);
    rest.points[0].push_back(point[i]);
  }
  return rest;
}

std::vector<Choice> choices_of(const Sweep& sweep, const std::vector<Axis>& axes) {
  std::vector<Choice> choices;
  const auto chooses = std::find_if(axes.begin(), axes.end(), [](const Axis& axis) { return axis.sets("dataset"); });
  if (chooses == axes.end()) {
    for (const auto& dataset : sweep.datasets) choices.push_back({dataset, axes});
    return choices;
  }
  const auto column = std::find(chooses->names.begin(), chooses->names.end(), "dataset") - chooses->names.begin();
  for (const auto& point : chooses->points) {
    Choice choice{point[static_cast<std::size_t>(column)], axes};
    auto& axis = choice.axes[static_cast<std::size_t>(chooses - axes.begin())];
    axis = at_dataset(*chooses, point);
    std::erase_if(choice.axes, [](const Axis& other) { return other.names.empty(); });
    choices.push_back(std::move(choice));
  }
  return choices;
}

// Values of the placeholder that an axis gives; none when no axis does.
std::vector<std::string> values_on_axis(const std::string& placeholder, const std::vector<Axis>& axes) {
  for (const auto& axis : axes) {
    if (!axis.sets(placeholder)) continue;
    if (axis.names.size() > 1)
      throw UserError("axis " + axis.name() + ": {" + placeholder + "} needs an axis of its own, for example -a " + placeholder +
                      "=0,1");
    std::vector<std::string> values;
    for (const auto& point : axis.points) values.push_back(point[0]);
    return values;
  }
  return {};
}

std::vector<Choice> without_placeholders(const std::vector<Choice>& choices) {
  std::vector<Choice> expanded;
  std::set<std::string> placeholders;
  for (const auto& choice : choices) {
    const auto placeholder = placeholder_of(choice.dataset);
    if (placeholder.empty()) {
      expanded.push_back(choice);
      continue;
    }
    if (find_problem_field(placeholder) || placeholder == "threads" || placeholder == "dataset")
      throw UserError("dataset " + choice.dataset + ": {" + placeholder + "} is the name of another axis; write {layer}");
    for (auto& dataset : expand_placeholder(choice.dataset, values_on_axis(placeholder, choice.axes)))
      expanded.push_back({std::move(dataset), choice.axes});
    placeholders.insert(placeholder);
  }
  for (auto& choice : expanded)
    std::erase_if(choice.axes, [&](const Axis& axis) { return axis.names.size() == 1 && placeholders.contains(axis.names[0]); });
  return expanded;
}

bool sets_a_size(const Axis& axis) {
  return std::any_of(axis.names.begin(), axis.names.end(), [](const std::string& name) {
    const auto* field = find_problem_field(name);
    return field != nullptr && field->is_size;
  });
}

}  // namespace

std::vector<SweepOfDataset> split_by_dataset(const Sweep& sweep, const std::vector<Axis>& axes) {
  std::vector<SweepOfDataset> pieces;
  bool some_file = false;
  for (auto& [dataset, of_dataset] : without_placeholders(choices_of(sweep, axes))) {
    SweepOfDataset piece{sweep, std::move(of_dataset), open_if_fixed_size(dataset)};
    piece.sweep.datasets = {piece.file ? piece.file->spec() : dataset};
    some_file |= piece.file != nullptr;
    pieces.push_back(std::move(piece));
  }
  if (!some_file) return {{sweep, axes, nullptr}};
  return pieces;
}

void leave_sizes_to_file(SweepOfDataset& piece, const std::vector<Axis>& kept) {
  std::vector<std::string> problems;
  for (const auto& problem : piece.sweep.problems)
    if (auto rest = without_sizes(problem); std::find(problems.begin(), problems.end(), rest) == problems.end())
      problems.push_back(std::move(rest));
  piece.sweep.problems = std::move(problems);
  std::erase_if(piece.axes, [&](const Axis& axis) {
    const bool keep = std::any_of(axis.names.begin(), axis.names.end(), [&](const std::string& name) {
      return std::any_of(kept.begin(), kept.end(), [&](const Axis& other) { return other.sets(name); });
    });
    return !keep && sets_a_size(axis);
  });
}

}  // namespace attnbench
