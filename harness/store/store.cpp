#include "harness/store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "harness/store/status.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot(const std::string& what, const std::string& path) {
  throw UserError("cannot " + what + " " + path + ": " + std::strerror(errno) +
                  "; make room or mend it, then carry on with --resume, or choose another --out");
}

void make_directory(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error || !fs::is_directory(directory))
    throw UserError("cannot make the run directory " + directory + ": " + (error ? error.message() : "it is a file") +
                    "; choose another --out");
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_whole(int fd, const std::string& text, const std::string& path) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const auto count = ::write(fd, text.data() + sent, text.size() - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) cannot("write", path);
    sent += static_cast<std::size_t>(count);
  }
  if (::fsync(fd) != 0) cannot("write", path);
}

// A rename, or a new file, is only safe once its directory is on the disk too.
void sync_directory(const std::string& directory) {
  const FileDescriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.open()) ::fsync(folder.get());
}

void check_version(const Json& document, const std::string& where) {
  const auto version = document.value("schema_version", Json());
  if (version == kSchemaVersion) return;
  throw UserError(where + " has schema version " + version.dump() + ", this attnbench writes version " +
                  std::to_string(kSchemaVersion) + "; start a new run with another --out");
}

bool is_status(const Json& status) {
  return status.is_string() &&
         std::find(std::begin(kStatusNames), std::end(kStatusNames), status.get<std::string>()) != std::end(kStatusNames);
}

// Whether the members that a run is resumed by have their types.
bool is_record(const Json& record) {
  const auto is_number = [](const Json& object, const char* name) { return !object.contains(name) || object[name].is_number(); };
  if (!record.is_object() || !record.value("key", Json()).is_string() || !is_status(record.value("status", Json()))) return false;
  const auto time = record.value("time", Json::object());
  const bool has_session = !record.contains("session") || is_integer<int>(record["session"]);
  return has_session && is_number(record, "wall_s") && time.is_object() && is_number(time, "median_s");
}

StoredRecord summary_of(const Json& record) {
  return {record.at("status"), record.value("wall_s", 0.0), record.value("time", Json::object()).value("median_s", 0.0),
          record.value("session", 0)};
}

std::string line_of(const Json& record) { return record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

Json parse_run(std::string_view text, const std::string& origin) {
  auto run = Json::parse(text, nullptr, false);
  if (!run.is_object()) throw UserError(origin + " is not a JSON object; it is damaged: start a new run with another --out");
  check_version(run, origin);
  return run;
}

ParsedRecords parse_records(std::string_view text, const std::string& origin) {
  ParsedRecords parsed;
  std::set<std::string> keys;
  for (std::size_t end; (end = text.find('\n', parsed.whole_bytes)) != std::string_view::npos; parsed.whole_bytes = end + 1) {
    auto record = Json::parse(text.substr(parsed.whole_bytes, end - parsed.whole_bytes), nullptr, false);
    // A power failure may keep the end of the last line, which nobody was told is stored, and lose its middle.
    if (record.is_discarded() && end + 1 == text.size()) break;
    const auto where = origin + " line " + std::to_string(parsed.records.size() + 1);
    if (record.is_object()) check_version(record, where);
    if (!is_record(record)) throw UserError(where + " is not a record; remove that line to measure its case again");
    const auto key = record["key"].get<std::string>();
    if (!keys.insert(key).second) throw UserError(where + " repeats the key '" + key + "'; remove one of the two lines");
    parsed.records.push_back(std::move(record));
  }
  return parsed;
}

Store::Store(const std::string& directory, Mode mode) : directory_(directory) {
  make_and_lock(mode);
  if (mode == Mode::resume) {
    read_run();
    read_records();
  }
  const auto path = directory_ + "/records.jsonl";
  records_file_ = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!records_file_.open()) cannot("write", path);
  sync_directory(directory_);
}

// Whether there is a run is asked again under the lock: another process may have been as quick as we were.
void Store::make_and_lock(Mode mode) {
  std::error_code error;
  const auto holds_run = [&] { return fs::exists(directory_ + "/run.json", error); };
  if (mode == Mode::resume && !holds_run())
    throw UserError(directory_ + " holds no run to resume; check the path, or leave out --resume");
  make_directory(directory_);
  const auto path = directory_ + "/.lock";
  lock_ = FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock_.open()) cannot("write", path);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) cannot("lock", path);
    throw UserError(directory_ + " is in use by another attnbench; wait for it to end, or choose another --out");
  }
  const auto records = directory_ + "/records.jsonl";
  const bool holds_records = fs::is_regular_file(records, error) && fs::file_size(records, error) > 0;
  if (mode == Mode::create && (holds_run() || holds_records))
    throw UserError(directory_ + " already holds a run; continue it with --resume, or choose another --out");
}

void Store::read_run() {
  const auto path = directory_ + "/run.json";
  resumed_run_ = parse_run(read_text(path), path);
}

void Store::read_records() {
  const auto path = directory_ + "/records.jsonl";
  const auto text = read_text(path);
  const auto parsed = parse_records(text, path);
  for (const auto& record : parsed.records) records_.emplace(record.at("key"), summary_of(record));
  // What follows the last whole line was being written when the machine or the process stopped: its case is done again.
  if (parsed.whole_bytes < text.size() && ::truncate(path.c_str(), static_cast<off_t>(parsed.whole_bytes)) != 0)
    cannot("repair", path);
}

const StoredRecord* Store::find(const std::string& key) const {
  const auto found = records_.find(key);
  return found == records_.end() ? nullptr : &found->second;
}

void Store::append(const Json& record) { append_all({record}); }

void Store::append_all(const std::vector<Json>& records) {
  std::string lines;
  std::map<std::string, StoredRecord> added;
  for (const auto& record : records) {
    const std::string key = record.at("key");
    if (find(key) || !added.emplace(key, summary_of(record)).second)
      throw UserError(directory_ + " already has a record of '" + key + "'");
    lines += line_of(record);
  }
  write_lines(lines);
  records_.merge(added);
}

// All of the lines or none: what a full disk let through is taken back, so that readers find whole records only.
void Store::write_lines(const std::string& lines) {
  const auto path = directory_ + "/records.jsonl";
  const auto end = ::lseek(records_file_.get(), 0, SEEK_END);
  try {
    write_whole(records_file_.get(), lines, path);
  } catch (const UserError&) {
    [[maybe_unused]] const int left = ::ftruncate(records_file_.get(), end);  // what stays is cut off on resuming
    throw;
  }
}

void Store::write_run(const Json& run) {
  const auto path = directory_ + "/run.json";
  const auto temporary = path + ".tmp";
  FileDescriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.open()) cannot("write", path);
  write_whole(file.get(), run.dump(2, ' ', false, Json::error_handler_t::replace) + "\n", path);
  file.close();
  if (::rename(temporary.c_str(), path.c_str()) != 0) cannot("write", path);
  sync_directory(directory_);
}

}  // namespace attnbench
