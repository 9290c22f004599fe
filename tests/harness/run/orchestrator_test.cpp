// If these fail, one bad variant costs more than its own case, or a stopped run loses or repeats work. The workers are
// fault_worker, whose variants misbehave on purpose (fault_variants/).
#include "harness/run/orchestrator.h"

#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "harness/planning/case.h"
#include "harness/planning/cold_cache.h"
#include "harness/planning/fitted_model.h"
#include "harness/planning/plan.h"
#include "harness/support/json.h"
#include "tests/catch.h"
#include "tests/harness/fault_variants/fault_variants.h"
#include "tests/harness/harness_test_support.h"

extern char** environ;

using namespace attnbench;

namespace {

RunOptions options_for(const std::string& directory, bool resume = false) {
  return {.directory = directory, .resume = resume, .verify_only = false, .command = {"test"}, .self = FAULT_WORKER};
}

// "naive verify": status, for records of one problem; rounds of a variant share a name.
std::map<std::string, std::string> statuses(const std::vector<Json>& records) {
  std::map<std::string, std::string> found;
  for (const auto& record : records)
    found[record["variant"].get<std::string>() + " " + record["kind"].get<std::string>()] = record["status"];
  return found;
}

int count(const std::vector<Json>& records, const std::string& kind, const std::string& variant) {
  return static_cast<int>(
      std::count_if(records.begin(), records.end(), [&](const Json& r) { return r["kind"] == kind && r["variant"] == variant; }));
}

std::set<std::string> keys(const std::vector<Json>& records) {
  std::set<std::string> all;
  for (const auto& record : records) all.insert(record["key"].get<std::string>());
  return all;
}

pid_t start_orchestrator(const std::string& directory, const char* mode, std::vector<std::string> variants) {
  std::vector<std::string> words{FAULT_WORKER, "run", directory, mode};
  words.insert(words.end(), variants.begin(), variants.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  REQUIRE(::posix_spawn(&child, FAULT_WORKER, nullptr, nullptr, argv.data(), environ) == 0);
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

std::size_t lines_in(const std::string& path) {
  const auto text = read_text(path);
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// Whether a child has ended; it stays to be waited for.
bool has_ended(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

// Waits until so many records are stored (or the child is gone), then sends the signal.
void signal_after(pid_t child, const std::string& directory, std::size_t records, int signal) {
  while (lines_in(directory + "/records.jsonl") < records && !has_ended(child))
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ::kill(child, signal);
}

}  // namespace

TEST_CASE("a case that is right is verified once, timed in every round, and weighed") {
  const TemporaryFolder folder;
  const auto outcome = run_plan(fault_plan({"steady", "steady_too"}), options_for(folder / "run"));
  CHECK(outcome.ok == 2);
  CHECK(outcome.exit_code() == 0);
  const auto records = read_records(folder / "run");
  CHECK(keys(records).size() == records.size());
  for (const char* variant : {"steady", "steady_too"}) {
    CHECK(count(records, "verify", variant) == 1);
    CHECK(count(records, "time", variant) == 2);
    CHECK(count(records, "memory", variant) == 1);
  }
  CHECK(Json::parse(read_text(folder / "run/run.json"))["status"] == "complete");
  CHECK_FALSE(std::filesystem::exists(folder / "run/inputs"));
}

TEST_CASE("within a round the variants take turns") {
  const TemporaryFolder folder;
  run_plan(fault_plan({"steady", "steady_too"}), options_for(folder / "run"));
  std::vector<std::string> order;
  for (const auto& record : read_records(folder / "run"))
    if (record["kind"] == "time") order.push_back(record["variant"]);
  REQUIRE(order.size() == 4);
  CHECK(order[0] != order[1]);
  CHECK(order[0] == order[3]);
  CHECK(order[1] == order[2]);
}

TEST_CASE("each round goes through all sizes before the next one begins; a case is verified before its first time") {
  for (const double inputs_bytes : {1e9, 0.0}) {  // kept, and made again in every round
    const TemporaryFolder folder;
    auto plan = fault_plan({"steady", "steady_too"}, {4, 8, 16, 32});
    plan.sampling.rounds = 4;
    auto options = options_for(folder / "run");
    options.inputs_bytes = inputs_bytes;
    CHECK(run_plan(plan, options).ok == 8);
    int round = 0;
    std::set<std::string> verified;
    std::map<std::string, int> timed;
    std::set<std::string> orders;  // of the sizes, one per round
    std::string order;
    for (const auto& record : read_records(folder / "run")) {
      const std::string place = record["problem"].get<std::string>() + " " + record["variant"].get<std::string>();
      if (record["kind"] == "verify") CHECK(verified.insert(place).second);
      if (record["kind"] != "time") continue;
      CHECK(verified.contains(place));
      CHECK(record["round"] >= round);
      CHECK(record["round"] == timed[place]++);
      if (record["round"] > round) orders.insert(std::exchange(order, ""));
      round = record["round"];
      order += record["problem"].get<std::string>() + ", ";
    }
    orders.insert(order);
    CHECK(timed.size() == 8);
    CHECK(orders.size() == 4);
    CHECK_FALSE(std::filesystem::exists(folder / "run/inputs"));
  }
}

TEST_CASE("the last round of a case says why it was the last, and every round what stood beside it") {
  const TemporaryFolder folder;
  run_plan(fault_plan({"steady", "steady_too"}), options_for(folder / "run"));
  const auto schema = read_schema("record.schema.json");
  for (const auto& record : read_records(folder / "run")) {
    CHECK(schema_violation(schema, record) == "");
    if (record["kind"] != "time") continue;
    const auto& time = record["time"];
    if (record["round"] == 1) CHECK(time["stop"] == "rounds");
    else CHECK(time["stop"].is_null());
    CHECK(time["involuntary_switches"].size() == time["samples_s"].size());
    CHECK(time["peak_before_gflops"].get<double>() > 0);
    CHECK(time["peak_gflops"] == std::max(time["peak_before_gflops"], time["peak_after_gflops"]));
    CHECK(time["clock_drift"].get<double>() >= 0);
    CHECK(time["load_1m"].is_number());
    CHECK(time["input_sets"] == 1);
    CHECK(time["share_of_peak"].get<double>() > 0);
    CHECK(time["share_of_bandwidth"].is_null());  // nobody has calibrated
    CHECK(time["above_ceiling"] == false);
    CHECK(record["cache"] == "hot");
    CHECK(record["session"] == 0);
  }
}

TEST_CASE("a cap that is used up by the first round is the reason") {
  const TemporaryFolder folder;
  auto plan = fault_plan({"slow"});
  plan.sampling.cap_seconds = 0.001;
  run_plan(plan, options_for(folder / "run"));
  for (const auto& record : read_records(folder / "run"))
    if (record["kind"] == "time") CHECK(record["time"]["stop"] == "cap");
}

TEST_CASE("with a cold cache the calls take turns through sets of inputs") {
  const TemporaryFolder folder;
  auto plan = fault_plan({"steady"});
  plan.cases()[0]->workload = make_workload("gaussian", parse_problem("b1 h2 d64 n512"));
  plan.sampling.rounds = 1;
  plan.sampling.cache = CacheMode::cold;
  plan.memory_budget_bytes = 4 * cache_bytes() + 2e8;
  run_plan(plan, options_for(folder / "run"));
  bool timed = false;
  for (const auto& record : read_records(folder / "run")) {
    CHECK(record["cache"] == "cold");
    CHECK(has(record["reproducer"], "--cache cold"));
    if (record["kind"] != "time") continue;
    timed = true;
    CHECK(record["time"]["input_sets"].get<double>() * compulsory_bytes(plan.cases()[0]->problem()) >= 2 * cache_bytes());
  }
  CHECK(timed);
}

TEST_CASE("what a run learns is there for the next one, and a case it finds too long is skipped with the prediction") {
  const TemporaryFolder folder;
  auto plan = fault_plan({"slow"}, {8, 16, 32});
  for (auto* point : plan.cases()) point->prior = {.seconds = 1e-4, .peak_bytes = 1e6};  // it takes 20 ms
  plan.max_call_seconds = 0.005;
  auto options = options_for(folder / "run");
  options.cost_model_file = folder / "model.json";
  const auto outcome = run_plan(plan, options);
  CHECK(outcome.ok == 1);
  CHECK(outcome.skipped == 2);
  const auto records = read_records(folder / "run");
  const auto skipped = std::find_if(records.rbegin(), records.rend(), [](const Json& r) { return r["status"] == "skipped"; });
  REQUIRE(skipped != records.rend());
  CHECK(has((*skipped)["reasons"][0], "one call is predicted to take"));
  CHECK((*skipped)["prediction"]["seconds"].get<double>() >= 0.02);
  CHECK((*skipped)["prediction"]["model"] == "fitted");
  CHECK(records.front()["prediction"]["model"] == "prior");

  options.directory = folder / "again";
  CHECK(run_plan(plan, options).skipped == 3);
}

TEST_CASE("what an earlier run kept of a busy machine does not skip what this run finds quick enough") {
  const TemporaryFolder folder;
  auto plan = fault_plan({"slow"}, {8, 16, 32});
  double seconds = 1e-4;
  for (auto* point : plan.cases()) point->prior = {.seconds = seconds *= 4, .peak_bytes = 1e6};
  FittedModel busy;
  busy.learn(*plan.cases().back(), 30);  // it takes 20 ms
  save_cost_model(busy, folder / "model.json");
  plan.max_call_seconds = 10;
  plan.cases().back()->status = CaseStatus::skipped;  // as the plan was built
  plan.cases().back()->reasons = {"too long"};
  auto options = options_for(folder / "run");
  options.cost_model_file = folder / "model.json";
  const auto outcome = run_plan(plan, options);
  CHECK(outcome.ok == 3);
  CHECK(outcome.skipped == 0);
}

TEST_CASE("every kind of death costs its own case only and says why") {
  struct Expected {
    std::string status, reason;
  };
  const std::map<std::string, Expected> faults = {{"segfaults", {"crashed", "Segmentation fault"}},
                                                  {"is_killed", {"crashed", "signal 9"}},
                                                  {"aborts", {"crashed", "signal 6"}},
                                                  {"babbles", {"crashed", "not a result"}},
                                                  {"answers_zeros", {"crashed", "not a result"}},
                                                  {"answers_half", {"crashed", "not a result"}},
                                                  {"answers_for_another", {"crashed", "not a result of its job"}},
                                                  {"answers_early", {"crashed", "not a result"}},
                                                  {"floods_answer", {"crashed", "more than 4 MiB"}},
                                                  {"leaves", {"crashed", "status 7"}},
                                                  {"eats_memory", {"out_of_memory", "allocation failed"}},
                                                  {"throws", {"crashed", "thrown by a test"}},
                                                  {"is_wrong", {"mismatch", ""}}};
  std::vector<std::string> names{"steady"};
  for (const auto& [name, expected] : faults) names.push_back(name);
  names.push_back("steady_too");

  const TemporaryFolder folder;
  const auto outcome = run_plan(fault_plan(names), options_for(folder / "run"));
  CHECK(outcome.ok == 2);
  CHECK(outcome.failed == static_cast<int>(faults.size()));
  CHECK(outcome.exit_code() == 1);
  const auto records = read_records(folder / "run");
  const auto schema = read_schema("record.schema.json");
  for (const auto& record : records) CHECK(schema_violation(schema, record) == "");
  for (const auto& record : records) {
    const auto fault = faults.find(record["variant"]);
    if (fault == faults.end()) continue;
    CAPTURE(record.dump());
    CHECK(record["kind"] == "verify");  // never timed
#ifndef ATTNBENCH_SANITIZED             // which catch some of these themselves and exit
    CHECK(record["status"] == fault->second.status);
    CHECK(has(record["reasons"].dump(), fault->second.reason));
#endif
    CHECK_FALSE(record["reasons"].empty());
    CHECK(record["status"] != "ok");
  }
  CHECK(count(records, "time", "steady") == 2);
  CHECK(count(records, "time", "steady_too") == 2);
}

TEST_CASE("a worker that hangs, silently or talking without end, is stopped at its limit") {
  const TemporaryFolder folder;
  auto plan = fault_plan({"hangs", "falls_silent", "floods_output", "steady"});
  plan.sampling.timeout_seconds = 2;
  const auto outcome = run_plan(plan, options_for(folder / "run"));
  const auto records = read_records(folder / "run");
  const auto found = statuses(records);
  for (const char* variant : {"hangs", "falls_silent", "floods_output"}) {
    CAPTURE(variant);
    CHECK(found.at(std::string(variant) + " verify") == "timeout");
    CHECK(count(records, "verify", variant) == 1);
    CHECK(count(records, "time", variant) == 0);
  }
  CHECK(found.at("steady time") == "ok");
  CHECK(outcome.failed == 3);
}

#ifndef ATTNBENCH_SANITIZED  // under which workers have no memory limit
TEST_CASE("a variant that leaks is stopped by its memory limit, not by the machine's") {
  const TemporaryFolder folder;
  const auto outcome = run_plan(fault_plan({"leaks", "steady"}), options_for(folder / "run"));
  const auto records = read_records(folder / "run");
  CHECK(statuses(records).at("leaks verify") == "ok");
  CHECK(statuses(records).at("leaks time") == "out_of_memory");
  CHECK(count(records, "time", "leaks") == 1);
  CHECK(outcome.failed == 1);
}
#endif

TEST_CASE("a case that dies while it is timed gets no further rounds") {
  const TemporaryFolder folder;
  const auto outcome = run_plan(fault_plan({"dies_when_timed", "steady"}), options_for(folder / "run"));
  const auto records = read_records(folder / "run");
  CHECK(count(records, "time", "dies_when_timed") == 1);
  CHECK(count(records, "memory", "dies_when_timed") == 0);
  CHECK(statuses(records).at("dies_when_timed verify") == "ok");
  CHECK(statuses(records).at("dies_when_timed time") == "crashed");
  CHECK(outcome.failed == 1);
}

TEST_CASE("the cap ends a case's rounds after the first") {
  const TemporaryFolder folder;
  auto plan = fault_plan({"steady"});
  plan.sampling.rounds = 5;
  plan.sampling.cap_seconds = 1e-6;
  CHECK(run_plan(plan, options_for(folder / "run")).ok == 1);
  const auto records = read_records(folder / "run");
  CHECK(count(records, "time", "steady") == 1);
  CHECK(count(records, "memory", "steady") == 1);
}

TEST_CASE("a dataset that cannot give inputs is a recorded skip, and a mistake when no case could run") {
  const TemporaryFolder folder;
  auto plan = fault_plan({"steady"});
  plan.groups.push_back(plan.groups.front());
  auto& moved = plan.groups.back().cases.front().workload;
  moved = make_workload("file:/no/such/folder", moved->problem);
  const auto outcome = run_plan(plan, options_for(folder / "some"));
  CHECK(outcome.ok == 1);
  CHECK(outcome.skipped == 1);
  CHECK(has(read_text(folder / "some/records.jsonl"), "/no/such/folder"));
  plan.groups.erase(plan.groups.begin());
  CHECK(has(refusal([&] { run_plan(plan, options_for(folder / "none")); }), "/no/such/folder"));
}

TEST_CASE("what the plan refused is recorded with its reasons and not run") {
  const TemporaryFolder folder;
  auto plan = fault_plan({"steady", "segfaults", "aborts"});
  plan.cases()[1]->status = CaseStatus::unsupported;
  plan.cases()[1]->reasons = {"it says so"};
  plan.cases()[2]->status = CaseStatus::skipped;
  plan.cases()[2]->reasons = {"too large"};
  const auto outcome = run_plan(plan, options_for(folder / "run"));
  CHECK(outcome.exit_code() == 0);
  CHECK(outcome.skipped == 2);
  const auto found = statuses(read_records(folder / "run"));
  CHECK(found.at("segfaults verify") == "unsupported");
  CHECK(found.at("aborts verify") == "skipped");
}

TEST_CASE("verify only neither times nor weighs") {
  const TemporaryFolder folder;
  auto options = options_for(folder / "run");
  options.verify_only = true;
  const auto outcome = run_plan(fault_plan({"steady", "is_wrong"}), options);
  CHECK(outcome.ok == 1);
  CHECK(outcome.failed == 1);
  CHECK(read_records(folder / "run").size() == 2);
}

TEST_CASE("attention matrices are drawn for the variants found right") {
  const TemporaryFolder folder;
  auto plan = fault_plan({"steady", "is_wrong"});
  plan.weights = true;
  run_plan(plan, options_for(folder / "run"));
  const auto records = read_records(folder / "run");
  REQUIRE(count(records, "weights", "steady") == 1);
  CHECK(count(records, "weights", "is_wrong") == 0);
  const auto& record = records.back();
  CHECK(record["kind"] == "weights");
  CHECK(std::filesystem::exists(folder / "run/" + record["weights"]["file"].get<std::string>()));
}

TEST_CASE("run.json follows its schema") {
  const TemporaryFolder folder;
  run_plan(fault_plan({"steady"}), options_for(folder / "run"));
  CHECK(schema_violation(read_schema("run.schema.json"), Json::parse(read_text(folder / "run/run.json"))) == "");
}

TEST_CASE("a killed run is resumed with no key lost or repeated") {
  const TemporaryFolder folder;
  const std::vector<std::string> variants{"steady", "slow", "is_killed"};
  const auto whole = start_orchestrator(folder / "whole", "new", variants);
  const int whole_status = wait_for(whole);
  const auto expected = read_records(folder / "whole");
  CHECK(keys(expected).size() == expected.size());
  CHECK(expected.size() == 4 * (3 + 2 * 2 + 2));  // lengths x (verify + rounds of the two right ones + memory)

  const auto directory = folder / "killed";
  for (const std::size_t records : {1, 5, 14, 25}) {
    const auto child = start_orchestrator(directory, records == 1 ? "new" : "resume", variants);
    signal_after(child, directory, records, SIGKILL);
    CHECK(WTERMSIG(wait_for(child)) == SIGKILL);
    CHECK(read_records(directory).size() < expected.size());
  }
  CHECK(wait_for(start_orchestrator(directory, "resume", variants)) == whole_status);
  const auto records = read_records(directory);
  CHECK(records.size() == expected.size());
  CHECK(keys(records) == keys(expected));
  CHECK_FALSE(std::filesystem::exists(directory + "/inputs"));
}

TEST_CASE("Ctrl-C ends a run in order, and resuming finishes it") {
  const TemporaryFolder folder;
  const auto directory = folder / "run";
  const auto child = start_orchestrator(directory, "new", {"slow"});
  signal_after(child, directory, 3, SIGINT);
  CHECK(WEXITSTATUS(wait_for(child)) == 130);
  CHECK(Json::parse(read_text(directory + "/run.json"))["status"] == "interrupted");
  CHECK_FALSE(std::filesystem::exists(directory + "/inputs"));
  const auto before = read_records(directory).size();
  CHECK(before < 16);
  CHECK(WEXITSTATUS(wait_for(start_orchestrator(directory, "resume", {"slow"}))) == 0);
  const auto records = read_records(directory);
  CHECK(records.size() == 16);
  CHECK(keys(records).size() == 16);
  CHECK(Json::parse(read_text(directory + "/run.json"))["status"] == "complete");
}

TEST_CASE("workers die with a killed orchestrator") {
  const TemporaryFolder folder;
  const auto child = start_orchestrator(folder / "run", "new", {"hangs"});
  const auto workers = [&] { return read_text("/proc/" + std::to_string(child) + "/task/" + std::to_string(child) + "/children"); };
  while (!std::filesystem::exists(folder / "run/inputs") || workers().empty())
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // past the inputs job, into the one that hangs
  const auto worker = static_cast<pid_t>(std::stol("0" + workers()));
  REQUIRE(worker > 0);
  ::kill(child, SIGKILL);
  wait_for(child);
  CHECK(dies_soon(worker));
}

TEST_CASE("another plan, binary or machine may not go on in the same folder") {
  const TemporaryFolder folder;
  const auto directory = folder / "run";
  run_plan(fault_plan({"steady"}), options_for(directory));
  CHECK(has(refusal([&] { run_plan(fault_plan({"steady_too"}), options_for(directory, true)); }), "another plan"));
  const auto path = directory + "/run.json";
  const auto document = Json::parse(read_text(path));
  for (const auto& [member, complaint] : {std::pair{"binary_id", "another binary"}, {"machine_id", "another machine"}}) {
    auto changed = document;
    changed["sessions"][0][member] = "0000000000000000";
    write_text(path, changed.dump());
    const auto message = refusal([&] { run_plan(fault_plan({"steady"}), options_for(directory, true)); });
    CHECK(has(message, complaint + std::string(" (0000000000000000, this is ") + document[member].get<std::string>()));
    CHECK(has(message, "--allow-mixed"));
  }
  write_text(path, document.dump());
  const auto outcome = run_plan(fault_plan({"steady"}), options_for(directory, true));
  CHECK(outcome.ok == 1);
  CHECK(read_records(directory).size() == 4);
}

TEST_CASE("with leave, another binary carries on, in a session of its own") {
  const TemporaryFolder folder;
  const auto directory = folder / "run", path = directory + "/run.json";
  auto options = options_for(directory);
  options.verify_only = true;
  run_plan(fault_plan({"steady"}), options);
  auto changed = Json::parse(read_text(path));
  changed["sessions"][0]["binary_id"] = "0000000000000000";
  write_text(path, changed.dump());
  options = options_for(directory, true);
  options.allow_mixed = true;
  CHECK(run_plan(fault_plan({"steady"}), options).ok == 1);
  const auto run = Json::parse(read_text(path));
  REQUIRE(run["sessions"].size() == 2);
  CHECK(run["sessions"][0]["finished"].is_string());
  CHECK(run["sessions"][1]["finished"].is_string());
  CHECK(run["sessions"][1]["binary_id"] == run["binary_id"]);
  CHECK(schema_violation(read_schema("run.schema.json"), run) == "");
  for (const auto& record : read_records(directory)) CHECK(record["session"] == (record["kind"] == "verify" ? 0 : 1));
}

TEST_CASE("what another binary found right is verified again before it is timed") {
  const TemporaryFolder folder;
  const auto directory = folder / "run", path = directory + "/run.json";
  const auto plan = fault_plan({"turns_wrong", "steady"});
  auto options = options_for(directory);
  options.verify_only = true;
  CHECK(run_plan(plan, options).ok == 2);
  auto changed = Json::parse(read_text(path));
  changed["sessions"][0]["binary_id"] = "0000000000000000";
  write_text(path, changed.dump());
  options = options_for(directory, true);
  options.allow_mixed = true;
  ::setenv("ATTNBENCH_TEST_TURNED", "1", 1);
  const auto outcome = run_plan(plan, options);
  ::unsetenv("ATTNBENCH_TEST_TURNED");
  CHECK(outcome.ok == 1);
  CHECK(outcome.failed == 1);
  const auto records = read_records(directory);
  CHECK(statuses(records).at("turns_wrong verify") == "ok");  // the verdict of the other binary stays
  CHECK(statuses(records).at("turns_wrong time") == "mismatch");
  CHECK(count(records, "time", "turns_wrong") == 1);
  CHECK(count(records, "memory", "turns_wrong") == 0);
  CHECK(count(records, "verify", "steady") == 1);
  CHECK(count(records, "time", "steady") == 2);
  CHECK(has(read_text(directory + "/records.jsonl"), "another binary found this case right"));
}

TEST_CASE("a folder that takes no inputs ends the run instead of failing its cases") {
  const TemporaryFolder folder;
  const auto directory = folder / "run";
  rlimit previous{};
  ::getrlimit(RLIMIT_FSIZE, &previous);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{12'000, previous.rlim_max};  // room for run.json and a record or two, not for three pages of inputs
  ::setrlimit(RLIMIT_FSIZE, &limit);
  const auto message = refusal([&] { run_plan(fault_plan({"steady"}), options_for(directory)); });
  ::setrlimit(RLIMIT_FSIZE, &previous);
  ::signal(SIGXFSZ, handler);
  CHECK(has(message, "File too large"));
  CHECK(has(message, "--resume"));
  CHECK(read_records(directory).empty());
  CHECK(run_plan(fault_plan({"steady"}), options_for(directory, true)).ok == 1);
  CHECK(read_records(directory).size() == 4);
}
