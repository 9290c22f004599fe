#include "tests/harness/harness_test_support.h"

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace attnbench {
namespace {

bool has_type(const Json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

bool has_some_type(const Json& value, const Json& types) {
  if (types.is_string()) return has_type(value, types);
  return std::any_of(types.begin(), types.end(), [&](const Json& type) { return has_type(value, type); });
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

Json read_schema(const std::string& name) {
  return Json::parse(read_text(std::string(ATTNBENCH_SOURCE_DIR) + "/harness/schema/" + name));
}

namespace {

// `root`: where the $refs of the schema lead.
std::string violation(const Json& root, const Json& schema, const Json& document, const std::string& where) {
  if (schema.contains("$ref"))
    return violation(root, root.at(Json::json_pointer(schema["$ref"].get<std::string>().substr(1))), document, where);
  if (schema.contains("const") && document != schema["const"]) return where + " is not " + schema["const"].dump();
  if (schema.contains("type") && !has_some_type(document, schema["type"])) return where + " has the wrong type";
  if (schema.contains("enum") && std::find(schema["enum"].begin(), schema["enum"].end(), document) == schema["enum"].end())
    return where + " holds an unknown word " + document.dump();
  if (schema.contains("items"))
    for (const auto& item : document)
      if (const auto found = violation(root, schema["items"], item, where + "[]"); !found.empty()) return found;
  if (!schema.contains("properties") || !document.is_object()) return "";
  for (const auto& name : schema.value("required", Json::array()))
    if (!document.contains(name.get<std::string>())) return where + " lacks " + name.dump();
  for (const auto& [name, value] : document.items()) {
    const bool known = schema["properties"].contains(name);
    if (!known && schema.value("additionalProperties", Json(true)) == false) return where + " has an unknown member " + name;
    if (!known) continue;
    if (const auto found = violation(root, schema["properties"][name], value, where + "." + name); !found.empty()) return found;
  }
  return "";
}

}  // namespace

std::string schema_violation(const Json& schema, const Json& document) { return violation(schema, schema, document, ""); }

}  // namespace attnbench
