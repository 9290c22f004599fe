// The syntax of axes: "n=256:16384:x2".
#include "harness/planning/axes.h"
#include "tests/fuzz/fuzz.h"

using namespace attnbench;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto axis = fuzz::accepted([&] { return parse_axis(fuzz::as_text(data, size)); });
  if (!axis) return 0;
  fuzz::require(!axis->names.empty() && !axis->points.empty(), "an axis has names and points");
  for (const auto& point : axis->points) fuzz::require(point.size() == axis->names.size(), "a point has one value per name");
  const auto printed = to_string(*axis);
  const auto again = fuzz::accepted([&] { return parse_axis(printed); });
  fuzz::require(again.has_value(), "a printed axis is read again");
  fuzz::require(again->names == axis->names && again->points == axis->points, "a printed axis is the same axis");
  fuzz::require(override_axes({*axis}, {*axis}).size() == 1, "an axis overrides itself");
  return 0;
}
