// Loader: a shared library with variants, checked before anything in it is believed. Whatever is wrong with it becomes one line.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/plugins/adapter.h"

namespace attnbench {

struct Plugin {
  std::string file;  // absolute, links resolved
  std::string hash;  // of its bytes
  std::string name, version;
  std::uint32_t float_changes = 0;  // what loading it changed in the floating-point environment; restored. FloatChange bits
  std::vector<std::unique_ptr<plugins::Adapter>> adapters;
};

/// Loads a plugin into this process, for good: it is never unloaded, as its threads and tables may outlive any use. Throws
/// UserError with one line: no such file, not a shared library, another machine's, not loadable (a library it needs is missing), no
/// entry point, an entry that throws or returns nothing, another ABI version, an incomplete table, words that are not UTF-8 or hold
/// control characters. A library that crashes or hangs takes the process along unless load_plugins() in catalogue.h loads it.
std::unique_ptr<const Plugin> open_plugin(const std::string& file);

}  // namespace attnbench
