// Words that a terminal obeys.
#include "tests/plugins/one_variant.h"

const attnbench_plugin_table* attnbench_plugin(const attnbench_host*) {
  return one_variant("escape_sequence", "clears \x1b[2J the screen");
}
