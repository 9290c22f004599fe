#include "harness/plugins/host.h"

#include <cstdio>
#include <cstring>
#include <deque>
#include <new>
#include <utility>

#include "harness/plugins/abi.h"
#include "harness/plugins/plain_text.h"
#include "harness/support/build_info.h"

namespace attnbench::plugins {
namespace {

constexpr std::size_t kBlockHeader = kAlignment;  // holds the size of a block in front of it

Host& host_of(const attnbench_host* host) { return *static_cast<Host*>(host->host_data); }

}  // namespace

Host::Host(std::string plugin_name) : plugin_name_(std::move(plugin_name)) {
  table_.head = head_of<attnbench_host>();
  table_.version = build_info().version;
  table_.log = &log;
  table_.fail = &fail;
  table_.allocate = &allocate;
  table_.release = &release;
  table_.host_data = this;
}

void Host::log(const attnbench_host* host, std::int32_t level, const char* line) {
  const char* word = level == ATTNBENCH_INFO ? "" : level == ATTNBENCH_WARNING ? "warning: " : "error: ";
  std::fprintf(stderr, "%s: %s%s\n", host_of(host).plugin_name_.c_str(), word, plain_text(line ? line : "").c_str());
}

void Host::fail(const attnbench_host* host, const char* reason) { host_of(host).failure_ = plain_text(reason ? reason : ""); }

void* Host::allocate(const attnbench_host* host, std::uint64_t bytes) {
  if (bytes > static_cast<std::uint64_t>(INT64_MAX) - kBlockHeader) return nullptr;
  auto* block = static_cast<std::byte*>(::operator new (bytes + kBlockHeader, std::align_val_t{kAlignment}, std::nothrow));
  if (block == nullptr) return nullptr;
  std::memcpy(block, &bytes, sizeof bytes);
  host_of(host).allocated_ += static_cast<std::int64_t>(bytes);
  return block + kBlockHeader;
}

void Host::release(const attnbench_host* host, void* memory) {
  if (memory == nullptr) return;
  auto* block = static_cast<std::byte*>(memory) - kBlockHeader;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, block, sizeof bytes);
  host_of(host).allocated_ -= static_cast<std::int64_t>(bytes);
  ::operator delete (block, std::align_val_t{kAlignment});
}

Host& make_host(const std::string& plugin_name) {
  static auto& hosts = *new std::deque<Host>;  // never destroyed: a plugin's thread may still log at exit
  return hosts.emplace_back(plugin_name);
}

}  // namespace attnbench::plugins
