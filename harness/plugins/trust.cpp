#include "harness/plugins/trust.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "harness/plugins/catalogue.h"
#include "harness/plugins/plain_text.h"
#include "harness/support/paths.h"
#include "harness/support/text.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

bool is_name(const std::string& plugin) { return plugin.find('/') == std::string::npos && !plugin.ends_with(".so"); }

// Absolute, links resolved, as Plugin::file is.
std::string resolved(const std::string& file) {
  std::error_code error;
  const auto path = fs::weakly_canonical(file, error);
  return error ? file : path.string();
}

bool is_loaded(const std::string& file) {
  const auto plugins = loaded_plugins();
  return std::any_of(plugins.begin(), plugins.end(), [&](const auto& plugin) { return plugin->file == file; });
}

// attnbench_NAME.so, and the very file that the name stands for.
bool is_shipped(const std::string& file) {
  constexpr std::string_view kBegin = "attnbench_", kEnd = ".so";
  const auto name = fs::path(file).filename().string();
  if (!name.starts_with(kBegin) || !name.ends_with(kEnd) || name.size() <= kBegin.size() + kEnd.size()) return false;
  try {
    return resolved(shipped_plugin(name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size()))) == file;
  } catch (const UserError&) {
    return false;
  }
}

}  // namespace

void load_named_plugin(const std::string& plugin, const std::string& origin, bool trusted) {
  if (is_name(plugin)) return static_cast<void>(load_plugin(shipped_plugin(plugin)));
  const auto file = resolved(plugin);
  if (is_loaded(file)) return;
  if (is_shipped(file)) return static_cast<void>(load_plugin(file));  // needs no trial in a child process
  if (!trusted)
    throw UserError(fmt::format("{} would load the plugin {}; add --plugin {} or --trust-plugins if you want its code to run",
                                plugins::plain_text(origin), plugins::plain_text(file), plugins::plain_text(shell_quoted(file))));
  load_plugins({&file, 1}, self_path());
}

std::string plugin_options_of_this_run() {
  std::string options;
  for (const auto& plugin : loaded_plugins())
    if (!is_shipped(plugin->file)) options += " --plugin " + shell_quoted(plugin->file);
  return options;
}

}  // namespace attnbench
