#include "harness/support/paths.h"

#include <cstdlib>
#include <filesystem>

#include "harness/support/build_info.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

// The folder above the one that holds this binary: a prefix, or the source tree of a build folder.
fs::path above_binary() { return fs::path(self_path()).parent_path().parent_path(); }

std::string shipped_dir(const char* variable, const char* installed, const char* in_sources) {
  if (const char* chosen = std::getenv(variable); chosen && *chosen) return chosen;
  std::error_code ignored;
  const auto beside = above_binary() / "share" / "attnbench" / installed;
  if (fs::is_directory(beside, ignored)) return beside.string();
  return (fs::path(source_tree()) / in_sources).string();
}

}  // namespace

std::string self_path() { return fs::read_symlink("/proc/self/exe").string(); }

std::string source_tree() {
  std::error_code ignored;
  const auto here = above_binary();
  return fs::is_directory(here / "reports" / "attnbench", ignored) ? here.string() : build_info().source_dir;
}

std::string plans_dir() { return shipped_dir("ATTNBENCH_PLANS", "plans", "harness/plans"); }

std::string templates_dir() { return shipped_dir("ATTNBENCH_TEMPLATES", "templates", "harness/templates"); }

std::string reports_dir() { return shipped_dir("ATTNBENCH_REPORTS", "reports", "reports"); }

std::string shipped_plugin(const std::string& name) {
  if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
    throw UserError("invalid plugin name '" + name +
                    "': expected that of a shipped plugin, such as external, or a file, such as ./libmine.so");
  const auto here = fs::path(self_path()).parent_path();
  const auto file = fs::path(name) / ("attnbench_" + name + ".so");
  for (const auto& folder : {here, here.parent_path(), here.parent_path() / "lib" / "attnbench"}) {
    std::error_code ignored;
    if (fs::exists(folder / file, ignored)) return (folder / file).string();
  }
  throw UserError("no plugin '" + name + "' is shipped with this attnbench: " + (here / file).string() +
                  " is not there; give the path of a file, such as ./libmine.so");
}

std::string python_interpreter() {
  if (const char* chosen = std::getenv("ATTNBENCH_PYTHON"); chosen && *chosen) return chosen;
  std::error_code ignored;
  const auto local = fs::path(source_tree()) / ".venv" / "bin" / "python";
  return fs::exists(local, ignored) ? local.string() : "python3";
}

}  // namespace attnbench
