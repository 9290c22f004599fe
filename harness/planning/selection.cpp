#include "harness/planning/selection.h"

#include <algorithm>
#include <utility>

#include "harness/plugins/catalogue.h"
#include "harness/support/text.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

using Variants = std::span<const Variant* const>;

// "name(a=1,b=2)" taken apart.
struct Entry {
  std::string pattern;
  std::vector<std::pair<std::string, std::string>> params;
};

[[noreturn]] void reject(const std::string& entry, const std::string& what) {
  throw UserError("variants: '" + entry + "' " + what + "; for example sliding_window(window=256)");
}

Entry parse_entry(const std::string& text) {
  const auto open = text.find('(');
  Entry entry{.pattern = std::string(trim(std::string_view(text).substr(0, open))), .params = {}};
  if (entry.pattern.empty()) reject(text, "names no variant");
  if (open == std::string::npos) return entry;
  if (text.back() != ')') reject(text, "has no closing parenthesis at its end");
  for (const auto& setting : split_list(std::string_view(text).substr(open + 1, text.size() - open - 2))) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) reject(text, "has '" + setting + "' where NAME=VALUE is expected");
    entry.params.emplace_back(trim(std::string_view(setting).substr(0, equals)),
                              trim(std::string_view(setting).substr(equals + 1)));
  }
  return entry;
}

std::vector<std::string> names_of(Variants variants) {
  std::vector<std::string> names;
  for (const auto* variant : variants) names.emplace_back(variant->name);
  return names;
}

std::vector<std::string> families_of(Variants variants) {
  std::vector<std::string> families;
  for (const auto* variant : variants)
    if (std::find(families.begin(), families.end(), variant->family) == families.end()) families.emplace_back(variant->family);
  return families;
}

// The variants of loaded plugins by the plugin's name. Plans say plugin:* for all that there are, which may be none.
std::vector<const Variant*> of_plugins(std::string_view pattern, Variants variants) {
  std::vector<const Variant*> matches;
  for (const auto* variant : variants) {
    const auto* plugin = plugin_of(*variant);
    if (plugin && glob_match(pattern, plugin->name)) matches.push_back(variant);
  }
  if (matches.empty() && pattern != "*")
    throw UserError("no plugin '" + std::string(pattern) + "' is loaded; load it with --plugin FILE");
  return matches;
}

std::vector<const Variant*> matching(std::string_view pattern, Variants variants) {
  constexpr std::string_view kFamily = "family:", kPlugin = "plugin:";
  if (pattern.starts_with(kPlugin)) return of_plugins(pattern.substr(kPlugin.size()), variants);
  const bool by_family = pattern.starts_with(kFamily);
  if (by_family) pattern.remove_prefix(kFamily.size());
  std::vector<const Variant*> matches;
  for (const auto* variant : variants)
    if (glob_match(pattern, by_family ? variant->family : variant->name)) matches.push_back(variant);
  if (!matches.empty()) return matches;
  if (by_family) throw UserError("unknown family '" + std::string(pattern) + "'" + suggestion(pattern, families_of(variants)));
  if (pattern.find_first_of("*?") != std::string_view::npos)
    throw UserError("no variant matches '" + std::string(pattern) + "'; known: " + join(names_of(variants), ", "));
  require_variant(pattern, variants);
  return matches;
}

std::vector<VariantConfig> expand(const Entry& entry, Variants variants) {
  const auto matches = matching(entry.pattern, variants);
  std::vector<VariantConfig> selection;
  for (const auto* variant : matches) selection.push_back({variant, Params(variant->params)});
  for (const auto& [name, value] : entry.params) {
    const bool anyone =
        std::any_of(matches.begin(), matches.end(), [&, &name = name](const auto* variant) { return has_param(*variant, name); });
    for (auto& config : selection)
      if (!anyone || has_param(*config.variant, name)) set_param(config, name, value);
  }
  return selection;
}

}  // namespace

bool has_param(const Variant& variant, std::string_view name) {
  return std::any_of(variant.params.begin(), variant.params.end(), [&](const ParamSpec& spec) { return name == spec.name; });
}

void set_param(VariantConfig& config, std::string_view name, std::string_view value) {
  const auto count = parse_count(value);
  try {
    config.params.set(name, count ? std::to_string(*count) : std::string(value));
  } catch (const UserError& error) {
    throw UserError("variant " + std::string(config.variant->name) + ": " + error.what());
  }
}

const Variant& require_variant(std::string_view name, Variants variants) {
  for (const auto* variant : variants)
    if (name == variant->name) return *variant;
  throw UserError("unknown variant '" + std::string(name) + "'" + suggestion(name, names_of(variants)));
}

std::vector<VariantConfig> parse_selection(std::span<const std::string> entries, Variants variants) {
  std::vector<VariantConfig> selection;
  for (const auto& list : entries)
    for (const auto& text : split_list(list)) {
      if (text.empty()) continue;
      for (auto& config : expand(parse_entry(text), variants)) {
        const auto known = [&](const VariantConfig& other) { return other.label() == config.label(); };
        if (std::none_of(selection.begin(), selection.end(), known)) selection.push_back(std::move(config));
      }
    }
  if (selection.empty())
    throw UserError("no variant selected; give names, globs or family:NAME, for example --variants naive,blockwise");
  return selection;
}

}  // namespace attnbench
