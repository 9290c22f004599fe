#include "harness/commands/table_view.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "harness/support/text.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

using Row = std::vector<std::string>;

// A number and what it counts: "s", "B", "%", or "" for none of these.
struct Quantity {
  double value = 0;
  std::string kind;
};

struct Unit {
  std::string_view name;
  double factor;
  std::string_view kind;
};

// As units.h prints them, and as they are typed without a Greek letter.
constexpr Unit kUnits[] = {{"ns", 1e-9, "s"},
                           {"us", 1e-6, "s"},
                           {"µs", 1e-6, "s"},
                           {"ms", 1e-3, "s"},
                           {"s", 1, "s"},
                           {"min", 60, "s"},
                           {"h", 3600, "s"},
                           {"b", 1, "B"},
                           {"kib", 1024.0, "B"},
                           {"mib", 1048576.0, "B"},
                           {"gib", 1073741824.0, "B"},
                           {"tib", 1099511627776.0, "B"},
                           {"pib", 1125899906842624.0, "B"},
                           {"%", 0.01, "%"},
                           {"", 1, ""}};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// "1.5 ms", "3 min 05 s", "12"; empty for anything else.
std::optional<Quantity> parse_quantity(std::string text) {
  text = lower(trim(text));
  if (text.empty() || text.find('x') != std::string::npos) return {};  // strtod reads hexadecimal numbers
  Quantity sum;
  for (const char* at = text.c_str(); *at;) {
    char* end = nullptr;
    const bool number = std::isdigit(static_cast<unsigned char>(*at)) || std::strchr("+-.", *at);  // no "inf", no "nan"
    const double value = std::strtod(at, &end);
    if (!number || end == at) return {};
    at = end + std::strspn(end, " ");
    const auto length = std::strcspn(at, " 0123456789");
    const std::string_view name(at, length);
    const auto unit = std::find_if(std::begin(kUnits), std::end(kUnits), [&](const Unit& u) { return u.name == name; });
    if (unit == std::end(kUnits)) return {};
    if (!sum.kind.empty() && sum.kind != unit->kind) return {};
    sum.kind = unit->kind;
    sum.value += value * unit->factor;
    at += length;
    at += std::strspn(at, " ");
  }
  return sum;
}

std::string key_of(std::string_view title) {
  std::string key;
  for (const char c : lower(title)) {
    if (std::isalnum(static_cast<unsigned char>(c))) key += c;
    else if (!key.empty() && key.back() != '_') key += '_';
  }
  if (key.ends_with('_')) key.pop_back();
  return key;
}

std::size_t find_column(const Table& table, std::string_view wanted) {
  std::vector<std::string> keys;
  for (const auto& column : table.columns()) keys.push_back(key_of(column.title));
  const auto key = key_of(wanted);
  const auto exact = std::find(keys.begin(), keys.end(), key);
  if (exact != keys.end()) return static_cast<std::size_t>(exact - keys.begin());
  std::vector<std::string> found;
  for (const auto& one : keys)
    if (!key.empty() && one.starts_with(key)) found.push_back(one);
  if (found.size() == 1) return static_cast<std::size_t>(std::find(keys.begin(), keys.end(), found[0]) - keys.begin());
  throw UserError((found.empty() ? "unknown column '" : "ambiguous column '") + std::string(trim(wanted)) +
                  "'; columns: " + join(found.empty() ? keys : found, ", "));
}

std::string cell(const Row& row, std::size_t column) { return column < row.size() ? row[column] : ""; }

struct Filter {
  std::size_t column = 0;
  std::string comparison, value;
};

Filter parse_filter(const Table& table, const std::string& text) {
  const auto at = text.find_first_of("<>=!");
  const std::string_view rest = at == std::string::npos ? "" : std::string_view(text).substr(at);
  for (const std::string_view sign : {"<=", ">=", "!=", "==", "<", ">", "="})
    if (rest.starts_with(sign))
      return {find_column(table, text.substr(0, at)), std::string(sign == "==" ? "=" : sign),
              std::string(trim(rest.substr(sign.size())))};
  throw UserError("invalid filter '" + text + "'; expected COLUMN=PATTERN, COLUMN!=PATTERN or COLUMN<NUMBER (also <=, >, >=)");
}

bool compares(const std::string& comparison, double a, double b) {
  return comparison == "<" ? a < b : comparison == "<=" ? a <= b : comparison == ">" ? a > b : a >= b;
}

// The kind of the numbers in a column; empty where it holds none.
std::optional<std::string> kind_of(const std::vector<Row>& rows, std::size_t column) {
  for (const auto& row : rows)
    if (const auto number = parse_quantity(cell(row, column))) return number->kind;
  return {};
}

// What a number is compared with. Without a unit it is in seconds, bytes or per cent.
double parse_bound(const std::string& text, const std::string& kind, const std::string& filter) {
  const auto bound = parse_quantity(text);
  if (!bound || (!bound->kind.empty() && bound->kind != kind)) {
    const std::string example = kind == "s" ? "10ms" : kind == "B" ? "1MiB" : kind == "%" ? "5%" : "100";
    throw UserError("invalid number '" + text + "' in filter '" + filter + "'; expected one such as " + example);
  }
  return bound->kind.empty() && kind == "%" ? bound->value / 100 : bound->value;
}

void keep_matching(std::vector<Row>& rows, const Filter& filter, const std::string& text) {
  const auto column = filter.column;  // not by structured binding: clang before 16 does not let a lambda capture one
  const auto& comparison = filter.comparison;
  if (comparison == "=" || comparison == "!=") {
    std::erase_if(rows, [&](const Row& row) { return glob_match(filter.value, cell(row, column)) != (comparison == "="); });
    return;
  }
  const auto kind = kind_of(rows, column);
  if (!kind && !rows.empty())
    throw UserError("filter '" + text + "' compares numbers, but that column holds text; use = or != with a pattern such as 'a*'");
  const double bound = rows.empty() ? 0 : parse_bound(filter.value, *kind, text);
  std::erase_if(rows, [&](const Row& row) {
    const auto number = parse_quantity(cell(row, column));
    return !number || !compares(comparison, number->value, bound);
  });
}

// Numbers by value, words with the numbers in them by value too (n128 before n1024). Rows without a value come last.
void sort_by(std::vector<Row>& rows, std::size_t column, bool descending) {
  const bool numeric = std::all_of(rows.begin(), rows.end(), [&](const Row& row) {
    const auto text = cell(row, column);
    return text.empty() || parse_quantity(text);
  });
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    const auto x = cell(a, column), y = cell(b, column);
    if (x.empty() || y.empty()) return !x.empty() && y.empty();
    if (numeric) {
      const double p = parse_quantity(x)->value, q = parse_quantity(y)->value;
      return descending ? q < p : p < q;
    }
    const int order = ::strverscmp(x.c_str(), y.c_str());
    return descending ? order > 0 : order < 0;
  });
}

void sort_rows(const Table& table, std::vector<Row>& rows, const std::string& wanted) {
  auto keys = split_list(wanted);
  std::reverse(keys.begin(), keys.end());  // a stable sort by the last key first
  for (const auto& key : keys) {
    const auto colon = key.find(':');
    const auto order = colon == std::string::npos ? "asc" : key.substr(colon + 1);
    if (order != "asc" && order != "desc")
      throw UserError("invalid order '" + order + "' in --sort '" + key + "'; expected asc or desc");
    sort_by(rows, find_column(table, key.substr(0, colon)), order == "desc");
  }
}

}  // namespace

std::vector<std::string> TableView::arguments() const {
  std::vector<std::string> arguments;
  if (!sort.empty()) arguments.push_back("--sort=" + sort);
  for (const auto& filter : filters) arguments.push_back("--filter=" + filter);
  if (!columns.empty()) arguments.push_back("--columns=" + columns);
  return arguments;
}

Table arranged(const Table& table, const TableView& view) {
  auto rows = table.rows();
  for (const auto& filter : view.filters) keep_matching(rows, parse_filter(table, filter), filter);
  if (!view.sort.empty()) sort_rows(table, rows, view.sort);
  std::vector<std::size_t> shown(table.columns().size());
  for (std::size_t i = 0; i < shown.size(); ++i) shown[i] = i;
  if (!view.columns.empty()) {
    shown.clear();
    for (const auto& name : split_list(view.columns)) shown.push_back(find_column(table, name));
  }
  std::vector<Table::Column> columns;
  for (const auto i : shown) columns.push_back(table.columns()[i]);
  Table result(columns);
  for (const auto& row : rows) {
    Row chosen;
    for (const auto i : shown) chosen.push_back(cell(row, i));
    result.add(std::move(chosen));
  }
  return result;
}

}  // namespace attnbench
