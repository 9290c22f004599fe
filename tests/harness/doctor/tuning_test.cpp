// If these fail, `doctor --tune` writes a script that misses a setting, changes one that is right, or cannot restore it.
#include "harness/doctor/tuning.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "harness/run/record.h"
#include "harness/support/text.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

namespace attnbench {
namespace {

const std::string kCpu = "/sys/devices/system/cpu/";

// A copy of the files of a machine, by their names below /.
class Machine {
 public:
  explicit Machine(const std::map<std::string, std::string>& files) {
    for (const auto& [name, text] : files) {
      std::filesystem::create_directories(std::filesystem::path(root() + name).parent_path());
      std::ofstream(root() + name) << text << "\n";
    }
  }
  std::string root() const { return folder_ / "root of 'it'"; }
  std::string operator[](const std::string& name) const { return read_text(root() + name); }
  int run(const std::string& argument) const {
    std::ofstream(folder_ / "tune.sh") << script_;
    return std::system(("sh " + shell_quoted(folder_ / "tune.sh") + " " + argument).c_str());
  }
  void keep_script() { script_ = tuning_script(settings_to_change(root())); }

 private:
  TemporaryFolder folder_;
  std::string script_;
};

TEST_CASE("the script sets what disturbs times and restores what was there") {
  const std::string turbo = kCpu + "intel_pstate/no_turbo", boost = kCpu + "cpufreq/boost", smt = kCpu + "smt/control",
                    first = kCpu + "cpufreq/policy0/scaling_governor", second = kCpu + "cpufreq/policy1/scaling_governor",
                    paranoid = "/proc/sys/kernel/perf_event_paranoid";
  Machine machine({{turbo, "0"},
                   {boost, "1"},
                   {smt, "on"},
                   {first, "powersave"},
                   {second, "ondemand"},
                   {kCpu + "cpufreq/policy0/scaling_available_governors", "powersave performance"},
                   {kCpu + "cpufreq/policy1/scaling_available_governors", "performance ondemand"},
                   {paranoid, "4"}});
  machine.keep_script();
  CHECK(machine.run("") == 0);
  CHECK(machine[turbo] == "1\n");
  CHECK(machine[boost] == "0\n");
  CHECK(machine[smt] == "off\n");
  CHECK(machine[first] == "performance\n");
  CHECK(machine[second] == "performance\n");
  CHECK(machine[paranoid] == "2\n");
  CHECK(settings_to_change(machine.root()).empty());
  CHECK(machine.run("restore") == 0);
  CHECK(machine[turbo] == "0\n");
  CHECK(machine[smt] == "on\n");
  CHECK(machine[first] == "powersave\n");
  CHECK(machine[second] == "ondemand\n");
  CHECK(machine[paranoid] == "4\n");
}

TEST_CASE("huge pages are set where there are none; what is right or absent is left alone") {
  const auto pages = std::string("/sys/kernel/mm/transparent_hugepage/enabled");
  const auto changes = [&](const std::map<std::string, std::string>& files) {
    return settings_to_change(Machine(files).root()).size();
  };
  const auto never = settings_to_change(Machine({{pages, "always madvise [never]"}}).root());
  REQUIRE(never.size() == 1);
  CHECK(never[0].now == "never");
  CHECK(never[0].wanted == "madvise");
  CHECK(changes({{pages, "always [madvise] never"}}) == 0);
  CHECK(changes({{kCpu + "smt/control", "notsupported"}, {kCpu + "intel_pstate/no_turbo", "1"}}) == 0);
  CHECK(changes({{"/proc/sys/kernel/perf_event_paranoid", "2"}}) == 0);
  CHECK(changes({{kCpu + "cpufreq/policy0/scaling_governor", "schedutil"},
                 {kCpu + "cpufreq/policy0/scaling_available_governors", "schedutil"}}) == 0);
  CHECK(tuning_script({}).find("Nothing to change") != std::string::npos);
}

}  // namespace
}  // namespace attnbench
