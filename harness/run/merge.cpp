#include "harness/run/merge.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <system_error>

#include "harness/planning/plan_file.h"
#include "harness/planning/shard.h"
#include "harness/run/datasets.h"
#include "harness/run/run_file.h"
#include "harness/run/store.h"
#include "harness/support/files.h"
#include "harness/support/json.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

// A run directory read back.
struct StoredRun {
  std::string directory;
  Json run;
  std::vector<Json> records;
  Shard shard;  // 1 of 1 when it was no shard
};

Shard stored_shard(const Json& run) {
  const auto& shard = run["shard"];
  if (shard.is_null()) return {};
  return parse_shard(shard["index"].dump() + "/" + shard["count"].dump());
}

StoredRun load(const std::string& directory) {
  StoredRun stored{directory, parse_run(read_file(directory + "/run.json"), directory + "/run.json"), {}, {}};
  stored.shard = stored_shard(stored.run);
  stored.records = parse_records(read_file(directory + "/records.jsonl"), directory + "/records.jsonl").records;
  return stored;
}

// The plan as text, without what only says how much memory the machine had.
std::string comparable_plan(const StoredRun& stored) {
  auto spec = parse_plan(stored.run["plan"]["toml"].get<std::string>(), stored.directory + "/run.json");
  spec.memory_budget.reset();
  return to_toml(spec);
}

void require_same_plan(const StoredRun& first, const StoredRun& other) {
  const auto refuse = [&](const std::string& what) {
    throw UserError(first.directory + " and " + other.directory + " " + what + "; only shards of one plan can be merged");
  };
  for (const char* name : {"name", "seed", "profile", "rounds", "samples"}) {
    const auto &a = first.run["plan"][name], &b = other.run["plan"][name];
    if (a != b) refuse(std::string("have different plans: ") + name + " " + a.dump() + " and " + b.dump());
  }
  if (comparable_plan(first) != comparable_plan(other) || first.run["plan"]["cases"] != other.run["plan"]["cases"])
    refuse("have different plans (plan.toml in their run.json)");
}

// The datasets of all runs. The same plan may find other files behind a name on another machine.
Json join_datasets(const std::vector<StoredRun>& runs) {
  Json joined = Json::object();
  for (const auto& stored : runs) {
    const auto& datasets = stored.run["datasets"];
    for (const auto& other : runs)
      if (const auto name = contradicting_dataset(datasets, other.run["datasets"]))
        throw UserError(stored.directory + " and " + other.directory + " measured different contents of dataset '" + *name +
                        "'; measure one of them again on the other's data, or leave it out");
    joined.update(datasets);
  }
  return joined;
}

void require_same_machine(const std::vector<StoredRun>& runs) {
  const auto& first = runs.front().run["sessions"][0];
  for (const auto& stored : runs)
    for (const auto& session : stored.run["sessions"]) {
      const auto same = [&](const char* id) { return session[id] == first[id]; };
      if (same("binary_id") && same("machine_id")) continue;
      throw UserError(runs.front().directory + " was measured with " + session_text(first) + " and " + stored.directory + " with " +
                      session_text(session) + "; add --allow-mixed to merge them all the same");
    }
}

// Sorts by shard, so that the result does not depend on the order of the arguments. What is missing, one line each.
std::vector<std::string> put_in_order(std::vector<StoredRun>& runs) {
  std::sort(runs.begin(), runs.end(), [](const StoredRun& a, const StoredRun& b) { return a.shard.index < b.shard.index; });
  const int count = runs.front().shard.count;
  std::vector<std::string> missing;
  int next = 1;
  const auto miss_until = [&](int index) {
    for (; next < index; ++next) missing.push_back("shard " + to_string(Shard{next, count}) + " is missing");
  };
  for (const auto& stored : runs) {
    if (stored.shard.count != count)
      throw UserError(runs.front().directory + " is shard " + to_string(runs.front().shard) + " and " + stored.directory + " " +
                      to_string(stored.shard) + " of the plan; merge shards of one split");
    if (stored.shard.index < next)
      throw UserError(std::prev(&stored)->directory + " and " + stored.directory + " are both shard " + to_string(stored.shard) +
                      " of the plan; give one of them");
    miss_until(stored.shard.index);
    ++next;
    const auto status = stored.run["status"].get<std::string>();
    if (status != "complete") missing.push_back(stored.directory + " is not finished (" + status + ")");
  }
  miss_until(count + 1);
  return missing;
}

// The session of its run that made a record.
std::int64_t session_of(const Json& record, const StoredRun& stored) {
  const auto session = record["session"].get<std::int64_t>();
  const auto count = static_cast<std::int64_t>(stored.run["sessions"].size());
  if (session < count) return session;
  throw UserError(stored.directory + "/records.jsonl holds a record of session " + std::to_string(session) +
                  " and run.json lists " + std::to_string(count) + "; they are not of one run: leave that run out");
}

// All records with their sessions counted through. A record that two runs share must be the same in both.
std::vector<Json> join_records(const std::vector<StoredRun>& runs) {
  std::vector<Json> joined;
  std::map<std::string, std::pair<std::size_t, const StoredRun*>> index;  // of a key: place in `joined` and origin
  std::int64_t first_session = 0;
  for (const auto& stored : runs) {
    for (auto record : stored.records) {
      record["session"] = first_session + session_of(record, stored);
      const std::string key = record["key"];
      const auto [found, is_new] = index.emplace(key, std::pair(joined.size(), &stored));
      if (is_new) {
        joined.push_back(std::move(record));
        continue;
      }
      record["session"] = joined[found->second.first]["session"];
      if (record != joined[found->second.first])
        throw UserError(found->second.second->directory + " and " + stored.directory + " hold different records of '" + key +
                        "'; leave one of the two runs out");
    }
    first_session += static_cast<std::int64_t>(stored.run["sessions"].size());
  }
  return joined;
}

std::size_t count_cases(const std::vector<Json>& records) {
  return static_cast<std::size_t>(
      std::count_if(records.begin(), records.end(), [](const Json& record) { return record["kind"] == "verify"; }));
}

Json join_runs(const std::vector<StoredRun>& runs, const Json& datasets, const MergeOptions& options, bool complete) {
  auto run = runs.front().run;
  run["datasets"] = datasets;
  run["run_id"] = run_id_of(options.out);
  run["status"] = complete ? "complete" : "interrupted";
  run["command"] = options.command;
  run["shard"] = nullptr;
  run["merged_from"] = Json::array();
  run["sessions"] = Json::array();
  std::set<std::string> labels;
  run["variants"] = Json::array();
  for (const auto& stored : runs) {
    run["created"] = std::min(run["created"].get<std::string>(), stored.run["created"].get<std::string>());
    const auto& finished = stored.run["finished"];
    if (finished.is_string() && (!run["finished"].is_string() || run["finished"] < finished)) run["finished"] = finished;
    run["merged_from"].push_back(stored.run["run_id"]);
    for (const auto& session : stored.run["sessions"]) run["sessions"].push_back(session);
    for (const auto& variant : stored.run["variants"])
      if (labels.insert(variant["label"]).second) run["variants"].push_back(variant);
  }
  return run;
}

// The attention matrices that records name, taken along into the new folder.
void copy_weights(const StoredRun& stored, const std::string& to) {
  for (const auto& record : stored.records) {
    const auto weights = record.find("weights");
    if (weights == record.end()) continue;
    const auto path = fs::path((*weights)["file"].get<std::string>()).lexically_normal();
    if (path.is_absolute() || path.begin() == path.end() || *path.begin() == "..")
      throw UserError(stored.directory + "/records.jsonl names the file " + path.string() +
                      " outside its folder; leave that run out");
    std::error_code error;
    fs::create_directories((to / path).parent_path(), error);
    if (!error) fs::copy_file(stored.directory / path, to / path, fs::copy_options::overwrite_existing, error);
    if (error)
      throw UserError("cannot copy " + (stored.directory / path).string() + ": " + error.message() + "; fix that and merge again");
  }
}

// The new run directory while it is made, beside its final name; gone when it does not get that far.
class Stage {
 public:
  explicit Stage(const std::string& out)
      : out_(out), path_(fs::path(out + "/").lexically_normal().parent_path().string() + ".merging") {
    std::error_code error;
    if (fs::exists(out_, error) && !fs::is_empty(out_, error))
      throw UserError("'" + out_ + "' is there already and not an empty folder; choose another OUT");
    fs::remove_all(path_, error);  // left by a merge that was killed
  }
  ~Stage() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  const std::string& path() const { return path_; }
  void finish() {
    std::error_code error;
    fs::rename(path_, out_, error);
    if (error) throw UserError("cannot make '" + out_ + "': " + error.message() + "; choose another OUT");
  }

 private:
  std::string out_, path_;
};

}  // namespace

MergeOutcome merge_runs(const MergeOptions& options) {
  std::vector<StoredRun> runs;
  for (const auto& directory : options.runs) runs.push_back(load(directory));
  for (const auto& stored : runs) require_same_plan(runs.front(), stored);
  const auto datasets = join_datasets(runs);
  MergeOutcome outcome;
  outcome.missing = put_in_order(runs);
  if (!options.allow_mixed) require_same_machine(runs);
  const auto records = join_records(runs);
  outcome.records = records.size();
  outcome.cases = count_cases(records);
  const auto planned = runs.front().run["plan"]["cases"].get<std::size_t>();
  if (outcome.missing.empty() && outcome.cases < planned)
    outcome.missing.push_back(std::to_string(planned - outcome.cases) + " of the plan's " + std::to_string(planned) +
                              " cases are in none of the runs");
  if (!outcome.missing.empty() && !options.partial)
    throw UserError(outcome.missing.front() +
                    (outcome.missing.size() > 1 ? " (and more: " + std::to_string(outcome.missing.size() - 1) + ")" : "") +
                    "; give all of the plan's shards, finished, or add --partial to merge what there is");
  Stage stage(options.out);
  {
    Store store(stage.path(), Store::Mode::create);
    store.append_all(records);
    for (const auto& stored : runs) copy_weights(stored, stage.path());
    store.write_run(join_runs(runs, datasets, options, outcome.missing.empty()));
  }
  stage.finish();
  return outcome;
}

}  // namespace attnbench
