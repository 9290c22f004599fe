// Units: numbers as people read them on a terminal. Three significant digits; stored data keep all of theirs.
#pragma once

#include <string>

namespace attnbench {

/// "12.3 µs", "4.56 ms", "7.89 s", "3 min 05 s", "2 h 10 min".
std::string seconds_text(double seconds);

/// "640 B", "1.50 KiB", "2.25 GiB".
std::string bytes_text(double bytes);

/// "1.07 G" for 1.07e9: counts of operations, powers of 1000.
std::string count_text(double count);

}  // namespace attnbench
