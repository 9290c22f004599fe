// Json: the one JSON type of the harness. Members keep the order they were added in, so that a stored line reads like the schema;
// a number that is not finite is written as null.
#pragma once

#include <nlohmann/json.hpp>

namespace attnbench {

using Json = nlohmann::ordered_json;

}  // namespace attnbench
