// If these fail, a plugin that is broken takes the suite along, or is believed, or its user is not told what is wrong with it.
#include "harness/plugins/loader.h"

#include <cstdlib>
#include <filesystem>

#include "harness/plugins/catalogue.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"
#include "variants/api/registry.h"

using namespace attnbench;

namespace {

std::string plugin_file(const std::string& name) { return std::string(PLUGIN_DIR "/lib") + name + ".so"; }

// How this process, started as attnbench would be, refuses a file.
std::string refused(const std::string& file) {
  return refusal([&] { load_plugins({&file, 1}, ATTNBENCH_BINARY); });
}

// A copy of a good plugin with one byte of it changed.
std::string patched(const TemporaryFolder& folder, std::size_t offset, char byte) {
  auto bytes = read_text(plugin_file("plugged"));
  bytes[offset] = byte;
  const auto file = folder / "libpatched.so";
  write_text(file, bytes);
  return file;
}

}  // namespace

TEST_CASE("each way to be no plugin is refused in one line that says what it is and names the file") {
  const std::pair<const char*, const char*> cases[] = {
      {"throws_in_entry", "its entry point threw an exception: no luck today"},
      {"refuses", "libneeded.so.3 is not installed"},
      {"wrong_abi", "is of plugin ABI 2, this attnbench has 1; rebuild"},
      {"no_entry", "has no entry point attnbench_plugin()"},
      {"incomplete", "variant incomplete has no run()"},
      {"crashes_in_entry", "a process that loaded it was ended by signal 9"},
      {"bad_utf8", "summary of variant bad_utf8 is not valid UTF-8: 'summary ?"},
      {"escape_sequence", "summary of variant escape_sequence has a control character: 'clears ?[2J the screen'"},
      {"duplicate", "a variant 'naive' is there already, from attnbench itself"},
  };
  for (const auto& [name, reason] : cases) {
    CAPTURE(name);
    const auto line = refused(plugin_file(name));
    CAPTURE(line);
    CHECK(has(line, reason));
    CHECK(has(line, std::string("lib") + name + ".so"));
    CHECK_FALSE(has(line, "\n"));
  }
}

TEST_CASE("a plugin that hangs while it is loaded is a line after the limit") {
  ::setenv("ATTNBENCH_PLUGIN_TIMEOUT", "0.5", 1);
  CHECK(has(refused(plugin_file("hangs_at_load")), "libhangs_at_load.so: a process that loaded it was still not done after 0.5 s"));
  for (const char* text : {"0", "-1", "soon", "inf", "1e9"}) {
    ::setenv("ATTNBENCH_PLUGIN_TIMEOUT", text, 1);
    CHECK(has(refused(plugin_file("refuses")), "ATTNBENCH_PLUGIN_TIMEOUT: expected seconds"));
  }
  ::unsetenv("ATTNBENCH_PLUGIN_TIMEOUT");
}

TEST_CASE("files that are no shared library of this machine are refused before they are loaded") {
  const TemporaryFolder folder;
  constexpr std::size_t kMachine = 18;  // offset of e_machine in an ELF header
  CHECK(has(refused(folder / "absent.so"), "no such file"));
  CHECK(has(refused(PLUGIN_DIR), "not a file"));
  write_text(folder / "text.so", std::string(100, 'x'));
  CHECK(has(refused(folder / "text.so"), "not a shared library"));
  CHECK(has(refused(patched(folder, kMachine, static_cast<char>(243))), "built for RISC-V, this attnbench for "));
}

TEST_CASE("a plugin is loaded once, its variants stand beside the built-in ones and know where they came from") {
  const auto built_in = builtin_variants().size();
  const auto& plugin = load_plugin(plugin_file("plugged"));
  CHECK(&load_plugin(plugin_file("plugged")) == &plugin);
  CHECK(plugin.name == "plugged");
  CHECK(plugin.version == "2.5");
  CHECK(plugin.hash.size() == 16);
  CHECK(std::filesystem::path(plugin.file).is_absolute());

  const auto* variant = find_known_variant("plugged_naive");
  REQUIRE(variant != nullptr);
  CHECK(plugin_of(*variant) == &plugin);
  CHECK(plugin_of(*find_variant("naive")) == nullptr);
  CHECK(known_variants().size() > built_in);
  CHECK(find_known_variant("naive") == find_variant("naive"));
}

TEST_CASE("folders of ATTNBENCH_PLUGIN_PATH: good plugins are loaded, a broken one is a line, two of a name an error") {
  const TemporaryFolder folder;
  const auto put = [&](const char* name) {
    std::filesystem::create_symlink(plugin_file(name), folder / (std::string(name) + ".so"));
  };
  const auto load = [&] { return load_plugins({}, ATTNBENCH_BINARY); };
  ::setenv("ATTNBENCH_PLUGIN_PATH", (folder / "").c_str(), 1);
  put("throws_in_entry");
  put("misbehaves");
  write_text(folder / "notes.txt", "not looked at");
  const auto left_out = load();
  REQUIRE(left_out.size() == 1);
  CHECK(has(left_out[0], "no luck today; left out"));
  CHECK(find_known_variant("crashes_in_run") != nullptr);

  put("duplicate");
  CHECK(has(refusal(load), "'naive' is there already"));
  ::setenv("ATTNBENCH_PLUGIN_PATH", "/nonexistent", 1);
  CHECK(has(refusal(load), "cannot read the folder '/nonexistent'"));
  ::unsetenv("ATTNBENCH_PLUGIN_PATH");
}
