#include "datasets/array_source.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <set>

#include "datasets/named_arrays.h"
#include "datasets/npy.h"
#include "variants/api/error.h"
#include "variants/api/number.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNamesListed = 10;

struct RoleNames {
  const char* letter;
  const char* word;
};
constexpr RoleNames kNames[] = {{"q", "query"}, {"k", "key"}, {"v", "value"}, {"mask", "mask"}};
const RoleNames& names_of(Role role) { return kNames[static_cast<std::size_t>(role)]; }

std::string lower(std::string_view text) {
  std::string copy(text);
  for (auto& c : copy) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return copy;
}

bool plays(Role role, std::string_view name) {
  const auto word = lower(name);
  return word == names_of(role).letter || word == names_of(role).word;
}

Container open_folder(const std::string& path, const Wanted& wanted) {
  Container container;
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".npy") files.push_back(entry->path());
  if (error) throw UserError("cannot list folder " + in_quotes(path) + ": " + error.message() + "; check its permissions");
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    container.names.push_back(file.stem().string());
    if (wanted(container.names.back())) container.arrays.push_back({container.names.back(), open_npy(file.string())});
  }
  return container;
}

Container open_container(const std::string& path, const Wanted& wanted) {
  std::error_code error;
  if (fs::is_directory(path, error)) return open_folder(path, wanted);
  const auto extension = fs::path(path).extension();
  if (extension == ".npz") return open_npz(InputFile(path), in_quotes(path), wanted);
  if (extension == ".safetensors") return open_safetensors(InputFile(path), in_quotes(path), wanted);
  throw UserError(in_quotes(path) + (fs::exists(path, error) ? " is neither" : " does not exist: give") +
                  " a folder with q.npy, k.npy and v.npy, an .npz or a .safetensors file");
}

bool matches(const ArraySource& source, Role role, std::string_view name) {
  return source.name.empty() ? plays(role, name) : name == source.name;
}

// A name cut into words and the characters between them: "layers.0.q_proj" is layers . 0 . q _ proj.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  for (const char c : name) {
    const bool separates = std::string_view("._-/: ").find(c) != std::string_view::npos;
    if (separates || words.empty() || std::string_view("._-/: ").find(words.back()[0]) != std::string_view::npos)
      words.emplace_back(1, c);
    else words.back() += c;
  }
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string name;
  for (const auto& word : words) name += word;
  return name;
}

// Names of keys and values that belong to a name of queries: they differ in one word, q for k and v or query for key and value.
std::optional<std::vector<std::string>> triple_of(const std::string& queries, const std::set<std::string>& names) {
  auto words = words_of(queries);
  for (auto& word : words) {
    if (!plays(Role::queries, word)) continue;
    const bool letter = word.size() == 1, capital = std::isupper(static_cast<unsigned char>(word[0])) != 0;
    std::vector<std::string> triple{queries};
    for (const auto role : {Role::keys, Role::values}) {
      auto other = words;
      auto& replaced = other[static_cast<std::size_t>(&word - words.data())];
      replaced = letter ? names_of(role).letter : names_of(role).word;
      if (capital) replaced[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(replaced[0])));
      triple.push_back(joined(other));
    }
    if (names.contains(triple[1]) && names.contains(triple[2])) return triple;
  }
  return std::nullopt;
}

// The triple with {layer} in place of its first number, where the container holds several such.
std::vector<std::string> generalised(const std::vector<std::string>& triple, const std::set<std::string>& names) {
  auto patterns = triple;
  const auto words = words_of(triple[0]);
  const auto number =
      std::find_if(words.begin(), words.end(), [](const auto& word) { return parse_number<std::int64_t>(word).has_value(); });
  if (number == words.end()) return triple;
  for (auto& pattern : patterns) {
    auto parts = words_of(pattern);
    parts[static_cast<std::size_t>(number - words.begin())] = "{layer}";
    pattern = joined(parts);
  }
  const auto next = std::to_string(parse_number<std::int64_t>(*number).value() + 1);
  return names.contains(filled_in(patterns[0], "layer", next)) ? patterns : triple;
}

// What to write to choose arrays by name, from the names there are.
std::string proposal(const std::string& path, const std::vector<std::string>& listed, const std::string& option) {
  const std::set<std::string> names(listed.begin(), listed.end());
  std::vector<std::string> chosen{"NAME", "NAME", "NAME"};
  for (const auto& name : listed)
    if (const auto triple = triple_of(name, names)) {
      chosen = generalised(*triple, names);
      break;
    }
  const auto space = option.find(' ');
  return option.substr(0, space + 1) + "'" + option.substr(space + 1) + path + "(q=" + chosen[0] + ",k=" + chosen[1] +
         ",v=" + chosen[2] + ")'";
}

std::string list_of(const std::vector<std::string>& names) {
  if (names.empty()) return "none";
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kNamesListed); ++i) text += (i ? ", " : "") + in_quotes(names[i]);
  if (names.size() > kNamesListed) text += " and " + std::to_string(names.size() - kNamesListed) + " more";
  return text;
}

[[noreturn]] void missing(const ArraySource& source, Role role, const std::vector<std::string>& names, const std::string& option) {
  const auto& known = names_of(role);
  const auto either = in_quotes(known.letter) + (role == Role::mask ? "" : " or " + in_quotes(known.word));
  const auto looked_for = source.name.empty() ? either : in_quotes(source.name);
  throw UserError(in_quotes(source.path) + " holds no array named " + looked_for + "; it holds " + list_of(names) +
                  (names.empty() ? "" : "; choose by name: " + proposal(source.path, names, option)));
}

// The value of the placeholder in a name that fits the pattern: letters, digits, '_' and '-'.
std::optional<std::string> value_in(const std::string& pattern, const std::string& name) {
  const auto open = pattern.find('{'), close = pattern.find('}', open);
  const auto before = pattern.substr(0, open), after = pattern.substr(close + 1);
  if (name.size() <= before.size() + after.size() || !name.starts_with(before) || !name.ends_with(after)) return std::nullopt;
  const auto value = name.substr(before.size(), name.size() - before.size() - after.size());
  const bool plain =
      std::all_of(value.begin(), value.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
  return plain ? std::optional(value) : std::nullopt;
}

bool by_number(const std::string& a, const std::string& b) {
  const auto x = parse_number<std::int64_t>(a), y = parse_number<std::int64_t>(b);
  if (x && y) return *x < *y;
  return x.has_value() != y.has_value() ? x.has_value() : a < b;
}

}  // namespace

const char* letter_of(Role role) { return names_of(role).letter; }

ArraySource parse_array_source(const std::string& text) {
  for (const std::string_view extension : {".npz:", ".safetensors:"})
    if (const auto at = text.find(extension); at != std::string::npos) {
      const auto end = at + extension.size() - 1;
      return {text.substr(0, end), text.substr(end + 1)};
    }
  return {text, ""};
}

bool has_array(const ArraySource& source, Role role) {
  if (fs::path(source.path).extension() == ".npy") return fs::exists(source.path);
  const auto names = open_container(source.path, [](std::string_view) { return false; }).names;
  return std::any_of(names.begin(), names.end(), [&](const auto& name) { return matches(source, role, name); });
}

bool has_array(const ArraySource& source) { return has_array(source, Role::values); }

StoredArray open_array(const ArraySource& source, const std::string& option) { return open_array(source, Role::values, option); }

StoredArray open_array(const ArraySource& source, Role role, const std::string& option) {
  std::error_code error;
  if (fs::path(source.path).extension() == ".npy" && !fs::is_directory(source.path, error)) return open_npy(source.path);
  auto container = open_container(source.path, [&](std::string_view name) { return matches(source, role, name); });
  if (container.arrays.empty()) missing(source, role, container.names, option);
  if (container.arrays.size() > 1)
    throw UserError(in_quotes(source.path) + " holds more than one array named '" + names_of(role).letter + "' or '" +
                    names_of(role).word + "'; keep one or choose by name: " + proposal(source.path, container.names, option));
  return std::move(container.arrays[0].array);
}

std::vector<std::string> pattern_values(const std::string& path, std::span<const std::string> patterns) {
  const auto names = open_container(path, [](std::string_view) { return false; }).names;
  std::optional<std::set<std::string>> common;
  std::string shown;
  for (const auto& pattern : patterns) {
    if (placeholder_in(pattern).empty()) continue;
    shown += (shown.empty() ? "" : ", ") + in_quotes(pattern);
    std::set<std::string> values;
    for (const auto& name : names)
      if (const auto value = value_in(pattern, name); value && (!common || common->contains(*value))) values.insert(*value);
    common = values;
  }
  if (!common || common->empty())
    throw UserError(in_quotes(path) + " holds no arrays named " + shown + " with one value in braces; it holds " + list_of(names));
  std::vector<std::string> values(common->begin(), common->end());
  std::sort(values.begin(), values.end(), by_number);
  return values;
}

std::string placeholder_in(std::string_view pattern) {
  const auto open = pattern.find('{');
  const auto close = open == std::string_view::npos ? open : pattern.find('}', open);
  return close == std::string_view::npos ? "" : std::string(pattern.substr(open + 1, close - open - 1));
}

std::string filled_in(std::string pattern, const std::string& placeholder, const std::string& value) {
  const auto braced = "{" + placeholder + "}";
  if (const auto at = pattern.find(braced); at != std::string::npos) pattern.replace(at, braced.size(), value);
  return pattern;
}

}  // namespace attnbench
