// What the tests of the harness share: a folder that is gone when the test ends, and stored records read back.
#pragma once

#include <string>
#include <vector>

#include "harness/support/json.h"
#include "variants/api/error.h"

namespace attnbench {

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  /// Path of something below it.
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// The one line with which f refuses its arguments; "" when it does not.
template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string read_text(const std::string& path);
void write_text(const std::string& path, const std::string& text);

/// Whether a process is gone, or a zombie that its new parent has yet to reap, within some seconds.
bool dies_soon(long process);

/// The lines of records.jsonl in a run directory, without their checksums.
std::vector<Json> read_records(const std::string& directory);

/// A record, a session, a variant and a run.json such as readers accept, with made-up values. An ok record holds the measurement of
/// its kind.
Json stored_record(const std::string& key, const std::string& kind = "verify", const std::string& status = "ok");
Json stored_session(const std::string& binary, const std::string& machine);
Json stored_variant(const std::string& label);
Json stored_run();

/// schema_fault() that also refuses members which the schema does not know: for what attnbench writes.
std::string schema_violation(const Json& schema, const Json& document);
Json read_schema(const std::string& name);

}  // namespace attnbench
