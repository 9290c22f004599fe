// new-variant: a working, commented variant to start from, for the suite's own tree or as a plugin in a folder of its own.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>

#include "harness/commands/commands.h"
#include "harness/commands/plugin_options.h"
#include "harness/plugins/catalogue.h"
#include "harness/support/paths.h"
#include "variants/api/error.h"
#include "variants/api/spelling.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string name, directory, family = "exact";
  bool plugin = false;
};

void require_identifier(const std::string& name, const std::string& what) {
  if (!is_identifier(name))
    throw UserError("'" + name + "' cannot name a " + what + "; use lower-case letters, digits and _, starting with a letter");
}

void require_new_name(const std::string& name) {
  require_identifier(name, "variant");
  if (find_known_variant(name)) throw UserError("a variant '" + name + "' is there already; choose another name");
}

// The folder of a family in the sources that this is called in. A new family is a new folder, so any name will do but those of the
// other folders of variants/.
fs::path family_folder(const std::string& family) {
  if (!fs::exists("variants/api/variant.h"))
    throw UserError(
        "the current folder does not hold the sources of attnbench; change into them, give --dir, or write a plugin with --plugin");
  for (const char* other : {"api", "kernels", "plugin", "external"})
    if (family == other)
      throw UserError("variants/" + family + " is not a family of variants; use exact, sparse, kernelized or a new name");
  return fs::path("variants") / family;
}

// A template with NAME replaced.
std::string filled_in(const std::string& file, const std::string& name) {
  const auto path = templates_dir() + "/" + file;
  std::ifstream stream(path);
  if (!stream) throw UserError("cannot read the template " + path + "; install attnbench again or set ATTNBENCH_TEMPLATES");
  std::stringstream buffer;
  buffer << stream.rdbuf();
  auto text = buffer.str();
  for (std::size_t at; (at = text.find("NAME")) != std::string::npos;) text.replace(at, 4, name);
  return text;
}

void write_new(const fs::path& path, const std::string& text) {
  if (fs::exists(path)) throw UserError(path.string() + " exists already; choose another name or --dir");
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream stream(path);
  stream << text;
  if (!stream.flush()) throw UserError("cannot write " + path.string() + "; give a folder you may write to with --dir");
  std::cout << fmt::format("wrote {}\n", path.string());
}

void write_plugin(const Options& options) {
  const auto folder = fs::path(options.directory.empty() ? options.name : options.directory);
  write_new(folder / (options.name + ".cpp"), filled_in("variant.cpp", options.name));
  write_new(folder / "CMakeLists.txt", filled_in("CMakeLists.txt", options.name));
  std::cout << fmt::format(
      "\nBuild it and check it (-DCMAKE_PREFIX_PATH=DIR where attnbench is installed in DIR and not in /usr):\n");
  std::cout << fmt::format("  cmake -S {0} -B {0}/build && cmake --build {0}/build\n", folder.string());
  std::cout << fmt::format("  attnbench plugin check {}/build/lib{}.so\n", folder.string(), options.name);
}

void write_in_tree(const Options& options) {
  const auto folder = options.directory.empty() ? family_folder(options.family) : fs::path(options.directory);
  write_new(folder / (options.name + ".cpp"), filled_in("variant.cpp", options.name));
  std::cout << fmt::format("\nBuild it and check it:\n  scripts/build.sh\n  build/attnbench verify --variants {}\n", options.name);
}

void new_variant(const Options& options) {
  load({});
  require_new_name(options.name);
  require_identifier(options.family, "family");
  options.plugin ? write_plugin(options) : write_in_tree(options);
}

}  // namespace

void add_new_variant(CLI::App& app, CommandLine&) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("new-variant", "Write a working variant to start from.");
  command->add_option("NAME", options->name, "its name: lower-case letters, digits and _")->required();
  command->add_flag("--plugin", options->plugin, "a plugin in a folder of its own, built without the sources of attnbench");
  command->add_option("--dir", options->directory, "where to write; default: variants/FAMILY, with --plugin a new folder NAME")
      ->type_name("DIR");
  command->add_option("--family", options->family, "the folder of variants/ it belongs to, its family; default exact")
      ->type_name("FAMILY");
  command->footer(R"(It is exact attention and keeps the whole contract as it is; docs/add-a-variant.md leads on from there.

Examples:
  attnbench new-variant mine                in the sources of attnbench: variants/exact/mine.cpp
  attnbench new-variant mine --plugin       anywhere: mine/mine.cpp and mine/CMakeLists.txt)");
  command->callback([options] { new_variant(*options); });
}

}  // namespace attnbench
