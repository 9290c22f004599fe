#include "harness/run/calibration_file.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <utility>

#include "harness/measure/environment.h"
#include "harness/run/calibrate.h"
#include "harness/support/build_info.h"
#include "harness/support/files.h"
#include "harness/support/json.h"
#include "harness/support/json_schema.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

constexpr double kMaxAgeDays = 30;  // neighbours, firmware and kernels change; a ceiling is cheap to measure again

constexpr const char* kOtherPlace = "; choose another place with --out or ATTNBENCH_CALIBRATION";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

[[noreturn]] void cannot_write(const std::string& path, const std::string& why) {
  throw UserError("cannot write the calibration " + path + ": " + why + kOtherPlace);
}

// Of any version: what was written by attnbench may be replaced by it.
bool is_calibration(const std::string& text) {
  const auto json = parse_json(text);
  return json.is_object() && json.contains("machine_id") && json.contains("fma_peak");
}

// Seconds since 1970 of "2026-03-01T12:00:00Z"; -1 when it is no such text.
std::time_t parse_utc(const std::string& text) {
  std::tm utc{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return end && *end == '\0' ? ::timegm(&utc) : -1;
}

}  // namespace

std::string calibration_path(const std::string& machine_id) {
  if (const auto path = variable("ATTNBENCH_CALIBRATION"); !path.empty()) return path;
  const auto home = variable("HOME"), cache = variable("XDG_CACHE_HOME");
  if (home.empty() && cache.empty()) return "";
  return (cache.empty() ? home + "/.cache" : cache) + "/attnbench/calibration-" + machine_id + ".json";
}

void write_calibration(const Calibration& calibration, const std::string& path) {
  std::error_code failure;
  const auto folder = fs::path(path).parent_path();
  if (!folder.empty()) fs::create_directories(folder, failure);
  if (failure) cannot_write(path, failure.message());
  require_replaceable_calibration(path);
  try {
    replace_file(path, to_json(calibration).dump(2) + "\n");
  } catch (const UserError& error) {
    throw UserError(std::string(error.what()) + kOtherPlace);
  }
}

void require_replaceable_calibration(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return;  // a new file, or a device, which is written into
  if (const auto text = read_file(path); !text.empty() && !is_calibration(text))
    throw UserError(path + " is not a calibration and is not overwritten" + kOtherPlace);
}

std::optional<Calibration> read_calibration(const std::string& path) {
  try {
    const auto json = parse_json(read_file(path));
    if (!schema_fault(shipped_schema("calibration"), json, Members::required).empty()) return std::nullopt;
    return calibration_of(json);
  } catch (const UnreadableFile&) {
    return std::nullopt;
  }
}

std::string why_stale(const Calibration& calibration, const StalenessQuery& asker) {
  if (calibration.machine_id != asker.machine_id) return "of another machine (" + calibration.cpu_model + ")";
  if (calibration.attnbench != asker.attnbench) return "of attnbench " + calibration.attnbench + ", this is " + asker.attnbench;
  const auto created = parse_utc(calibration.created);
  if (created < 0) return "without a date";
  if (const auto reason = contradiction(calibration); !reason.empty()) return "invalid: " + reason;
  const double days = std::difftime(asker.now, created) / 86400;
  if (days > kMaxAgeDays) return fmt::format("{:.0f} days old", days);
  if (was_busy(calibration) && asker.load_1m < calibration.load_1m / 2)  // else it would come out no better now
    return fmt::format("from a busier time (load {:.1f} on {} cores)", calibration.load_1m, calibration.cores);
  return "";
}

Usability usability_of(const Calibration& calibration) {
  if (auto reason = contradiction(calibration); !reason.empty()) return {Use::none, std::move(reason)};
  if (!was_busy(calibration)) return {};
  return {Use::once, busy_text(calibration)};
}

bool discard_calibration() {
  const auto path = calibration_path(machine_id(describe_environment(1)));
  std::error_code error;
  return !path.empty() && fs::remove(path, error);
}

std::optional<Calibration> usable_calibration(const std::string& self, WhenStale when_stale,
                                              const std::function<bool()>& keep_going) {
  const auto environment = describe_environment(1);
  const auto machine = machine_id(environment);
  const auto path = calibration_path(machine);
  const auto stored = path.empty() ? std::nullopt : read_calibration(path);
  const auto stale =
      stored ? why_stale(*stored, {machine, build_info().version, std::time(nullptr), environment.at("load_1m")}) : "";
  if (stored && stale.empty()) return stored;
  if (when_stale == WhenStale::leave_out) return std::nullopt;
  std::cerr << (stored ? "the stored calibration is " + stale : "this machine is not calibrated yet")
            << ": measuring its ceilings, a few seconds (--no-calibrate leaves it out)" << std::endl;
  try {
    if (!path.empty()) require_replaceable_calibration(path);
    auto made = calibrate({.self = self, .keep_going = keep_going});
    if (made && usability_of(*made).use != Use::keep) made = calibrate({.self = self, .keep_going = keep_going});
    if (!made) return std::nullopt;
    const auto [use, reason] = usability_of(*made);
    if (use == Use::none) {
      std::cerr << "the calibration is invalid and not used, twice in a row: " << reason
                << "; stop other work, then run attnbench calibrate" << std::endl;
      return std::nullopt;
    }
    if (use == Use::once) std::cerr << "the calibration is not kept: " << reason << "; its ceilings may be too low" << std::endl;
    else if (!path.empty()) write_calibration(*made, path);
    return made;
  } catch (const std::exception& error) {
    std::cerr << "not calibrated: " << error.what() << std::endl;
    return std::nullopt;
  }
}

}  // namespace attnbench
