// Axes: what a sweep varies. An axis is written NAME=VALUES and stays text here; harness/planning/fields.h gives a value its
// meaning.
//
//   n=256:16384:x2          256, 512, ... 16384       (first:last:xFACTOR)
//   n=1k:16k:+1k            1024, 2048, ... 16384     (first:last:+STEP)
//   threads=1,2             a list; its entries may be ranges too
//   h=8,32:8                a pair, as in the problem string (32 query heads over 8 key/value heads)
//   (n,window)=(1k,64),(4k,128)     two names that change together
//
// The suffixes k and m are 1024 and 1024^2. Two numbers with one colon are never a range.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace attnbench {

struct Axis {
  std::vector<std::string> names;                // one, or several that change together
  std::vector<std::vector<std::string>> points;  // each holds one value per name; counts without suffix ("1k" is "1024")

  /// Whether the axis sets that name.
  bool sets(std::string_view name) const;
  /// "n" or "(n,window)".
  std::string name() const;
};

/// Throws UserError, in one line with an example, when the text is no axis.
Axis parse_axis(std::string_view text);

/// `base` with `overrides` put in the place of the axes that set the same names. Throws UserError when an override sets only
/// some of the names of a base axis, or two overrides the same name.
std::vector<Axis> override_axes(const std::vector<Axis>& base, const std::vector<Axis>& overrides);

/// The axis as text that parses back to it.
std::string to_string(const Axis& axis);

}  // namespace attnbench
