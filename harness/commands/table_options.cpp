#include "harness/commands/table_options.h"

namespace attnbench {
namespace {

constexpr const char* kGroup = "The table";

}  // namespace

void add_table_options(CLI::App& command, TableView& view) {
  command
      .add_option("--sort", view.sort,
                  "order the rows by a column, or by several: KEY,KEY:desc. A key is a column's title in lower case with _ between "
                  "its words, or the beginning of that")
      ->type_name("KEY[:desc]")
      ->group(kGroup);
  command
      .add_option("--filter", view.filters,
                  "show rows such as 'variant=block*', 'status!=ok' or 'call<10ms' only; of several, those that meet all")
      ->type_name("EXPR")
      ->allow_extra_args(false)
      ->group(kGroup);
  command.add_option("--columns", view.columns, "show these columns, in this order: KEY,KEY")->type_name("LIST")->group(kGroup);
}

void exclude_table_options(CLI::App& command, CLI::Option* other) {
  for (const char* name : {"--sort", "--filter", "--columns"}) other->excludes(command.get_option(name));
}

}  // namespace attnbench
