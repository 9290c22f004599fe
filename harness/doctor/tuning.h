// Tuning: the settings of Linux that make times scatter, and a script that changes them and can restore what was there.
#pragma once

#include <string>
#include <vector>

namespace attnbench {

/// A setting that should be another one while times are measured.
struct Setting {
  std::string file;    // "/sys/devices/system/cpu/cpufreq/boost"
  std::string now;     // "1"
  std::string wanted;  // "0"
  std::string why;     // one line
};

/// Those that are not as they should be, read below `root` ("" on a machine). What the machine does not have is not among them.
std::vector<Setting> settings_to_change(const std::string& root = "");

/// A script for sh: run as root it makes the changes, with the argument `restore` it brings back what was there.
std::string tuning_script(const std::vector<Setting>& settings);

}  // namespace attnbench
