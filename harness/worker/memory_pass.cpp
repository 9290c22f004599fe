#include "harness/worker/memory_pass.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "harness/measure/allocation_counter.h"
#include "variants/api/variant_call.h"

namespace attnbench {
namespace {

// A line of /proc/PROCESS/status such as "VmRSS:   1234 kB", in bytes; 0 when the process is gone. proc(5)
std::int64_t status_bytes(const std::string& field, const std::string& process = "self") {
  std::ifstream file("/proc/" + process + "/status");
  std::string line;
  while (std::getline(file, line))
    if (line.starts_with(field + ":")) return std::stoll(line.substr(field.size() + 1)) * 1024;
  return 0;
}

// Of the processes that this one has started, the most that each held; what it shares with others is left out, as it is counted
// here.
std::int64_t children_peak() {
  std::int64_t bytes = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(thread.path() / "children");
    for (std::string child; children >> child;) bytes += status_bytes("VmHWM", child) - status_bytes("RssShmem", child);
  }
  return bytes;
}

}  // namespace

void wake_threads(const Parallel& parallel) {
  constexpr std::chrono::seconds kPatience(5);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::atomic<int> here{0};
  parallel.for_each(parallel.threads(), [&](std::int64_t, int) {
    ++here;
    while (here < parallel.threads() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  });
}

std::int64_t private_bytes() { return status_bytes("RssAnon") + status_bytes("RssShmem"); }
std::int64_t resident_bytes() { return status_bytes("VmRSS"); }
std::int64_t resident_peak() { return status_bytes("VmHWM"); }
void reset_resident_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

MemoryUse measure_memory(const VariantConfig& config, const Problem& problem, const Inputs& inputs, std::uint64_t seed,
                         const Parallel& parallel) {
  const Tensor output(output_shape(problem));
  wake_threads(parallel);

  MemoryUse use;
  use.output_bytes = static_cast<std::int64_t>(output.bytes());
  reset_resident_peak();
  use.rss_baseline = resident_bytes();
  VariantCall call(*config.variant, config.params, problem, seed, parallel);
  call.run(inputs, output.ref());  // libraries set themselves up once; only what every call does is stray
  AllocationCounter watch;
  call.run(inputs, output.ref());
  watch.stop();

  use.rss_peak = resident_peak();
  use.children_peak = children_peak();
  use.workspace_declared = static_cast<std::int64_t>(call.workspace().declared());
  use.workspace_peak = static_cast<std::int64_t>(call.workspace().peak());
  use.prepared_bytes = static_cast<std::int64_t>(call.prepared().bytes);
  use.stray_allocations = watch.allocations();
  use.stray_bytes = watch.bytes();
  return use;
}

}  // namespace attnbench
