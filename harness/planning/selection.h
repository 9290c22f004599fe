// Selection: which variants, with which parameters, in the order written.
//
//   naive,blockwise              names
//   block*,*_product             globs
//   family:sparse                every variant of a family (a glob too)
//   plugin:mine                  every variant of a loaded plugin (a glob too; plugin:* may match none)
//   sliding_window(window=256)   with parameters; behind a glob or family they go to the variants that have them
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/planning/variant_config.h"

namespace attnbench {

/// The variants that `entries` name, each entry a comma-separated list; duplicates are dropped. `variants` is what there is to
/// choose from. Throws UserError: an unknown name (with the nearest), a bad parameter, nothing selected.
std::vector<VariantConfig> parse_selection(std::span<const std::string> entries, std::span<const Variant* const> variants);

/// Sets a parameter from text that may carry a suffix ("4k"). Throws UserError naming the variant.
void set_param(VariantConfig& config, std::string_view name, std::string_view value);

bool has_param(const Variant& variant, std::string_view name);

/// The one variant of that name. Throws UserError with the nearest name.
const Variant& require_variant(std::string_view name, std::span<const Variant* const> variants);

}  // namespace attnbench
