#include "harness/support/json_schema.h"

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "harness/support/json.h"
#include "harness/support/json_schema_texts.h"

namespace attnbench {
namespace {

constexpr std::size_t kShownBytes = 60;  // of a value in a message

struct Type {
  const char* name;
  const char* words;
  bool (*holds)(const Json& value);
};

constexpr Type kTypes[] = {
    {"integer", "a whole number", [](const Json& v) { return v.is_number_integer(); }},
    {"number", "a number", [](const Json& v) { return v.is_number(); }},
    {"string", "a string", [](const Json& v) { return v.is_string(); }},
    {"object", "an object", [](const Json& v) { return v.is_object(); }},
    {"array", "a list", [](const Json& v) { return v.is_array(); }},
    {"boolean", "true or false", [](const Json& v) { return v.is_boolean(); }},
    {"null", "null", [](const Json& v) { return v.is_null(); }},
};

const Type& type_of(const std::string& name) {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const Type& type) { return type.name == name; });
  if (found == std::end(kTypes)) throw std::logic_error("harness/schema uses a type that is not checked: " + name);
  return *found;
}

// "a", "a or b", "a, b or c"
std::string alternatives(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : i + 1 < words.size() ? ", " : " or ") + words[i];
  return text;
}

std::string shown(const Json& value) {
  const auto text = value.dump(-1, ' ', true, Json::error_handler_t::replace);  // ASCII: may be cut anywhere
  return text.size() <= kShownBytes ? text : text.substr(0, kShownBytes) + "...";
}

class Check {
 public:
  Check(const Json& root, Members members) : root_(root), members_(members) {}

  std::string fault(const Json& schema, const Json& value, const std::string& path) const {
    if (const auto reference = schema.find("$ref"); reference != schema.end())
      return fault(root_.at(Json::json_pointer(reference->get<std::string>().substr(1))), value, path);
    if (const auto expected = expectation(schema, value); !expected.empty())
      return (path.empty() ? "it" : path) + " is " + shown(value) + ", expected " + expected;
    if (value.is_array()) return items_fault(schema, value, path);
    return value.is_object() ? members_fault(schema, value, path) : "";
  }

 private:
  // What the value itself should be; empty when it is.
  static std::string expectation(const Json& schema, const Json& value) {
    if (const auto found = schema.find("const"); found != schema.end() && value != *found) return found->dump();
    if (const auto found = schema.find("enum");
        found != schema.end() && std::find(found->begin(), found->end(), value) == found->end()) {
      std::vector<std::string> words;
      for (const auto& one : *found) words.push_back(one.dump());
      return alternatives(words);
    }
    if (const auto found = schema.find("type"); found != schema.end())
      if (const auto expected = type_expectation(*found, value); !expected.empty()) return expected;
    return range_expectation(schema, value);
  }

  static std::string type_expectation(const Json& types, const Json& value) {
    std::vector<std::string> words;
    for (const auto& name : types.is_array() ? types : Json::array({types})) {
      const auto& type = type_of(name.get<std::string>());
      if (type.holds(value)) return "";
      words.push_back(type.words);
    }
    return alternatives(words);
  }

  static std::string range_expectation(const Json& schema, const Json& value) {
    const auto limit = [&](const char* name) { return schema.value(name, Json()); };
    if (const auto least = limit("minimum"); value.is_number() && least.is_number() && value < least)
      return "at least " + least.dump();
    if (const auto most = limit("maximum"); value.is_number() && most.is_number() && value > most) return "at most " + most.dump();
    if (const auto least = limit("minItems"); value.is_array() && least.is_number() && value.size() < least)
      return "at least " + least.dump() + (least == 1 ? " entry" : " entries");
    if (const auto most = limit("maxItems"); value.is_array() && most.is_number() && value.size() > most)
      return "at most " + most.dump() + " entries";
    return "";
  }

  std::string items_fault(const Json& schema, const Json& value, const std::string& path) const {
    const auto items = schema.find("items");
    if (items == schema.end()) return "";
    for (std::size_t i = 0; i < value.size(); ++i)
      if (auto found = fault(*items, value[i], path + "[" + std::to_string(i) + "]"); !found.empty()) return found;
    return "";
  }

  std::string members_fault(const Json& schema, const Json& value, const std::string& path) const {
    static const Json none = Json::object(), anything = true;
    const auto part = [&](const char* name, const Json& otherwise) -> const Json& {
      const auto found = schema.find(name);
      return found == schema.end() ? otherwise : *found;
    };
    const auto& properties = part("properties", none);
    const auto& others = part("additionalProperties", anything);
    if (members_ != Members::partial)
      for (const auto& name : part("required", none))
        if (!value.contains(name.get<std::string>())) return inside(path, name.get<std::string>()) + " is missing";
    for (const auto& [name, member] : value.items()) {
      const auto known = properties.find(name);
      if (known == properties.end() && others == false && members_ == Members::exact) return inside(path, name) + " is unknown";
      const auto& rules = known != properties.end() ? *known : others.is_object() ? others : none;
      if (auto found = fault(rules, member, inside(path, name)); !found.empty()) return found;
    }
    return "";
  }

  static std::string inside(const std::string& path, const std::string& name) { return path.empty() ? name : path + "." + name; }

  const Json& root_;
  Members members_;
};

}  // namespace

const Json& shipped_schema(const std::string& name) {
  static const std::map<std::string, Json> schemas = [] {
    std::map<std::string, Json> parsed;
    for (const auto& [each, text] : kSchemaTexts) parsed.emplace(each, Json::parse(text));
    return parsed;
  }();
  return schemas.at(name);
}

std::string schema_fault(const Json& schema, const Json& value, Members members) {
  return Check(schema, members).fault(schema, value, "");
}

}  // namespace attnbench
