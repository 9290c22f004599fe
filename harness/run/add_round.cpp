#include "harness/run/add_round.h"

#include <filesystem>
#include <map>
#include <vector>

#include "harness/protocol/status.h"
#include "harness/run/run_file.h"
#include "harness/run/store.h"
#include "harness/support/files.h"
#include "harness/support/json.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

Json run_of(const std::string& directory) { return parse_run(read_file(directory + "/run.json"), directory + "/run.json"); }

std::vector<Json> records_of(const std::string& directory) {
  const auto path = directory + "/records.jsonl";
  return parse_records(read_file(path), path).records;
}

// A record of the run of one round, as one of round `number`.
Json renumbered(Json record, const RoundToAdd& round) {
  record["session"] = round.number;
  if (record["kind"] != "time") return record;
  const std::string key = record["key"];
  record["round"] = round.number;
  record["key"] = key.substr(0, key.rfind('|')) + "|r" + std::to_string(round.number);
  // Why its own run made no further round says nothing here, unless this round is the last.
  if (record.contains("time") && round.number + 1 < round.planned) record["time"]["stop"] = nullptr;
  return record;
}

bool is_ok(const Json& record) { return record["status"] == name_of(Status::ok); }

std::vector<Json> joined(std::vector<Json> stored, const std::vector<Json>& fresh, const RoundToAdd& round) {
  std::erase_if(stored, [&](const Json& record) { return record["session"] >= round.number; });
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < stored.size(); ++i) places.emplace(stored[i]["key"], i);
  for (const auto& record : fresh) {
    auto added = renumbered(record, round);
    const auto found = places.find(added["key"]);
    if (found == places.end()) stored.push_back(std::move(added));
    else if (auto& kept = stored[found->second]; is_ok(kept) && !is_ok(added)) kept = std::move(added);
  }
  return stored;
}

Json first_run(const Json& measured, const std::string& directory) {
  auto run = measured;
  run["run_id"] = run_id_of(directory);
  run["merged_from"] = Json::array();
  run["sessions"] = Json::array();
  return run;
}

void add_to_run(Json& run, const Json& measured, const RoundToAdd& round) {
  auto& sessions = run["sessions"].get_ref<Json::array_t&>();
  auto& origins = run["merged_from"].get_ref<Json::array_t&>();
  const auto before = static_cast<std::size_t>(round.number);
  if (sessions.size() < before || origins.size() < before)
    throw UserError(round.run + " holds " + std::to_string(sessions.size()) + " rounds and cannot take round " +
                    std::to_string(round.number + 1) + "; measure again with another --out");
  sessions.resize(before);
  origins.resize(before);
  auto session = measured["sessions"].back();
  session["command"] = measured["command"];
  sessions.push_back(std::move(session));
  origins.push_back(measured["run_id"]);
  run["status"] = "complete";
  run["finished"] = measured["finished"];
  run["plan"]["rounds"] = round.planned;
}

}  // namespace

void add_round(const RoundToAdd& round) {
  const auto measured = run_of(round.measured);
  const auto fresh = records_of(round.measured);
  const bool begun = std::filesystem::exists(round.run + "/run.json");
  Store store(round.run, begun ? Store::Mode::resume : Store::Mode::create);
  auto run = round.number == 0 ? first_run(measured, round.run) : store.resumed_run();
  if (run.is_null()) throw UserError(round.run + " holds no run; measure again with another --out");
  const auto stored = round.number == 0 ? std::vector<Json>() : records_of(round.run);
  add_to_run(run, measured, round);
  store.write_run(run);  // before the records: each of their sessions must be listed
  store.replace_records(joined(stored, fresh, round));
}

}  // namespace attnbench
