// TableView: which rows and columns of a printed table are shown, and in which order (--sort, --filter, --columns). A column is
// named by its title in lower case, with underscores for everything that is neither letter nor digit: "STARTED (UTC)" is
// started_utc. The beginning of a name is enough where only one column begins like that.
// Tables that Python prints take the same words: reports/attnbench/pages/view.py.
#pragma once

#include <string>
#include <vector>

#include "harness/commands/table.h"

namespace attnbench {

struct TableView {
  std::string sort{};                  // "call:desc,variant"; "" keeps the order
  std::vector<std::string> filters{};  // "variant=block*", "call<1ms"; a row is shown when it meets all of them
  std::string columns{};               // "variant,call"; "" shows all

  bool any() const { return !sort.empty() || !filters.empty() || !columns.empty(); }
  /// As options of a command: "--sort=call:desc", ...
  std::vector<std::string> arguments() const;
};

/// What the view shows of a table. Throws UserError, with the names of all columns where one is unknown.
Table arranged(const Table& table, const TableView& view);

}  // namespace attnbench
