// An external baseline whose library is loaded into this process, through a backend (backend.h).
#include <dlfcn.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <thread>

#include "variants/external/adapter/adapter_process.h"
#include "variants/external/backend.h"
#include "variants/external/engine.h"
#include "variants/external/installation.h"
#include "variants/external/resident_memory.h"

namespace attnbench::external {
namespace {

std::uint64_t difference(std::uint64_t after, std::uint64_t before) { return after > before ? after - before : 0; }

NewBackend load(const ExternalVariant& external) {
  void* library = ::dlopen(backend_path(external).c_str(), RTLD_NOW | RTLD_LOCAL);  // never unloaded: neither are its threads
  if (!library) throw ExternalError(ATTNBENCH_UNAVAILABLE, std::string(external.framework) + " cannot be loaded: " + ::dlerror());
  void* entry = ::dlsym(library, kBackendEntry);
  if (!entry) throw ExternalError(ATTNBENCH_UNAVAILABLE, backend_path(external) + " is not a backend: " + ::dlerror());
  return reinterpret_cast<NewBackend>(entry);
}

// Waits until the library's threads sleep: OpenMP's spin for 6 ms after a call (measured), and the host's probes of the machine's
// speed come next.
void settle() {
  constexpr int kRounds = 40;
  constexpr auto kPause = std::chrono::milliseconds(5);
  constexpr std::clock_t kIdle = CLOCKS_PER_SEC / 2000;  // a tenth of one processor during a pause
  for (int i = 0; i < kRounds; ++i) {
    const auto before = std::clock();
    std::this_thread::sleep_for(kPause);
    if (std::clock() - before < kIdle) return;
  }
}

class InProcess : public Session {
 public:
  InProcess(const ExternalVariant& external, const attnbench_task& task) {
    const auto before = resident_bytes();
    backend_.reset(load(external)(external.mode, task));
    bytes_ = difference(resident_bytes(), before);
  }
  void run(const attnbench_task& task) override {
    watch([&] { backend_->call(task); });
    backend_->store(task);
  }
  double time_calls(const attnbench_task& task, std::int64_t count) override {
    std::chrono::duration<double> elapsed{};
    watch([&] {
      const auto start = std::chrono::steady_clock::now();
      for (std::int64_t i = 0; i < count; ++i) backend_->call(task);
      elapsed = std::chrono::steady_clock::now() - start;
    });
    settle();
    backend_->store(task);
    return elapsed.count();
  }
  Facts facts(const attnbench_task& task) override {
    auto facts = backend_->facts(task);
    facts.emplace_back("process", "in process, through its C++ library");
    facts.emplace_back("peak_bytes", std::to_string(peak_bytes_.value_or(0)));
    return facts;
  }
  std::uint64_t bytes() const override { return bytes_; }

 private:
  // The first calls' memory is what the facts report: later ones find the library's pools filled.
  template <class Work>
  void watch(const Work& work) {
    if (peak_bytes_) return work();
    reset_resident_peak();
    const auto before = resident_bytes();
    work();
    peak_bytes_ = difference(resident_peak(), before);
  }

  std::unique_ptr<Backend> backend_;
  std::uint64_t bytes_ = 0;
  std::optional<std::uint64_t> peak_bytes_;
};

}  // namespace

std::unique_ptr<Session> open_in_process(const ExternalVariant& external, const attnbench_task& task) {
  return std::make_unique<InProcess>(external, task);
}

}  // namespace attnbench::external
