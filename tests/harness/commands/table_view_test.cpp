// If these fail, --sort, --filter or --columns shows other rows than the user asked for, or a mistake in them passes in silence.
#include "harness/commands/table_view.h"

#include "tests/catch.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

Table example() {
  Table table({{"PROBLEM"}, {"VARIANT"}, {"CALL", Table::Align::right}, {"PEAK MEMORY (RSS)", Table::Align::right}});
  table.add({"b1 n1024", "naive", "1.20 ms", "2.00 MiB"});
  table.add({"b1 n128", "naive", "900 µs", "640 B"});
  table.add({"b1 n128", "blockwise", "3 min 05 s", "64.0 KiB"});
  table.add({"b1 n2048", "linear", "", "1.00 GiB"});
  return table;
}

// The values of one column, joined by commas.
std::string shown(TableView view, const std::string& column = "problem") {
  if (view.columns.empty()) view.columns = column;
  std::string text;
  const auto table = arranged(example(), view);
  for (const auto& row : table.rows()) text += (text.empty() ? "" : ",") + row[0];
  return text;
}

std::string filtered(const std::string& filter) { return shown({.filters = {filter}}, "problem"); }

std::string refusal(const TableView& view) {
  try {
    arranged(example(), view);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("a table without a view is as it was") { CHECK(arranged(example(), {}).text() == example().text()); }

TEST_CASE("numbers sort by what they are worth, whatever their unit, and rows without one come last") {
  CHECK(shown({.sort = "call"}) == "b1 n128,b1 n1024,b1 n128,b1 n2048");
  CHECK(shown({.sort = "call:desc"}, "call") == "3 min 05 s,1.20 ms,900 µs,");
  CHECK(shown({.sort = "peak_memory_rss"}, "peak") == "640 B,64.0 KiB,2.00 MiB,1.00 GiB");
}

TEST_CASE("words sort by the numbers in them, and a second key decides between equals") {
  CHECK(shown({.sort = "problem"}) == "b1 n128,b1 n128,b1 n1024,b1 n2048");
  CHECK(shown({.sort = "problem,variant"}, "variant") == "blockwise,naive,naive,linear");
  CHECK(shown({.sort = "problem:desc,variant:asc"}, "variant") == "linear,naive,blockwise,naive");
}

TEST_CASE("filters match patterns and compare numbers with units") {
  CHECK(filtered("variant=naive") == "b1 n1024,b1 n128");
  CHECK(filtered("variant==n*") == "b1 n1024,b1 n128");
  CHECK(filtered("variant!=naive") == "b1 n128,b1 n2048");
  CHECK(filtered("call<1ms") == "b1 n128");
  CHECK(filtered("call <= 1200 us") == "b1 n1024,b1 n128");
  CHECK(filtered("call>1min") == "b1 n128");
  CHECK(filtered("call>=0.0012") == "b1 n1024,b1 n128");  // seconds
  CHECK(filtered("peak_memory_rss>1MiB") == "b1 n1024,b1 n2048");
  CHECK(filtered("peak<1kib") == "b1 n128");
  CHECK(shown({.filters = {"variant=naive", "call<1ms"}}) == "b1 n128");
}

TEST_CASE("columns are chosen and ordered, and filters may use those that are not shown") {
  const auto table = arranged(example(), {.filters = {"call>1s"}, .columns = "variant, problem"});
  CHECK(table.text() == "VARIANT    PROBLEM\nblockwise  b1 n128\n");
}

TEST_CASE("a mistake says what would be right") {
  CHECK(refusal({.sort = "speed"}) == "unknown column 'speed'; columns: problem, variant, call, peak_memory_rss");
  CHECK(refusal({.columns = "p"}) == "ambiguous column 'p'; columns: problem, peak_memory_rss");
  CHECK(refusal({.columns = "variant,"}) == "unknown column ''; columns: problem, variant, call, peak_memory_rss");
  CHECK(refusal({.sort = "call:down"}) == "invalid order 'down' in --sort 'call:down'; expected asc or desc");
  CHECK(refusal({.filters = {"call"}}) ==
        "invalid filter 'call'; expected COLUMN=PATTERN, COLUMN!=PATTERN or COLUMN<NUMBER (also <=, >, >=)");
  CHECK(refusal({.filters = {"call<1MiB"}}) == "invalid number '1MiB' in filter 'call<1MiB'; expected one such as 10ms");
  for (const char* bad : {"call<", "call<fast", "call<nan", "call<1 parsec", "call<1ms2", "call<0x10"})
    CHECK(refusal({.filters = {bad}}).starts_with("invalid number '"));
  CHECK(refusal({.filters = {"variant<3"}}) ==
        "filter 'variant<3' compares numbers, but that column holds text; use = or != with a pattern such as 'a*'");
}

}  // namespace
}  // namespace attnbench
