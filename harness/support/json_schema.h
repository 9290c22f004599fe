// JSON Schema: what is read back from a file, or from another process, is held against the schema it was written by
// (harness/schema), so that the code behind it may rely on members and their types. The schemas are compiled in.
#pragma once

#include <string>

#include "harness/support/json_fwd.h"

namespace attnbench {

/// harness/schema/<name>.schema.json: "run", "record" or "calibration".
const Json& shipped_schema(const std::string& name);

/// What a check demands of the members of objects.
enum class Members {
  partial,   // any may be missing: the object is not finished
  required,  // those that the schema requires; unknown ones, of a later version, are accepted
  exact,     // and no unknown ones
};

/// The first place where a value is not as its schema says, for a message: `plan.rounds is "x", expected a whole number`. Empty
/// when there is none. Of JSON Schema it knows what harness/schema uses: $ref, const, enum, type, minimum, maximum, minItems,
/// maxItems, items, properties, required, additionalProperties.
std::string schema_fault(const Json& schema, const Json& value, Members members);

}  // namespace attnbench
