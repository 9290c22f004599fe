// Words that are not UTF-8.
#include "tests/plugins/one_variant.h"

const attnbench_plugin_table* attnbench_plugin(const attnbench_host*) {
  return one_variant("bad_utf8", "summary \xff\xfe of bytes");
}
