#include "harness/store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "variants/api/error.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot(const std::string& what, const std::string& path) {
  throw UserError("cannot " + what + " " + path + ": " + std::strerror(errno) + "; choose another --out or free it");
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

}  // namespace

Store::Store(const std::string& directory, Mode mode) : directory_(directory) {
  const bool holds_run = fs::exists(directory_ + "/run.json") || fs::exists(directory_ + "/records.jsonl");
  if (mode == Mode::create && holds_run)
    throw UserError(directory_ + " already holds a run; continue it with --resume, or choose another --out");
  if (mode == Mode::resume && !fs::exists(directory_ + "/run.json"))
    throw UserError(directory_ + " holds no run to resume; check the path, or leave out --resume");
  make_directory(directory_);
  lock();
  if (mode == Mode::resume) read_run();
  if (mode == Mode::resume) read_records();
  const auto path = directory_ + "/records.jsonl";
  records_file_ = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!records_file_.open()) cannot("write", path);
  sync_directory(directory_);
}

void Store::lock() {
  const auto path = directory_ + "/.lock";
  lock_ = FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock_.open()) cannot("write", path);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
    throw UserError(directory_ + " is in use by another attnbench; wait for it to end, or choose another --out");
}

void Store::read_run() {
  const auto path = directory_ + "/run.json";
  resumed_run_ = Json::parse(read_text(path), nullptr, false);
  if (resumed_run_.is_discarded() || !resumed_run_.is_object())
    throw UserError(path + " is not a JSON object; it is damaged: start a new run with another --out");
  check_version(resumed_run_, path);
}

void Store::read_records() {
  const auto path = directory_ + "/records.jsonl";
  const auto text = read_text(path);
  std::size_t begin = 0, line = 0;
  while (true) {
    const auto end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const auto record = Json::parse(text.substr(begin, end - begin), nullptr, false);
    if (!record.is_object() || !record.contains("key"))
      throw UserError(path + " line " + std::to_string(line + 1) + " is not a record; remove that line to measure its case again");
    remember(record, ++line);
    begin = end + 1;
  }
  // What follows the last newline was being written when the machine or the process stopped: its case is done again.
  if (begin < text.size() && ::truncate(path.c_str(), static_cast<off_t>(begin)) != 0) cannot("repair", path);
}

void Store::remember(const Json& record, std::size_t line) {
  const auto where = directory_ + "/records.jsonl line " + std::to_string(line);
  check_version(record, where);
  StoredRecord stored{record.value("status", ""), record.value("wall_s", 0.0), 0};
  if (record.contains("time")) stored.median_s = record["time"].value("median_s", 0.0);
  const auto key = record["key"].get<std::string>();
  if (!records_.emplace(key, stored).second) throw UserError(where + " repeats the key '" + key + "'; remove one of the two lines");
}

const StoredRecord* Store::find(const std::string& key) const {
  const auto found = records_.find(key);
  return found == records_.end() ? nullptr : &found->second;
}

void Store::append(const Json& record) {
  remember(record, records_.size() + 1);
  write_whole(records_file_.get(), record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
              directory_ + "/records.jsonl");
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
