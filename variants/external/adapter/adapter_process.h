// AdapterProcess: the other end of the conversation with a Python process that holds an external library.
//
// We start `python -m attnbench_adapter`, which inherits one end of a socket (descriptor 3) and the shared memory (descriptor 4).
// Both sides talk in lines of JSON, one reply per request, so the adapter is idle, blocked in a read, whenever we work, and we are
// while it works:
//   {"do": "prepare", "module", "mode", "problem": {...}, "threads", "tensors": [{name, shape, dtype, offset}]}  -> {"ok": {...}}
//   {"do": "load"}              the shared inputs have changed: put them where the operator wants them           -> {"ok": null}
//   {"do": "run"}               one call                                                                         -> {"ok": null}
//   {"do": "time", "count": n}  n calls, timed there                                                             -> {"ok": seconds}
//   {"do": "store"}             the last output into shared memory                                               -> {"ok": null}
//   {"do": "facts"}                                                                                              -> {"ok": {...}}
// A refusal is {"unavailable": why}, {"failed": why} or {"out_of_memory": why}. The adapter ends when the socket closes, and dies
// with the process that started it.
#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace attnbench::external {

using Json = nlohmann::json;

/// What the adapter or its library could not do; `status` is one of plugin.h's return values.
struct ExternalError : std::runtime_error {
  ExternalError(int return_status, const std::string& why) : std::runtime_error(why), status(return_status) {}
  int status;
};

class AdapterProcess {
 public:
  /// Starts `python -m attnbench_adapter` with `package_dir` in front of its import path. Throws ExternalError.
  AdapterProcess(const std::string& python, const std::string& package_dir, int shared_memory, int threads);
  ~AdapterProcess();
  AdapterProcess(const AdapterProcess&) = delete;
  AdapterProcess& operator=(const AdapterProcess&) = delete;

  /// The "ok" of the reply. Throws ExternalError: a refusal, or the adapter's end and how it ended.
  Json ask(const Json& request);

 private:
  std::string read_line();
  [[noreturn]] void ended();

  pid_t pid_ = -1;
  int socket_ = -1;
  std::string buffer_;  // bytes read beyond the last line
};

}  // namespace attnbench::external
