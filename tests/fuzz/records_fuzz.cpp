// Stored runs: records.jsonl, as a run that is resumed reads it, and run.json.
#include <algorithm>

#include "harness/run/store.h"
#include "harness/support/json.h"
#include "tests/fuzz/fuzz.h"

using namespace attnbench;

namespace {

std::string lines_of(const std::vector<Json>& records) {
  std::string text;
  for (const auto& record : records) text += record.dump() + "\n";
  return text;
}

// However much of the file a crash has left, the records before are read the same.
void check_cut(std::string_view text, const ParsedRecords& whole, std::size_t size) {
  const auto cut = fuzz::accepted([&] { return parse_records(text.substr(0, size), "cut"); });
  fuzz::require(cut.has_value(), "a torn last line is no damage");
  fuzz::require(
      cut->records.size() <= whole.records.size() && std::equal(cut->records.begin(), cut->records.end(), whole.records.begin()),
      "what stands before a tear is read the same");
}

void check_records(std::string_view text) {
  const auto parsed = fuzz::accepted([&] { return parse_records(text, "fuzz"); });
  if (!parsed) return;
  fuzz::require(parsed->whole_bytes <= text.size(), "whole lines lie within the text");
  fuzz::require(parsed->whole_bytes == 0 || text[parsed->whole_bytes - 1] == '\n', "a whole line ends");
  const auto lines = lines_of(parsed->records);
  const auto again = fuzz::accepted([&] { return parse_records(lines, "printed"); });
  fuzz::require(again && again->records == parsed->records && again->whole_bytes == lines.size(), "records survive being stored");
  for (const auto size : {text.size() / 2, parsed->whole_bytes - parsed->whole_bytes / 8, parsed->whole_bytes})
    check_cut(text, *parsed, size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::as_text(data, size);
  check_records(text);
  fuzz::accepted([&] { return parse_run(text, "fuzz"); });
  return 0;
}
