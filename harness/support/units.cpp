#include "harness/support/units.h"

#include <fmt/format.h>

#include <cmath>

namespace attnbench {
namespace {

// 9.996 must not become "10.00": the number of decimals follows the rounded value.
std::string three_digits(double value) {
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}", value, decimals);
}

std::string scaled(double value, double step, const char* const* units, int count) {
  int unit = 0;
  for (; unit + 1 < count && value >= 0.9995 * step; ++unit) value /= step;
  return (unit == 0 && value == std::floor(value) ? fmt::format("{:.0f}", value) : three_digits(value)) + units[unit];
}

}  // namespace

std::string seconds_text(double seconds) {
  if (seconds < 1e-6) return three_digits(seconds * 1e9) + " ns";
  if (seconds < 1e-3) return three_digits(seconds * 1e6) + " µs";
  if (seconds < 1) return three_digits(seconds * 1e3) + " ms";
  if (seconds < 59.5) return three_digits(seconds) + " s";
  const auto whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

std::string bytes_text(double bytes) {
  constexpr const char* kUnits[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
  return scaled(bytes, 1024, kUnits, 6);
}

std::string count_text(double count) {
  constexpr const char* kUnits[] = {"", " k", " M", " G", " T", " P"};
  return scaled(count, 1000, kUnits, 6);
}

}  // namespace attnbench
