// Store: a run directory. records.jsonl takes one line per record, each written whole and fsynced, keys unique; run.json says what
// the run is. A kernel lock (flock) keeps a second writer out and ends with its process, however that dies; the file it stands on
// may stay. The line that was being written when a run died is cut off when it is resumed; one that a full disk cut short, at once.
// The last member of a line, `check`, is the CRC-32 of the line before it.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/support/file_descriptor.h"
#include "harness/support/json.h"

namespace attnbench {

constexpr int kSchemaVersion = 2;  // of records.jsonl and run.json: harness/schema/*.json

/// What the orchestrator needs to remember of a record.
struct StoredRecord {
  std::string status;
  double wall_s = 0;
  double median_s = 0;          // of a time record that is ok
  int session = 0;              // of run.json
  std::string output_digest{};  // of a verify record
};

/// The records of a records.jsonl file, and how many of its bytes are whole lines of JSON.
struct ParsedRecords {
  std::vector<Json> records;
  std::size_t whole_bytes = 0;
};

/// Reads the text of a records.jsonl. Its last line may be torn, which only shows in `whole_bytes`; any other line that is not a
/// record as record.schema.json describes it is refused by its number, and so are an ok without what was measured, a time that is
/// not above 0, a line whose checksum does not hold, another schema version and a repeated key. Records come without `check`.
/// `origin` names the text in messages. Throws UserError.
ParsedRecords parse_records(std::string_view text, const std::string& origin);

/// Reads the text of a run.json. Throws UserError: not JSON, another schema version, not as run.schema.json and, for the ceilings,
/// calibration.schema.json describe it.
Json parse_run(std::string_view text, const std::string& origin);

class Store {
 public:
  enum class Mode { create, resume };

  /// Makes or reopens a run directory and locks it. A run that died before its run.json was written left nothing to resume: its
  /// directory counts as empty. Throws UserError: not writable, another writer, a run where there should be none (create), none
  /// where there should be one (resume), another schema version, damage other than a torn last line.
  Store(const std::string& directory, Mode mode);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const std::string& directory() const { return directory_; }
  /// The record of that key, or null.
  const StoredRecord* find(const std::string& key) const;
  std::size_t size() const { return records_.size(); }

  /// Appends one record; its key must be new. The line is on the disk when this returns. Throws UserError when it cannot be
  /// written; what was stored before stays as it was.
  void append(const Json& record);
  /// Appends many at once: one write to the disk for all of them.
  void append_all(const std::vector<Json>& records);
  /// Replaces all records; a reader finds the old ones or the new ones, also after a crash. Throws UserError as append() does, and
  /// when two records share a key.
  void replace_records(const std::vector<Json>& records);

  /// Replaces run.json as a whole.
  void write_run(const Json& run);
  /// run.json as it was when the directory was resumed; null for a new run.
  const Json& resumed_run() const { return resumed_run_; }

 private:
  void make_and_lock(Mode mode);
  void read_run();
  void read_records();
  void require_known_session(const Json& record) const;
  void open_records();
  void require_records_in_place() const;
  void write_lines(const std::string& lines);
  void replace_whole(const std::string& name, const std::string& text);

  std::string directory_;
  FileDescriptor lock_;
  FileDescriptor records_file_;
  off_t records_bytes_ = 0;  // written so far
  Json resumed_run_;
  std::map<std::string, StoredRecord> records_;
};

}  // namespace attnbench
