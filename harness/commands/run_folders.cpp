#include "harness/commands/run_folders.h"

#include <algorithm>
#include <filesystem>

#include "harness/support/files.h"
#include "harness/support/json.h"
#include "harness/support/text.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLast = "@last";

// K of "@last~K", 0 of "@last".
std::size_t runs_back(const std::string& given) {
  if (given == kLast) return 0;
  const auto count = given.starts_with(std::string(kLast) + "~") ? parse_count(given.substr(kLast.size() + 1)) : std::nullopt;
  if (!count) throw UserError("'" + given + "' is not a run; expected a folder, @last, or @last~1 for the run before it");
  return static_cast<std::size_t>(*count);
}

std::string newest_run(const std::string& given) {
  const auto back = runs_back(given);
  const auto runs = stored_runs(kResults);
  if (runs.empty())
    throw UserError("no runs below " + std::string(kResults) + "/ here, so no " + given + "; make one with `attnbench run`");
  if (back >= runs.size())
    throw UserError("there is no " + given + ": " + kResults + "/ holds " + std::to_string(runs.size()) +
                    (runs.size() == 1 ? " run" : " runs") + "; `attnbench runs` lists them");
  return runs[back].folder;
}

// null where it cannot be read.
Json run_document(const std::string& file) {
  try {
    return parse_json(read_file(file));
  } catch (const UnreadableFile&) {
    return nullptr;
  }
}

}  // namespace

std::string text_field(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::vector<StoredRun> stored_runs(const std::string& folder) {
  std::vector<StoredRun> runs;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto file = entry.path() / "run.json";
    if (!fs::is_regular_file(file, error)) continue;
    auto document = run_document(file.string());
    if (document.is_object()) runs.push_back({entry.path().string(), std::move(document)});
  }
  std::sort(runs.begin(), runs.end(), [](const StoredRun& a, const StoredRun& b) {
    const auto when = [](const StoredRun& run) { return std::pair(text_field(run.document, "created"), run.folder); };
    return when(a) > when(b);
  });
  return runs;
}

std::string run_folder(const std::string& given) {
  const auto folder = given.starts_with('@') ? newest_run(given) : given;
  std::error_code error;
  if (!fs::exists(folder + "/run.json", error))
    throw UserError("'" + folder + "' is not a run: it holds no run.json; `attnbench runs` lists the runs here");
  return folder;
}

std::vector<std::string> run_folders(const std::vector<std::string>& given) {
  std::vector<std::string> folders;
  for (const auto& one : given) folders.push_back(run_folder(one));
  return folders;
}

}  // namespace attnbench
