// CrashGuard: while it lives, a library that crashes this process, hangs or exits costs one line that names it and exit code 2.
//
// For the process that the user started, which loads a library after a child has tried it (catalogue.h) and asks its variants for
// costs while planning. Workers and probes do without: their parent sees how they end.
#pragma once

#include <string>

namespace attnbench::plugins {

class CrashGuard {
 public:
  /// `doing`: "while it was loaded". Does nothing unless enabled. One at a time.
  CrashGuard(const std::string& plugin, const std::string& doing);
  ~CrashGuard();
  CrashGuard(const CrashGuard&) = delete;
  CrashGuard& operator=(const CrashGuard&) = delete;

  /// From now on in this process.
  static void enable();

 private:
  bool active_ = false;
};

/// How long a library may take to load: 30 s, or ATTNBENCH_PLUGIN_TIMEOUT. Throws UserError when that is not a positive number.
double plugin_timeout_seconds();

}  // namespace attnbench::plugins
