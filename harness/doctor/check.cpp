#include "harness/doctor/check.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/support/json.h"

namespace attnbench {
namespace {

constexpr const char* kNames[] = {"OK", "WARN", "FAIL"};

std::size_t widest_name(const std::vector<Check>& checks) {
  std::size_t width = 0;
  for (const auto& check : checks) width = std::max(width, check.name.size());
  return width;
}

std::ptrdiff_t count_of(const std::vector<Check>& checks, Health health) {
  return std::count_if(checks.begin(), checks.end(), [&](const Check& check) { return check.health == health; });
}

}  // namespace

const char* name_of(Health health) { return kNames[static_cast<int>(health)]; }

Json to_json(const std::vector<Check>& checks) {
  Json json = Json::array();
  for (const auto& check : checks)
    json.push_back({{"group", check.group},
                    {"name", check.name},
                    {"health", name_of(check.health)},
                    {"found", check.found},
                    {"advice", check.advice}});
  return json;
}

std::string checks_text(const std::vector<Check>& checks) {
  const auto width = widest_name(checks);
  std::string text, group, advice;
  for (const auto& check : checks) {
    if (check.group != group) text += (group.empty() ? "" : "\n") + check.group + "\n";
    group = check.group;
    text += fmt::format("  {:<4}  {:<{}}  {}\n", name_of(check.health), check.name, width, check.found);
    if (!check.advice.empty() && check.advice != advice) text += fmt::format("        {:<{}}  -> {}\n", "", width, check.advice);
    advice = check.advice;
  }
  return text + fmt::format("\n{} OK, {} WARN, {} FAIL\n", count_of(checks, Health::ok), count_of(checks, Health::warn),
                            count_of(checks, Health::fail));
}

bool any_failed(const std::vector<Check>& checks) { return count_of(checks, Health::fail) > 0; }

}  // namespace attnbench
