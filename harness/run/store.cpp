#include "harness/run/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <set>
#include <thread>

#include "datasets/files.h"
#include "datasets/utf8.h"
#include "harness/protocol/status.h"
#include "harness/support/files.h"
#include "harness/support/json.h"
#include "harness/support/json_schema.h"
#include "harness/support/storage_error.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot(const std::string& what, const std::string& path) {
  throw UserError("cannot " + what + " " + path + ": " + std::strerror(errno) +
                  "; free disk space or make it writable, then continue with --resume, or choose another --out");
}

void make_directory(const std::string& directory) {
  if (decode_utf8(directory).valid_bytes != directory.size())  // JSON, which names files below it, holds nothing else
    throw UserError("the run directory's name " + in_quotes(directory) + " is not UTF-8; choose another --out");
  std::error_code error;
  fs::create_directories(directory, error);
  if (error || !fs::is_directory(directory))
    throw UserError("cannot make the run directory " + directory + ": " + (error ? error.message() : "it is a file") +
                    "; choose another --out");
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

// A run that was killed keeps its lock until the kernel has taken its memory apart.
constexpr double kLockSeconds = 1;

bool lock_within(int fd, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

// Why a line is not a record, in words; empty when it is one.
std::string record_fault(const Json& record) {
  if (record.is_discarded()) return "it is not JSON";
  if (auto fault = schema_fault(shipped_schema("record"), record, Members::required); !fault.empty()) return fault;
  const std::string kind = record["kind"];
  if (record["status"] == name_of(Status::ok) && !record.contains(kind)) return kind + " is missing";
  if (const auto time = record.find("time"); time != record.end())
    for (const auto& seconds : (*time)["samples_s"])
      if (!(seconds > 0)) return "time.samples_s holds " + seconds.dump() + ", expected times above 0";
  if (!is_integer<int>(record["session"])) return "session is " + record["session"].dump();
  return "";
}

StoredRecord summary_of(const Json& record) {
  const auto time = record.find("time"), verified = record.find("verify");
  const double median = time == record.end() ? 0 : (*time)["median_s"].get<double>();
  const auto digest = verified == record.end() ? "" : verified->value("output_digest", "");
  return {record["status"], record["wall_s"], median, record["session"], digest};
}

// A line ends with the CRC-32 of what stands before that member: {...,"check":"1a2b3c4d"}
constexpr std::string_view kCheckBegin = ",\"check\":\"", kCheckEnd = "\"}";
constexpr std::size_t kCheckDigits = 8;
constexpr std::size_t kCheckBytes = kCheckBegin.size() + kCheckDigits + kCheckEnd.size();

std::string checksum(std::string_view text) {
  const auto* bytes = reinterpret_cast<const Bytef*>(text.data());
  return fmt::format("{:08x}", ::crc32_z(::crc32_z(0, nullptr, 0), bytes, text.size()));
}

std::string line_of(const Json& record) {
  auto text = record.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.pop_back();  // the closing brace
  return text + std::string(kCheckBegin) + checksum(text) + std::string(kCheckEnd) + "\n";
}

// Whether the line is as it was written. Lines of older versions have no checksum and are taken as they are.
bool is_intact(std::string_view line, const Json& record) {
  if (!record.is_object() || !record.contains("check")) return true;
  if (line.size() < kCheckBytes) return false;
  const auto text = line.substr(0, line.size() - kCheckBytes);
  return line.substr(text.size()) == std::string(kCheckBegin) + checksum(text) + std::string(kCheckEnd);
}

// Before such failures ended a run they were stored as crashes of the case that met them.
bool is_start_failure(const Json& record) {
  const auto& reasons = record["reasons"];
  return record["status"] == name_of(Status::crashed) && !reasons.empty() &&
         reasons[0].get<std::string>().starts_with("the worker process did not start (");
}

// Why a run.json is not one, in words; empty when it is one.
std::string run_fault(const Json& run) {
  if (auto fault = schema_fault(shipped_schema("run"), run, Members::required); !fault.empty()) return fault;
  if (run["calibration"].is_null()) return "";
  const auto fault = schema_fault(shipped_schema("calibration"), run["calibration"], Members::required);
  return fault.empty() ? "" : "in calibration, " + fault;
}

void reject_byte_order_mark(std::string_view text, const std::string& origin) {
  if (text.starts_with("\xef\xbb\xbf"))
    throw UserError(origin + " begins with a byte order mark, which attnbench does not write; save it as UTF-8 without one");
}

}  // namespace

Json parse_run(std::string_view text, const std::string& origin) {
  reject_byte_order_mark(text, origin);
  auto run = parse_json(text);
  if (!run.is_object()) throw UserError(origin + " is not a JSON object; it is damaged: start a new run with another --out");
  check_version(run, origin);
  if (const auto fault = run_fault(run); !fault.empty())
    throw UserError(origin + " is damaged: " + fault + "; restore it from a copy or measure again with another --out");
  return run;
}

ParsedRecords parse_records(std::string_view text, const std::string& origin) {
  reject_byte_order_mark(text, origin);
  ParsedRecords parsed;
  std::set<std::string> keys;
  for (std::size_t end; (end = text.find('\n', parsed.whole_bytes)) != std::string_view::npos; parsed.whole_bytes = end + 1) {
    const auto line = text.substr(parsed.whole_bytes, end - parsed.whole_bytes);
    auto record = parse_json(line);
    // A power failure may keep the end of the last line, which nobody was told is stored, and lose its middle.
    if (record.is_discarded() && end + 1 == text.size()) break;
    const auto where = origin + " line " + std::to_string(parsed.records.size() + 1);
    if (record.is_object()) check_version(record, where);
    if (!is_intact(line, record))
      throw UserError(where +
                      " was changed after it was written: its checksum does not hold; remove that line to measure its case again");
    if (record.is_object()) record.erase("check");
    if (const auto fault = record_fault(record); !fault.empty())
      throw UserError(where + " is damaged: " + fault + "; remove that line to measure its case again");
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
  open_records();
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
  if (!lock_within(lock_.get(), kLockSeconds)) {
    if (errno != EWOULDBLOCK) cannot("lock", path);
    throw UserError(directory_ + " is in use by another attnbench; wait for it to end, or choose another --out");
  }
  if (mode == Mode::create && fs::exists(directory_ + "/inputs", error))  // a run keeps its inputs there and removes it
    throw UserError(directory_ + "/inputs exists already and is not of a run; choose another --out");
  const auto records = directory_ + "/records.jsonl";
  const bool holds_records = fs::is_regular_file(records, error) && fs::file_size(records, error) > 0;
  if (mode == Mode::create && (holds_run() || holds_records))
    throw UserError(directory_ + " already holds a run; continue it with --resume, or choose another --out");
}

void Store::open_records() {
  const auto path = directory_ + "/records.jsonl";
  records_file_ = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644));
  if (!records_file_.open()) cannot("write", path);
  struct stat info {};
  if (::fstat(records_file_.get(), &info) != 0) cannot("write", path);
  if (!S_ISREG(info.st_mode)) throw UserError("cannot write " + path + ": it is not a regular file; choose another --out");
  records_bytes_ = info.st_size;
}

// Another program may delete, replace or cut the file while it is open here, and writing to it would go on without an error.
void Store::require_records_in_place() const {
  const auto path = directory_ + "/records.jsonl";
  struct stat named {
  }, open{};
  const bool there = ::stat(path.c_str(), &named) == 0 && ::fstat(records_file_.get(), &open) == 0;
  const bool same = there && named.st_dev == open.st_dev && named.st_ino == open.st_ino;
  if (same && open.st_size == records_bytes_) return;
  const std::string what = !there ? "was deleted" : !same ? "was replaced by another file" : "was changed by another program";
  throw StorageError(path + " " + what + " while the run was writing it; put it back and carry on with --resume, or start again");
}

void Store::read_run() {
  const auto path = directory_ + "/run.json";
  resumed_run_ = parse_run(read_file(path), path);
}

void Store::read_records() {
  const auto path = directory_ + "/records.jsonl";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return;  // the run ended before its first record
  const auto text = read_file(path);
  const auto parsed = parse_records(text, path);
  std::string kept;
  for (const auto& record : parsed.records) {
    require_known_session(record);
    if (is_start_failure(record)) continue;
    records_.emplace(record["key"], summary_of(record));
    kept += line_of(record);
  }
  if (records_.size() < parsed.records.size()) return replace_file(path, kept);
  // What follows the last whole line was being written when the machine or the process stopped: its case is done again.
  if (parsed.whole_bytes < text.size() && ::truncate(path.c_str(), static_cast<off_t>(parsed.whole_bytes)) != 0)
    cannot("repair", path);
}

void Store::require_known_session(const Json& record) const {
  const auto& sessions = resumed_run_["sessions"];
  const int session = record["session"];
  if (static_cast<std::size_t>(session) < sessions.size()) return;
  throw UserError(directory_ + "/records.jsonl holds a record of session " + std::to_string(session) + ", but run.json lists " +
                  std::to_string(sessions.size()) + "; copy run.json and records.jsonl together");
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
  require_records_in_place();
  try {
    write_whole(records_file_.get(), lines, directory_ + "/records.jsonl");
  } catch (const UserError&) {
    [[maybe_unused]] const int left = ::ftruncate(records_file_.get(), records_bytes_);  // what stays is cut off on resuming
    throw;
  }
  records_bytes_ += static_cast<off_t>(lines.size());
}

void Store::replace_records(const std::vector<Json>& records) {
  std::string lines;
  std::map<std::string, StoredRecord> replaced;
  for (const auto& record : records) {
    const std::string key = record.at("key");
    if (!replaced.emplace(key, summary_of(record)).second) throw UserError(directory_ + " would have two records of '" + key + "'");
    lines += line_of(record);
  }
  replace_whole("records.jsonl", lines);
  open_records();
  records_ = std::move(replaced);
}

void Store::write_run(const Json& run) {
  replace_whole("run.json", run.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

// A file of the run is the old one or the new one, never a part of it, also after a crash.
void Store::replace_whole(const std::string& name, const std::string& text) {
  require_records_in_place();
  const auto path = directory_ + "/" + name;
  const auto temporary = path + ".tmp";
  ::unlink(temporary.c_str());  // left by a run that was killed; never written through, as it may be a link
  FileDescriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.open()) cannot("write", path);
  write_whole(file.get(), text, path);
  file.close();
  if (::rename(temporary.c_str(), path.c_str()) != 0) cannot("write", path);
  sync_directory(directory_);
}

}  // namespace attnbench
