#include "variants/external/installation.h"

#include <dlfcn.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

namespace attnbench::external {
namespace {

namespace fs = std::filesystem;

const char* chosen_interpreter() {
  const char* chosen = std::getenv("ATTNBENCH_EXTERNAL_PYTHON");
  return chosen && *chosen ? chosen : nullptr;
}

// <environment>/lib/python3.11/site-packages, or empty.
fs::path site_packages() {
  const auto lib = fs::path(interpreter()).parent_path().parent_path() / "lib";
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(lib, ignored))
    if (fs::is_directory(entry.path() / "site-packages", ignored)) return entry.path() / "site-packages";
  return {};
}

// What to do about a missing library: the script lies beside a build folder, but not beside an installed plugin.
std::string remedy() {
  std::error_code ignored;
  const auto script = fs::path(home_dir()).parent_path().parent_path() / "scripts" / "external.sh";
  if (fs::exists(script, ignored)) return "; " + script.string() + " sets up what can be had";
  return "; set it up by scripts/external.sh in the sources of attnbench and install again, or set ATTNBENCH_EXTERNAL_PYTHON";
}

// Version of a distribution as its metadata folder says, "torch-2.13.0+cpu.dist-info"; empty when it is not installed.
std::string distribution_version(const std::string& name) {
  const std::string prefix = name + "-", suffix = ".dist-info";
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(site_packages(), ignored)) {
    const auto folder = entry.path().filename().string();
    if (folder.starts_with(prefix) && folder.ends_with(suffix) && std::isdigit(static_cast<unsigned char>(folder[prefix.size()])))
      return folder.substr(prefix.size(), folder.size() - prefix.size() - suffix.size());
  }
  return {};
}

}  // namespace

const std::string& home_dir() {
  static const std::string dir = [] {
    Dl_info info{};
    ::dladdr(reinterpret_cast<void*>(&home_dir), &info);
    return fs::absolute(info.dli_fname).parent_path().string();
  }();
  return dir;
}

std::string interpreter() {
  if (const char* chosen = chosen_interpreter()) return chosen;
  return home_dir() + "/venv/bin/python";
}

std::string backend_path(const ExternalVariant& external) { return home_dir() + "/backends/" + external.home + ".so"; }

std::string installed_version(const ExternalVariant& external) {
  if (external.packages.empty()) return {};
  return distribution_version(external.packages.front());
}

std::optional<std::string> why_unavailable(const ExternalVariant& external) {
  std::error_code ignored;
  if (external.engine == Engine::in_process && !fs::exists(backend_path(external), ignored))
    return std::string(external.framework) + " is not set up: no " + backend_path(external) + remedy();
  if (external.packages.empty()) return std::nullopt;
  if (!fs::exists(interpreter(), ignored))
    return std::string(external.framework) + " is not set up: no " + interpreter() + remedy();
  for (const char* package : external.packages)
    if (distribution_version(package).empty())
      return std::string(external.framework) + " is not set up: no '" + package + "' in the environment of " + interpreter() +
             remedy();
  return std::nullopt;
}

}  // namespace attnbench::external
