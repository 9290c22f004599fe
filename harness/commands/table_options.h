// The options --sort, --filter and --columns of commands that print a table.
#pragma once

#include <CLI/CLI.hpp>

#include "harness/commands/table_view.h"

namespace attnbench {

/// Declares the three in a group of their own.
void add_table_options(CLI::App& command, TableView& view);

/// Such a command prints something other than its table with that option: the two cannot be given together.
void exclude_table_options(CLI::App& command, CLI::Option* other);

}  // namespace attnbench
