// Store: a run directory. records.jsonl takes one line per record, each written whole and fsynced, keys unique; run.json says what
// the run is. A lock keeps a second writer out; a line torn by a crash is cut off when the run is resumed.
#pragma once

#include <map>
#include <string>

#include "harness/file_descriptor.h"
#include "harness/json.h"

namespace attnbench {

constexpr int kSchemaVersion = 2;  // of records.jsonl and run.json: harness/schema/*.json

/// What the orchestrator needs to remember of a record.
struct StoredRecord {
  std::string status;
  double wall_s = 0;
  double median_s = 0;  // of a time record that is ok
};

class Store {
 public:
  enum class Mode { create, resume };

  /// Makes or reopens a run directory and locks it. Throws UserError: not writable, another writer, a run where there should be
  /// none (create), none where there should be one (resume), another schema version, damage other than a torn last line.
  Store(const std::string& directory, Mode mode);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const std::string& directory() const { return directory_; }
  /// The record of that key, or null.
  const StoredRecord* find(const std::string& key) const;
  std::size_t size() const { return records_.size(); }

  /// Appends one record; its key must be new. The line is on the disk when this returns. Throws UserError when it cannot be
  /// written.
  void append(const Json& record);

  /// Replaces run.json as a whole.
  void write_run(const Json& run);
  /// run.json as it was when the directory was resumed; null for a new run.
  const Json& resumed_run() const { return resumed_run_; }

 private:
  void lock();
  void read_records();
  void read_run();
  void remember(const Json& record, std::size_t line);

  std::string directory_;
  FileDescriptor lock_;
  FileDescriptor records_file_;
  Json resumed_run_;
  std::map<std::string, StoredRecord> records_;
};

}  // namespace attnbench
