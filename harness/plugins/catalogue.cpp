#include "harness/plugins/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "harness/plugins/crash_guard.h"
#include "harness/plugins/plain_text.h"
#include "harness/support/json.h"
#include "harness/support/process.h"
#include "variants/api/error.h"
#include "variants/api/registry.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

struct Catalogue {
  std::vector<std::unique_ptr<const Plugin>> plugins;
  std::vector<const Variant*> variants{builtin_variants().begin(), builtin_variants().end()};
};

Catalogue& catalogue() {
  static Catalogue instance;
  return instance;
}

std::string canonical(const std::string& file) {
  std::error_code error;
  const auto path = fs::canonical(file, error);
  return error ? file : path.string();
}

const Plugin* find_loaded(const std::string& file) {
  for (const auto& plugin : catalogue().plugins)
    if (plugin->file == file) return plugin.get();
  return nullptr;
}

std::string origin(const Variant& variant) {
  if (const auto* plugin = plugin_of(variant)) return plugin->file;
  return find_variant(variant.name) ? "attnbench itself" : "the same file";
}

// A second variant of a name would make it a matter of luck which one a record is about.
void require_new_names(const Plugin& plugin) {
  auto known = catalogue().variants;
  for (const auto& adapter : plugin.adapters) {
    const auto& variant = adapter->variant();
    for (const auto* other : known)
      if (std::strcmp(other->name, variant.name) == 0)
        throw UserError(fmt::format("plugin {}: a variant '{}' is there already, from {}; rename one", plugin.file, variant.name,
                                    origin(*other)));
    known.push_back(&variant);
  }
}

// Loads the file in a child. Throws UserError with the child's own line, or with how it ended.
void probe(const std::string& file, const std::string& self) {
  const double seconds = plugins::plugin_timeout_seconds();
  const auto outcome = run_process({.command = {self, "plugin", "probe", file}, .input = "", .timeout_seconds = seconds});
  using End = ProcessOutcome::End;
  if (outcome.end == End::exited && outcome.answer == "ok\n") return;
  if (outcome.end == End::exited && !outcome.answer.empty()) throw UserError(outcome.answer.substr(0, outcome.answer.find('\n')));
  const auto how = outcome.end == End::signaled    ? fmt::format("ended by signal {} ({})", outcome.code, ::strsignal(outcome.code))
                   : outcome.end == End::timed_out ? fmt::format("still not done after {:g} s", seconds)
                   : outcome.end == End::exited    ? fmt::format("ended with exit status {}", outcome.code)
                                                   : fmt::format("not started ({})", std::strerror(outcome.code));
  const auto words =
      outcome.stderr_tail.empty() ? "" : "; the end of its standard error: " + plugins::plain_text(outcome.stderr_tail);
  throw UserError(fmt::format("plugin {}: a process that loaded it was {}{}", file, how, words));
}

std::vector<std::string> libraries_on_path() {
  const char* path = std::getenv("ATTNBENCH_PLUGIN_PATH");
  std::vector<std::string> files;
  std::string_view folders = path ? path : "";
  while (!folders.empty()) {
    const auto colon = std::min(folders.find(':'), folders.size());
    const std::string folder(folders.substr(0, colon));
    folders.remove_prefix(std::min(colon + 1, folders.size()));
    if (folder.empty()) continue;
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    if (error) throw UserError("ATTNBENCH_PLUGIN_PATH: cannot read the folder '" + folder + "'; separate folders by ':'");
    std::vector<std::string> here;
    for (const auto& entry : entries)
      if (entry.path().extension() == ".so") here.push_back(entry.path().string());
    std::sort(here.begin(), here.end());
    files.insert(files.end(), here.begin(), here.end());
  }
  return files;
}

}  // namespace

std::span<const Variant* const> known_variants() { return catalogue().variants; }

const Variant* find_known_variant(std::string_view name) {
  for (const auto* variant : known_variants())
    if (name == variant->name) return variant;
  return nullptr;
}

const Plugin* plugin_of(const Variant& variant) {
  for (const auto& plugin : catalogue().plugins)
    for (const auto& adapter : plugin->adapters)
      if (&adapter->variant() == &variant) return plugin.get();
  return nullptr;
}

const plugins::Adapter* adapter_of(const Variant& variant) {
  for (const auto& plugin : catalogue().plugins)
    for (const auto& adapter : plugin->adapters)
      if (&adapter->variant() == &variant) return adapter.get();
  return nullptr;
}

Json plugin_json(const Variant& variant) {
  const auto* plugin = plugin_of(variant);
  if (plugin == nullptr) return nullptr;
  return {{"file", plugin->file}, {"hash", plugin->hash}, {"name", plugin->name}, {"version", plugin->version}};
}

std::span<const std::unique_ptr<const Plugin>> loaded_plugins() { return catalogue().plugins; }

const Plugin& load_plugin(const std::string& file) {
  if (const auto* loaded = find_loaded(canonical(file))) return *loaded;
  auto plugin = open_plugin(file);
  require_new_names(*plugin);
  for (const auto& adapter : plugin->adapters) catalogue().variants.push_back(&adapter->variant());
  catalogue().plugins.push_back(std::move(plugin));
  return *catalogue().plugins.back();
}

std::vector<std::string> load_plugins(std::span<const std::string> files, const std::string& self) {
  plugins::CrashGuard::enable();
  std::vector<std::string> left_out;
  for (const auto& file : libraries_on_path()) {
    if (find_loaded(canonical(file))) continue;
    try {
      probe(file, self);
    } catch (const UserError& error) {
      left_out.push_back(std::string(error.what()) + "; left out");
      continue;
    }
    load_plugin(file);
  }
  for (const auto& file : files) {
    if (find_loaded(canonical(file))) continue;
    probe(file, self);
    load_plugin(file);
  }
  return left_out;
}

int probe_plugin(const std::string& file) {
  apply_process_limits(0);
  try {
    open_plugin(file);
    return answer("ok") ? 0 : 1;
  } catch (const UserError& error) {
    return answer(error.what()) ? 0 : 1;
  }
}

}  // namespace attnbench
