// Where one array of the user's lies: an .npy file, or a name in an .npz, a .safetensors file or a folder of .npy files.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/array.h"

namespace attnbench {

/// What an array is for. A container's arrays are found by the names of their role (q or query, k or key, v or value, mask,
/// whatever the case) unless others are given.
enum class Role { queries, keys, values, mask };
constexpr Role kRoles[] = {Role::queries, Role::keys, Role::values, Role::mask};
const char* letter_of(Role role);  // "q", "k", "v", "mask"

struct ArraySource {
  std::string path;
  std::string name;  // in the container; empty: by the names of the role

  /// "x.npz:q", as parse_array_source() reads it.
  std::string text() const { return name.empty() ? path : path + ":" + name; }
};

/// "x.npy", "x.npz", "x.npz:NAME" or "x.safetensors:NAME".
ArraySource parse_array_source(const std::string& text);

/// Whether the source exists; false too where the container holds no array of the role's names.
bool has_array(const ArraySource& source, Role role);
/// The same of a source with a name.
bool has_array(const ArraySource& source);

/// Opens an array: its header is read, its elements are not. Throws UserError; for a container without the array it lists the names
/// there are and proposes what to write after `option` ("--dataset file:").
StoredArray open_array(const ArraySource& source, Role role, const std::string& option);
/// The same of an .npy file or a source with a name.
StoredArray open_array(const ArraySource& source, const std::string& option);

/// What {NAME} stands for in the patterns, names of arrays in the container `path`: every value for which all of them exist,
/// numbers in their order. Patterns without braces are left out of it. Throws UserError when there is no such value.
std::vector<std::string> pattern_values(const std::string& path, std::span<const std::string> patterns);

/// The text between the first braces, "" without any.
std::string placeholder_in(std::string_view pattern);

/// The pattern with a value in place of {placeholder}.
std::string filled_in(std::string pattern, const std::string& placeholder, const std::string& value);

}  // namespace attnbench
