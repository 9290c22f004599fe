#include "tests/harness/harness_test_support.h"

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "harness/run/store.h"
#include "harness/support/json.h"
#include "harness/support/json_schema.h"

namespace attnbench {
namespace {

// What an ok record of each kind holds.
Json measurement(const std::string& kind) {
  if (kind == "verify")
    return {{"oracle", "dense"},
            {"rows", 4},
            {"rel_rms", 1e-7},
            {"max_abs", 1e-7},
            {"tolerance_rel_rms", 1e-6},
            {"tolerance_max_abs", 1e-5},
            {"mostly_constant", false},
            {"guards_intact", true},
            {"workspace_within_declared", true},
            {"deterministic", true},
            {"approximation_rel_rms", 0.0},
            {"approximation_max_abs", 0.0},
            {"approximation_cosine", 1.0}};
  if (kind == "time")
    return {{"samples_s", {0.25}},
            {"iterations", {1}},
            {"median_s", 0.25},
            {"min_s", 0.25},
            {"warmup_calls", 1},
            {"prepare_s", 0.0},
            {"peak_gflops", 10.0},
            {"peak_before_gflops", 10.0},
            {"peak_after_gflops", 10.0},
            {"clock_drift", 0.0},
            {"involuntary_switches", {0}},
            {"load_1m", 0.0},
            {"input_sets", 1},
            {"share_of_peak", 0.1},
            {"share_of_bandwidth", nullptr},
            {"above_ceiling", false},
            {"stop", nullptr},
            {"timed_by", "harness"}};
  if (kind == "memory")
    return {{"workspace_declared", 64}, {"workspace_peak", 64}, {"prepared_bytes", 0},    {"input_bytes", 64}, {"output_bytes", 64},
            {"rss_baseline", 1 << 20},  {"rss_peak", 1 << 20},  {"stray_allocations", 0}, {"stray_bytes", 0}};
  return {{"file", "weights/gaussian/naive.npy"}, {"labels", Json::array()}};
}

Json environment() {
  Json environment = Json::object();
  for (const char* name : {"cpu_model", "isa", "governor", "transparent_hugepages", "kernel", "os", "compiler", "flags",
                           "build_type", "git_sha", "attnbench", "openblas", "openblas_core", "tbb", "google_benchmark"})
    environment[name] = "x";
  environment["cpu_model"] = "CPU X";
  environment.update(Json{{"cores", 2},
                          {"memory_bytes", 1 << 30},
                          {"cgroup_memory_bytes", nullptr},
                          {"load_1m", 0.0},
                          {"git_dirty", false},
                          {"clock_resolution_s", 1e-8},
                          {"warnings", Json::array()}});
  return environment;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "attnbench-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_text(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

bool dies_soon(long process) {
  const auto alive = [&] {
    const auto status = read_text("/proc/" + std::to_string(process) + "/status");
    return !status.empty() && !has(status, "State:\tZ");
  };
  for (int i = 0; i < 2000 && alive(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return !alive();
}

std::vector<Json> read_records(const std::string& directory) {
  std::vector<Json> records;
  std::istringstream lines(read_text(directory + "/records.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    records.push_back(Json::parse(line));
    records.back().erase("check");
  }
  return records;
}

Json stored_record(const std::string& key, const std::string& kind, const std::string& status) {
  Json record = {
      {"schema_version", kSchemaVersion},
      {"key", key},
      {"session", 0},
      {"kind", kind},
      {"status", status},
      {"reasons", Json::array()},
      {"dataset", "gaussian"},
      {"seed", 1},
      {"problem", "b1 h1 n16 d8 f32"},
      {"problem_fields",
       {{"batch", 1},
        {"heads_q", 1},
        {"heads_kv", 1},
        {"n_q", 16},
        {"n_k", 16},
        {"d_qk", 8},
        {"d_v", 8},
        {"dtype", "f32"},
        {"causal", "none"}}},
      {"variant", "naive"},
      {"variant_name", "naive"},
      {"family", "exact"},
      {"computes", "exact_softmax"},
      {"params", Json::object()},
      {"threads", 1},
      {"round", 0},
      {"cache", "hot"},
      {"isa", "AVX2"},
      {"reproducer", "attnbench run"},
      {"cost",
       {{"multiply_adds", 1.0}, {"exps", 1.0}, {"bytes", 1.0}, {"pairs", 1.0}, {"dense_flops", 1.0}, {"compulsory_bytes", 1.0}}},
      {"prediction", {{"seconds", 1.0}, {"peak_bytes", 1.0}, {"model", "prior"}}},
      {"started", "2026-11-21T05:00:00Z"},
      {"wall_s", 0.5}};
  if (status == "ok") record[kind] = measurement(kind);
  return record;
}

Json stored_session(const std::string& binary, const std::string& machine) {
  return {{"started", "2026-11-21T05:00:00Z"}, {"finished", "2026-11-21T06:00:00Z"},
          {"command", {"attnbench", "run"}},   {"binary_id", binary},
          {"environment", environment()},      {"machine_id", machine}};
}

Json stored_variant(const std::string& label) {
  return {{"label", label},           {"name", label},          {"family", "exact"},
          {"summary", "x"},           {"paper", "x"},           {"computes", "exact_softmax"},
          {"time_label", "O(n^2)"},   {"memory_label", "O(n)"}, {"laws", Json::array()},
          {"params", Json::object()}, {"plugin", nullptr}};
}

Json stored_run() {
  return {{"schema_version", kSchemaVersion},
          {"run_id", "run"},
          {"created", "2026-11-21T05:00:00Z"},
          {"finished", nullptr},
          {"status", "running"},
          {"command", {"attnbench", "run"}},
          {"plan",
           {{"name", "p"},
            {"profile", "quick"},
            {"rounds", 3},
            {"samples", 3},
            {"seed", 1},
            {"cases", 2},
            {"toml", "name = 'p'\nmemory_budget = 1000.0\nvariants = ['naive']\n"}}},
          {"shard", nullptr},
          {"merged_from", Json::array()},
          {"datasets", Json::object()},
          {"variants", {stored_variant("naive")}},
          {"environment", environment()},
          {"binary_id", "b"},
          {"machine_id", "m"},
          {"calibration", nullptr},
          {"sessions", {stored_session("b", "m")}}};
}

Json read_schema(const std::string& name) {
  return Json::parse(read_text(std::string(ATTNBENCH_SOURCE_DIR) + "/harness/schema/" + name));
}

std::string schema_violation(const Json& schema, const Json& document) { return schema_fault(schema, document, Members::exact); }

}  // namespace attnbench
