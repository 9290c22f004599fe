// What this binary was built from. The values are generated at build time (scripts/cmake/BuildInfo.cmake), so they are right even
// when only the git state changed since the last configure.
#pragma once

namespace attnbench {

struct BuildInfo {
  const char* version;     // "0.1.0"
  const char* git_sha;     // full hash, or "unknown" outside a git checkout
  bool git_dirty;          // tracked files differed from that commit
  const char* compiler;    // "GNU 12.2.0"
  const char* flags;       // as CMake passed them for the build type
  const char* build_type;  // "Release"
  const char* source_dir;  // the source tree, for what an uninstalled binary needs at run time
};

const BuildInfo& build_info();

}  // namespace attnbench
