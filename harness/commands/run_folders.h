// Run folders as the command line names them: a path, or @last for the newest run below results/.
#pragma once

#include <string>
#include <vector>

#include "harness/support/json.h"

namespace attnbench {

/// Where runs go unless --out says otherwise, relative to the current folder.
inline constexpr const char* kResults = "results";

struct StoredRun {
  std::string folder;
  Json document;  // its run.json
};

/// The runs directly below `folder`, newest first by their `created`. Folders without a readable run.json are left out.
std::vector<StoredRun> stored_runs(const std::string& folder);

/// The folder that `given` names: itself, or for "@last" the newest run below results/, for "@last~2" the second before it.
/// Throws UserError when it holds no run.json or there is no such run.
std::string run_folder(const std::string& given);

/// run_folder() of each.
std::vector<std::string> run_folders(const std::vector<std::string>& given);

/// Of an object's field, or "" when it is missing or no text.
std::string text_field(const Json& object, const char* name);

}  // namespace attnbench
