// The name of the JSON type, for headers that only pass it on: nlohmann's json.hpp takes seconds to compile.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace attnbench {

using Json = nlohmann::ordered_json;  // keeps the order of members

}  // namespace attnbench
