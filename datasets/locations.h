// Where shipped data lie and where things built from them are kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attnbench {

/// Path of a shipped file: in $ATTNBENCH_DATA if that is set, else in ../share/attnbench/datasets/data of the running binary (an
/// installed one), else in the source tree. Throws UserError when it is in none.
std::string shipped_file(const std::string& name);

/// Folder for cached files: $ATTNBENCH_CACHE, else $XDG_CACHE_HOME/attnbench, else ~/.cache/attnbench; "" when none is known.
std::string cache_folder();

/// Floats cached under a name, if they are there, complete and stored under the same key; nothing otherwise.
std::optional<std::vector<float>> read_cache(const std::string& name, std::uint64_t key, std::size_t count);

/// Stores them; a folder that cannot be written is no error, the next run builds them again.
void write_cache(const std::string& name, std::uint64_t key, const std::vector<float>& values);

}  // namespace attnbench
