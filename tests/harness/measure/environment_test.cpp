// If these fail, a run does not say where its numbers come from, or stays silent about what spoils them.
#include "harness/measure/environment.h"

#include <algorithm>

#include "harness/support/hash.h"
#include "harness/support/json.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

using namespace attnbench;

namespace {

Conditions quiet_machine() {
  return {.build_type = "Release", .openblas_parallel = 1, .load = 0.1, .cores = 4, .threads = 4, .governor = "performance"};
}

// The only warning there is.
std::string warning(const Conditions& conditions) {
  const auto warnings = warnings_for(conditions);
  CHECK(warnings.size() == 1);
  return warnings.empty() ? "" : warnings.front();
}

}  // namespace

TEST_CASE("a quiet machine and a release build give no warning") { CHECK(warnings_for(quiet_machine()).empty()); }

TEST_CASE("each thing that spoils a measurement is named") {
  auto c = quiet_machine();
  c.build_type = "Debug";
  CHECK(has(warning(c), "Debug"));
  c = quiet_machine();
  c.sanitized = true;
  CHECK(has(warning(c), "sanitizers"));
  c = quiet_machine();
  c.openblas_parallel = 0;
  CHECK(has(warning(c), "serial"));
  c.openblas_parallel = 2;
  CHECK(has(warning(c), "OpenMP"));
  c = quiet_machine();
  c.load = 3;
  CHECK(has(warning(c), "busy (load 3.00 on 4 cores)"));
  c.other_work_cores = 1.5;
  CHECK(has(warning(c), "busy (other work keeps 1.5 of 4 cores busy)"));
  c.other_work_cores = 0.1;  // the load is what was built a minute ago
  CHECK(warnings_for(c).empty());
  c = quiet_machine();
  c.threads = 5;
  CHECK(has(warning(c), "5 threads on 4"));
  c = quiet_machine();
  c.governor = "powersave";
  CHECK(has(warning(c), "powersave"));
  c.governor = "unknown";
  CHECK(warnings_for(c).empty());
  c = quiet_machine();
  c.turbo = true;
  CHECK(has(warning(c), "turbo"));
  c = quiet_machine();
  c.swap_used = 2e9;
  CHECK(has(warning(c), "swap"));
}

TEST_CASE("the environment follows the schema and knows this machine") {
  const auto environment = describe_environment(1);
  CHECK(schema_violation(read_schema("run.schema.json")["$defs"]["environment"], environment) == "");
  CHECK(environment["cpu_model"] != "");
  CHECK(environment["cores"] >= 1);
  CHECK(environment["memory_bytes"] > 1e6);
  CHECK(has(environment["openblas"], "OpenBLAS"));
  CHECK(environment["google_benchmark"] != "");
}

TEST_CASE("fingerprints are those of FNV-1a and follow the bytes") {
  CHECK(fingerprint("") == "cbf29ce484222325");   // the published offset basis
  CHECK(fingerprint("a") == "af63dc4c8601ec8c");  // and test vector
  const TemporaryFolder folder;
  write_text(folder / "binary", "a");
  CHECK(binary_id(folder / "binary") == fingerprint("a"));
  CHECK(has(refusal([&] { binary_id(folder / "none"); }), "none"));
}

TEST_CASE("a machine is known again by its cpu, cores and memory, give or take what the kernel keeps") {
  const Json machine = {{"cpu_model", "X"}, {"cores", 2}, {"memory_bytes", 8'000'000'000}, {"load_1m", 1}};
  auto same = machine;
  same["memory_bytes"] = 8'010'000'000;
  same["load_1m"] = 2;
  CHECK(machine_id(machine) == machine_id(same));
  for (const auto& [name, value] :
       {std::pair<std::string, Json>{"cpu_model", "Y"}, {"cores", 4}, {"memory_bytes", 16'000'000'000}}) {
    auto other = machine;
    other[name] = value;
    CHECK(machine_id(machine) != machine_id(other));
  }
}
