#include "harness/contract/examination.h"

#include <fmt/format.h>

#include <cstring>

#include "harness/plugins/catalogue.h"
#include "harness/support/json.h"
#include "harness/support/process.h"
#include "variants/api/error.h"

namespace attnbench::contract {
namespace {

Verdict failed(std::string line) { return {Verdict::Kind::fail, 1, {std::move(line)}}; }

// What a child that gave no findings did instead.
std::string end_of(const ProcessOutcome& outcome, double timeout_seconds) {
  using End = ProcessOutcome::End;
  const auto words = outcome.stderr_tail.empty() ? "" : "; the end of its standard error: " + outcome.stderr_tail;
  if (outcome.end == End::timed_out) return fmt::format("was still not done after {:g} s", timeout_seconds) + words;
  if (outcome.end == End::signaled)
    return fmt::format("ended the process by signal {} ({})", outcome.code, ::strsignal(outcome.code)) + words;
  return fmt::format("ended the process with exit status {}", outcome.code) + words;
}

Verdict verdict_of(const Json& answer, bool advice) {
  Verdict verdict{Verdict::Kind::pass, answer.at("count"), answer.at("lines")};
  if (verdict.count > 0) verdict.kind = advice ? Verdict::Kind::note : Verdict::Kind::fail;
  else if (answer.at("nothing").get<bool>()) verdict.kind = Verdict::Kind::nothing;
  return verdict;
}

}  // namespace

const char* name_of(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::pass: return "pass";
    case Verdict::Kind::fail: return "FAIL";
    case Verdict::Kind::note: return "note";
    case Verdict::Kind::nothing: return "-";
  }
  return "";
}

Verdict examine(const std::string& plugin_file, const std::string& variant, const Check& check, const std::string& self,
                double timeout_seconds) {
  const auto outcome = run_process(
      {.command = {self, "plugin", "examine", plugin_file, variant, check.name}, .input = "", .timeout_seconds = timeout_seconds});
  const auto answer = parse_json(outcome.answer);
  if (outcome.end != ProcessOutcome::End::exited || !answer.is_object()) return failed(end_of(outcome, timeout_seconds));
  try {
    return verdict_of(answer, check.advice);
  } catch (const Json::exception&) {
    return failed("answered with something that is not a verdict");
  }
}

int examine_here(const std::string& plugin_file, const std::string& name, const std::string& check_name) {
  apply_process_limits(0);
  load_plugin(plugin_file);
  const auto* variant = find_known_variant(name);
  const auto* check = find_check(check_name);
  if (variant == nullptr || check == nullptr) throw UserError("no variant " + name + " or no check " + check_name);
  Findings findings;
  try {
    check->run(*variant, findings);
  } catch (const std::exception& error) {
    findings.add(std::string("an exception: ") + error.what());
  }
  const Json json = {{"count", findings.count()}, {"lines", findings.lines()}, {"nothing", findings.nothing_examined()}};
  return answer(json.dump(-1, ' ', false, Json::error_handler_t::replace)) ? 0 : 1;
}

}  // namespace attnbench::contract
