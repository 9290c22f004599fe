// A peer whose library is loaded into this process, through a backend (backend.h).
#include <dlfcn.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "peers/adapter/adapter_process.h"
#include "peers/backend.h"
#include "peers/engine.h"
#include "peers/installation.h"

namespace attnbench::peers {
namespace {

// Resident bytes of this process. proc(5), statm: size resident ... in pages
std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

MakeBackend load(const Peer& peer) {
  void* library = ::dlopen(backend_path(peer).c_str(), RTLD_NOW | RTLD_LOCAL);  // never unloaded: neither are its threads
  if (!library) throw PeerError(ATTNBENCH_UNAVAILABLE, std::string(peer.library) + " cannot be loaded: " + ::dlerror());
  void* entry = ::dlsym(library, kBackendEntry);
  if (!entry) throw PeerError(ATTNBENCH_UNAVAILABLE, backend_path(peer) + " is not a backend: " + ::dlerror());
  return reinterpret_cast<MakeBackend>(entry);
}

class InProcess : public Session {
 public:
  InProcess(const Peer& peer, const attnbench_task& task) {
    const auto before = resident_bytes();
    backend_ = load(peer)(peer.mode, task);
    const auto after = resident_bytes();
    bytes_ = after > before ? after - before : 0;
  }
  void run(const attnbench_task& task) override {
    backend_->call(task);
    backend_->store(task);
  }
  double time_calls(const attnbench_task& task, std::int64_t count) override {
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < count; ++i) backend_->call(task);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    backend_->store(task);
    return elapsed.count();
  }
  Facts facts(const attnbench_task& task) override { return backend_->facts(task); }
  std::uint64_t bytes() const override { return bytes_; }

 private:
  std::unique_ptr<Backend> backend_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<Session> open_in_process(const Peer& peer, const attnbench_task& task) {
  return std::make_unique<InProcess>(peer, task);
}

}  // namespace attnbench::peers
