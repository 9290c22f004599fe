#include "harness/doctor/tuning.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "harness/support/text.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  return std::getline(file, line) ? line : "";
}

// "madvise" of "always [madvise] never".
std::string chosen(const std::string& line) {
  const auto begin = line.find('['), end = line.find(']');
  return begin < end && end != std::string::npos ? line.substr(begin + 1, end - begin - 1) : line;
}

bool has_word(const std::string& line, const std::string& wanted) {
  std::istringstream words(line);
  for (std::string word; words >> word;)
    if (word == wanted) return true;
  return false;
}

// One file per group of cores that share a clock.
void add_governors(const std::string& root, std::vector<Setting>& settings) {
  std::vector<std::string> policies;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root + "/sys/devices/system/cpu/cpufreq", error))
    if (entry.path().filename().string().starts_with("policy")) policies.push_back(entry.path().string());
  std::sort(policies.begin(), policies.end());
  for (const auto& policy : policies) {
    const auto now = first_line(policy + "/scaling_governor");
    if (now.empty() || now == "performance" || !has_word(first_line(policy + "/scaling_available_governors"), "performance"))
      continue;
    settings.push_back({policy + "/scaling_governor", now, "performance", "the clock does not follow the load"});
  }
}

}  // namespace

std::vector<Setting> settings_to_change(const std::string& root) {
  std::vector<Setting> settings;
  const auto add = [&](const std::string& name, const std::string& bad, const std::string& wanted, const std::string& why) {
    const auto file = root + name, now = chosen(first_line(file));
    if (now == bad) settings.push_back({file, now, wanted, why});
  };
  add_governors(root, settings);
  add("/sys/devices/system/cpu/intel_pstate/no_turbo", "0", "1", "no turbo: the clock does not depend on temperature and load");
  add("/sys/devices/system/cpu/cpufreq/boost", "1", "0", "no boost: the clock does not depend on temperature and load");
  add("/sys/devices/system/cpu/smt/control", "on", "off", "one hardware thread per core: no two share its units");
  add("/sys/kernel/mm/transparent_hugepage/enabled", "never", "madvise", "long tensors on huge pages");
  const std::string paranoid = "/proc/sys/kernel/perf_event_paranoid";
  if (const auto now = first_line(root + paranoid); std::atoi(now.c_str()) > 2)
    settings.push_back({root + paranoid, now, "2", "every user may count the cycles of own processes"});
  return settings;
}

std::string tuning_script(const std::vector<Setting>& settings) {
  std::string text =
      "#!/bin/sh\n"
      "# Settings of this machine for steadier times, written by `attnbench doctor --tune`. They last until it is started again.\n";
  if (settings.empty()) return text + "# Nothing to change: whatever this machine lets the system set is as it should be.\n";
  text +=
      "#   attnbench doctor --tune > tune.sh      then read it\n"
      "#   sudo sh tune.sh                        before measuring\n"
      "#   sudo sh tune.sh restore                afterwards\n";
  std::string tune, restore, comment;
  for (const auto& setting : settings) {
    const auto line = [&](const std::string& value) {
      return "  echo " + shell_quoted(value) + " > " + shell_quoted(setting.file) + "\n";
    };
    if (setting.why != comment) tune += "  # " + setting.why + "\n";
    comment = setting.why;
    tune += line(setting.wanted);
    restore = line(setting.now) + restore;  // what was changed last goes back first
  }
  return text + "if [ \"${1:-}\" = restore ]; then\n" + restore + "else\n" + tune + "fi\n";
}

}  // namespace attnbench
