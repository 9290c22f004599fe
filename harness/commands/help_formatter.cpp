#include "harness/commands/help_formatter.h"

#include <algorithm>
#include <sstream>

namespace attnbench {
namespace {

constexpr std::size_t kWidth = 100;  // of a terminal line
constexpr std::size_t kIndent = 28;  // where descriptions start

// "  --name VALUE            description", the description wrapped and aligned.
std::string entry(const std::string& head, const std::string& description) {
  std::string text = "  " + head;
  std::size_t column = text.size();
  if (column + 2 > kIndent) {
    text += "\n";
    column = 0;
  }
  std::istringstream words(description);
  for (std::string word; words >> word;) {
    const bool first = column < kIndent;
    if (!first && column + 1 + word.size() > kWidth) {
      text += "\n";
      column = 0;
    }
    const std::size_t gap = column < kIndent ? kIndent - column : 1;
    text += std::string(gap, ' ') + word;
    column += gap + word.size();
  }
  return text + "\n";
}

// CLI11 appends what a validator accepts behind a colon, "COUNT:INT in [1 - 100]"; a colon in brackets, "FILE[:NAME]", is ours.
std::string before_validator(const std::string& value) {
  int depth = 0;
  for (std::size_t at = 0; at < value.size(); ++at) {
    depth += (value[at] == '[') - (value[at] == ']');
    if (value[at] == ':' && depth == 0) return value.substr(0, at);
  }
  return value;
}

std::string option_head(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true) + (option.get_expected_max() > 1 ? "..." : "");
  auto names = option.get_name(false, true);  // "-a,--axis"
  for (std::size_t at = names.find(','); at != std::string::npos; at = names.find(',', at + 2)) names.insert(at + 1, " ");
  auto value = option.get_type_size() == 0 ? std::string() : option.get_type_name();
  value = before_validator(value);
  return value.empty() ? names : names + " " + value;
}

std::string usage(const CLI::App* app, const std::string& name) {
  std::string text = "Usage: " + name;
  for (const auto* option : app->get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    const auto head = option_head(*option);
    text += option->get_required() ? " " + head : " [" + head + "]";
  }
  if (!app->get_subcommands({}).empty()) text += " COMMAND";
  return text + " [OPTIONS]\n";
}

std::string options(const CLI::App* app, const std::string& group, bool positional) {
  std::string text;
  for (const auto* option : app->get_options())
    if (option->get_positional() == positional && option->get_group() == group)
      text += entry(option_head(*option), option->get_description());
  return text;
}

std::string commands(const CLI::App* app) {
  std::string text;
  for (const auto* command : app->get_subcommands([](const CLI::App* c) { return !c->get_group().empty(); }))
    text += entry(command->get_name(), command->get_description());
  return text;
}

std::string section(const std::string& title, const std::string& body) { return body.empty() ? "" : "\n" + title + ":\n" + body; }

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode) const {
  std::string text = usage(app, name) + "\n" + app->get_description() + "\n";
  text += section("Commands", commands(app));
  std::string arguments;
  for (const auto& group : app->get_groups()) arguments += options(app, group, true);
  text += section("Arguments", arguments);
  for (const auto& group : app->get_groups())
    if (!group.empty()) text += section(group, options(app, group, false));
  const auto footer = app->get_footer();
  return footer.empty() ? text : text + "\n" + footer + "\n";
}

}  // namespace attnbench
