#include "harness/commands/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "harness/commands/table.h"
#include "harness/run/store.h"
#include "harness/support/files.h"
#include "harness/support/json.h"
#include "harness/support/median.h"
#include "harness/support/units.h"

namespace attnbench {
namespace {

constexpr const char* kAboveCeiling = "above_ceiling";
constexpr std::size_t kMaxColumns = 9;  // problems side by side on a terminal line

// What one cell of the summary says: a time, or why there is none.
struct Cell {
  std::string problem;
  std::string row;  // variant, and what else differs between the rows
  std::string text;
};

// " 2 threads", " on text": the parts of a row's title, each wanted only when it differs between records.
std::string threads_part(const Json& record) { return fmt::format(" {} threads", record.at("threads").get<int>()); }
std::string dataset_part(const Json& record) { return " on " + record.at("dataset").get<std::string>(); }

template <class Part>
bool differs(const std::vector<Json>& records, Part part) {
  return std::any_of(records.begin(), records.end(), [&](const Json& record) { return part(record) != part(records[0]); });
}

std::string case_key(const Json& record) {
  return fmt::format("{}|{}|{}|t{}", record.at("dataset").get<std::string>(), record.at("problem").get<std::string>(),
                     record.at("variant").get<std::string>(), record.at("threads").get<int>());
}

// The rounds of a case that were timed.
struct Rounds {
  std::vector<double> medians;
  std::size_t above_ceiling = 0;  // rounds faster than the machine can be
  // Half of them wrong, and so may be their median.
  bool wrong() const { return 2 * above_ceiling >= medians.size(); }
};

std::map<std::string, Rounds> rounds_by_case(const std::string& directory) {
  std::map<std::string, Rounds> cases;
  for (const auto& record : read_records(directory, "time")) {
    if (record.at("status") != "ok") continue;
    const auto& time = record.at("time");
    auto& rounds = cases[case_key(record)];
    rounds.medians.push_back(time.at("median_s"));
    rounds.above_ceiling += time.value("above_ceiling", false);
  }
  return cases;
}

// What a case failed by after its verification: the status of its first round or memory pass that is not ok.
std::map<std::string, std::string> failures_by_case(const std::string& directory) {
  std::map<std::string, std::string> failures;
  for (const char* kind : {"time", "memory"})
    for (const auto& record : read_records(directory, kind))
      if (record.at("status") != "ok") failures.emplace(case_key(record), record.at("status"));
  return failures;
}

std::vector<Cell> cells_of(const std::string& directory) {
  const auto rounds = rounds_by_case(directory);
  const auto failures = failures_by_case(directory);
  const auto verified = read_records(directory, "verify");
  const bool with_threads = differs(verified, threads_part), with_dataset = differs(verified, dataset_part);
  std::vector<Cell> cells;
  for (const auto& record : verified) {
    const auto found = rounds.find(case_key(record));
    const auto row = record.at("variant").get<std::string>() + (with_threads ? threads_part(record) : "") +
                     (with_dataset ? dataset_part(record) : "");
    const auto failure = failures.find(case_key(record));
    const auto text = failure != failures.end() ? failure->second
                      : found == rounds.end()   ? record.at("status").get<std::string>()
                      : found->second.wrong()   ? std::string(kAboveCeiling)
                                                : seconds_text(median(found->second.medians));
    cells.push_back({record.at("problem"), row, text});
  }
  return cells;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

template <class Get>
std::vector<std::string> distinct(const std::vector<Cell>& cells, Get get) {
  std::vector<std::string> values;
  for (const auto& cell : cells)
    if (std::find(values.begin(), values.end(), get(cell)) == values.end()) values.push_back(get(cell));
  return values;
}

// The words of a problem that not all problems share: "n128" out of "b1 h8 n128 d64 f32".
std::string distinguishing(const std::string& problem, const std::vector<std::string>& problems) {
  std::string text;
  for (const auto& word : words_of(problem)) {
    const bool shared = std::all_of(problems.begin(), problems.end(), [&](const std::string& other) {
      const auto words = words_of(other);
      return std::find(words.begin(), words.end(), word) != words.end();
    });
    if (!shared) text += (text.empty() ? "" : " ") + word;
  }
  return text.empty() ? problem : text;
}

std::string pivot(const std::vector<Cell>& cells, const std::vector<std::string>& problems) {
  std::vector<Table::Column> columns{{"VARIANT"}};
  for (const auto& problem : problems) columns.push_back({distinguishing(problem, problems), Table::Align::right});
  Table table(columns);
  for (const auto& row : distinct(cells, [](const Cell& cell) { return cell.row; })) {
    std::vector<std::string> line{row};
    for (const auto& problem : problems) {
      const auto cell =
          std::find_if(cells.begin(), cells.end(), [&](const Cell& c) { return c.row == row && c.problem == problem; });
      line.push_back(cell == cells.end() ? "" : cell->text);
    }
    table.add(std::move(line));
  }
  return table.text();
}

std::string list(const std::vector<Cell>& cells) {
  Table table({{"PROBLEM"}, {"VARIANT"}, {"TIME", Table::Align::right}});
  for (const auto& cell : cells) table.add({cell.problem, cell.row, cell.text});
  return table.text();
}

std::string number_text(const Json& number) { return number.is_number() ? fmt::format("{:.1e}", number.get<double>()) : "NaN"; }

}  // namespace

std::vector<Json> read_records(const std::string& directory, const std::string& kind) {
  std::vector<Json> records;
  const auto path = directory + "/records.jsonl";
  for (auto& record : parse_records(read_file(path), path).records)
    if (record["kind"] == kind) records.push_back(std::move(record));
  return records;
}

std::string summary_text(const std::string& directory) {
  const auto cells = cells_of(directory);
  if (cells.empty()) return "";
  const auto problems = distinct(cells, [](const Cell& cell) { return cell.problem; });
  const bool wrong = std::any_of(cells.begin(), cells.end(), [](const Cell& cell) { return cell.text == kAboveCeiling; });
  const std::string note =
      wrong
          ? "\nabove_ceiling: faster than this machine can be, so the measurement is wrong; see `attnbench doctor`, and calibrate "
            "again on a quiet machine\n"
          : "";
  if (problems.size() > kMaxColumns) return list(cells) + note;
  return (problems.size() > 1 ? "" : problems[0] + "\n") + pivot(cells, problems) + note;
}

std::string verification_text(const std::vector<Json>& records) {
  Table table({{"PROBLEM"},
               {"VARIANT"},
               {"STATUS"},
               {"REL RMS", Table::Align::right},
               {"MAX ABS", Table::Align::right},
               {"APPROXIMATION", Table::Align::right},
               {"ROWS", Table::Align::right}});
  const bool several_datasets = std::any_of(
      records.begin(), records.end(), [&](const Json& record) { return record.at("dataset") != records.front().at("dataset"); });
  std::string reasons;
  for (const auto& record : records) {
    const auto problem =
        (several_datasets ? record.at("dataset").get<std::string>() + " " : "") + record.at("problem").get<std::string>();
    std::vector<std::string> row{problem, record.at("variant"), record.at("status")};
    if (const auto found = record.find("verify"); found != record.end()) {
      row.push_back(number_text(found->at("rel_rms")));
      row.push_back(number_text(found->at("max_abs")));
      row.push_back(number_text(found->at("approximation_rel_rms")));
      row.push_back(std::to_string(found->at("rows").get<std::int64_t>()));
    }
    table.add(std::move(row));
    for (const auto& reason : record.at("reasons"))
      reasons += fmt::format("{} {}: {}\n", record.at("variant").get<std::string>(), problem, reason.get<std::string>());
  }
  return table.text() + (reasons.empty() ? "" : "\n" + reasons);
}

}  // namespace attnbench
