#include "variants/api/workspace.h"

#include <cstring>
#include <new>

namespace attnbench {
namespace {

constexpr std::size_t kGuardBytes = kAlignment;
constexpr std::size_t kReservedGuards = 256;  // allocations a run may make before guards eat into a spill
constexpr unsigned char kGuardPattern = 0xA5;

void fill(std::byte* memory, std::size_t bytes, float value) {
  for (std::size_t i = 0; i + sizeof value <= bytes; i += sizeof value) std::memcpy(memory + i, &value, sizeof value);
}

}  // namespace

Workspace::Workspace(std::size_t declared)
    : declared_(declared),
      capacity_((declared + kAlignment - 1) / kAlignment * kAlignment + kReservedGuards * kGuardBytes),
      memory_(capacity_) {
  std::memset(memory_.data(), 0, capacity_);  // touch every page before anything is timed
  guards_.reserve(kReservedGuards);
}

Workspace::Workspace(Source source, void* context)
    : declared_(std::numeric_limits<std::size_t>::max()), capacity_(0), source_(source), context_(context) {}

void Workspace::reset() {
  spilled_.clear();
  guards_.clear();
  offset_ = 0;
  used_ = 0;
}

void Workspace::poison(float value) {
  poison_ = value;
  fill(memory_.data(), capacity_, value);
}

bool Workspace::guards_intact() const {
  for (const auto* guard : guards_)
    for (std::size_t i = 0; i < kGuardBytes; ++i)
      if (guard[i] != std::byte{kGuardPattern}) return false;
  return true;
}

void* Workspace::allocate_bytes(std::size_t bytes) {
  if (source_) {
    if (void* block = source_(context_, bytes)) return block;
    throw std::bad_alloc();
  }
  used_ += bytes;
  if (used_ > peak_) peak_ = used_;
  if (used_ > declared_) overflowed_ = true;
  std::byte* block = memory_.data() + offset_;
  if (offset_ + bytes + kGuardBytes <= capacity_) {
    offset_ += bytes + kGuardBytes;
  } else {
    block = spilled_.emplace_back(bytes + kGuardBytes).data();
    if (poison_) fill(block, bytes, *poison_);
  }
  std::memset(block + bytes, kGuardPattern, kGuardBytes);
  guards_.push_back(block + bytes);
  return block;
}

}  // namespace attnbench
