#include "variants/external/adapter/adapter_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <vector>

#include "attnbench/plugin.h"

namespace attnbench::external {
namespace {

constexpr int kSocket = 3, kMemory = 4;  // what the adapter inherits (attnbench_adapter/__main__.py)

// Pools that read their size from the environment before anybody can call a function of theirs: OpenMP, MKL, OpenBLAS, and XLA's
// (NPROC). The libraries' own calls set it once more.
constexpr const char* kThreadVariables[] = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC"};

// Isolated (-I), Python takes no code from the current folder and reads no PYTHON* variable; -B writes no bytecode. With -m,
// modules would be looked for in the current folder first. The package's folder is the first argument.
constexpr const char* kIsolated = "-IB";
constexpr const char* kRunAdapter =
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module('attnbench_adapter', run_name='__main__', alter_sys=True)";

// PYTHONSAFEPATH is for the Python processes that a library starts in turn.
std::vector<std::string> environment_for(int threads) {
  std::vector<std::string> variables{"PYTHONSAFEPATH=1", "PYTHONDONTWRITEBYTECODE=1", "PYTHONNOUSERSITE=1"};
  for (const char* name : kThreadVariables) variables.push_back(std::string(name) + "=" + std::to_string(threads));
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    const std::string name(text.substr(0, text.find('=') + 1));
    bool ours = false;
    for (const auto& variable : variables) ours = ours || variable.starts_with(name);
    if (!ours) variables.emplace_back(text);
  }
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (auto& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

struct FileActions {
  FileActions() { ::posix_spawn_file_actions_init(&actions); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t actions;
};

// A copy out of the way of the descriptors that the adapter's own are to take.
int clear_of_targets(int descriptor) { return ::fcntl(descriptor, F_DUPFD_CLOEXEC, kMemory + 1); }

pid_t spawn(const std::string& python, const std::string& package_dir, int socket, int memory, int threads) {
  std::vector<std::string> arguments{python, kIsolated, "-c", kRunAdapter, package_dir, std::to_string(::getpid())};
  auto variables = environment_for(threads);
  const int high_socket = clear_of_targets(socket), high_memory = clear_of_targets(memory);
  FileActions files;
  ::posix_spawn_file_actions_adddup2(&files.actions, STDERR_FILENO, STDOUT_FILENO);  // a library's chatter is not an answer
  ::posix_spawn_file_actions_adddup2(&files.actions, high_socket, kSocket);
  ::posix_spawn_file_actions_adddup2(&files.actions, high_memory, kMemory);
  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, python.c_str(), &files.actions, nullptr, pointers(arguments).data(), pointers(variables).data());
  ::close(high_socket);
  ::close(high_memory);
  if (error != 0) throw ExternalError(ATTNBENCH_UNAVAILABLE, "cannot start " + python + ": " + std::strerror(error));
  return pid;
}

void send_line(int socket, const std::string& line) {
  std::size_t sent = 0;
  while (sent < line.size()) {
    const auto count = ::send(socket, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    sent += static_cast<std::size_t>(count);
  }
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return std::string("signal ") + ::strsignal(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

AdapterProcess::AdapterProcess(const std::string& python, const std::string& package_dir, int shared_memory, int threads) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  socket_ = ends[0];
  try {
    pid_ = spawn(python, package_dir, ends[1], shared_memory, threads);
  } catch (...) {
    ::close(ends[0]);
    ::close(ends[1]);
    throw;
  }
  ::close(ends[1]);
}

AdapterProcess::~AdapterProcess() {
  if (socket_ >= 0) ::close(socket_);
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

std::string AdapterProcess::read_line() {
  while (true) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      auto line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    std::array<char, 4096> chunk;
    const auto count = ::read(socket_, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) ended();
    buffer_.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

void AdapterProcess::ended() {
  int status = 0;
  const bool known = pid_ > 0 && ::waitpid(pid_, &status, 0) == pid_;
  pid_ = -1;
  if (known && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
    throw ExternalError(ATTNBENCH_OUT_OF_MEMORY, "the adapter process was killed, most likely for lack of memory");
  throw ExternalError(ATTNBENCH_FAILED, "the adapter process ended without an answer" + (known ? ": " + how_it_ended(status) : ""));
}

Json AdapterProcess::ask(const Json& request) {
  if (pid_ < 0) throw ExternalError(ATTNBENCH_FAILED, "the adapter process has ended");
  send_line(socket_, request.dump() + "\n");  // an adapter that has ended may still have said why: the reply decides
  const auto reply = Json::parse(read_line());
  if (reply.contains("ok")) return reply["ok"];
  if (reply.contains("unavailable")) throw ExternalError(ATTNBENCH_UNAVAILABLE, reply["unavailable"].get<std::string>());
  if (reply.contains("out_of_memory")) throw ExternalError(ATTNBENCH_OUT_OF_MEMORY, reply["out_of_memory"].get<std::string>());
  throw ExternalError(ATTNBENCH_FAILED, reply.value("failed", "an answer that says neither ok nor why not"));
}

}  // namespace attnbench::external
