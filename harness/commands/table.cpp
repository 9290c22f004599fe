#include "harness/commands/table.h"

#include <algorithm>

namespace attnbench {
namespace {

std::string line(const std::vector<std::string>& cells, const std::vector<Table::Column>& columns,
                 const std::vector<std::size_t>& widths) {
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - std::min(widths[i], cells[i].size()), ' ');
    if (i) text += "  ";
    text += columns[i].align == Table::Align::right ? padding + cells[i] : cells[i] + padding;
  }
  text.resize(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

}  // namespace

std::string Table::text() const {
  std::vector<std::string> titles;
  std::vector<std::size_t> widths;
  for (const auto& column : columns_) {
    titles.push_back(column.title);
    widths.push_back(column.title.size());
  }
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text = line(titles, columns_, widths);
  for (const auto& row : rows_) text += line(row, columns_, widths);
  return text;
}

}  // namespace attnbench
