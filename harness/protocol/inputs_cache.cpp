#include "harness/protocol/inputs_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "harness/support/file_descriptor.h"
#include "harness/support/storage_error.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr std::size_t kPage = 4096;

std::size_t whole_pages(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

// A tensor of the file: what it is, and its bytes.
struct Part {
  InputSpec spec;
  const void* data;
};

std::vector<Part> parts_of(const NamedTensors& tensors, std::span<const CachedExtra> extras) {
  std::vector<Part> parts;
  for (const char* name : {"q", "k", "v", "mask"})
    if (const auto& tensor = tensors[name]; !tensor.empty())
      parts.push_back({{name, tensor.shape(), tensor.dtype()}, tensor.ref().data});
  for (const auto& extra : extras)
    if (extra.fault.empty()) parts.push_back({extra.spec, extra.tensor.ref().data});
  return parts;
}

// The line of the file's first pages: offsets from their end, by spec.
Json contents_of(const std::vector<Part>& parts, std::span<const CachedExtra> extras) {
  Json offsets = Json::object(), faults = Json::object();
  std::size_t end = 0;
  for (const auto& part : parts) {
    offsets[to_string(part.spec)] = end;
    end += whole_pages(part.spec.bytes());
  }
  for (const auto& extra : extras)
    if (!extra.fault.empty()) faults[to_string(extra.spec)] = extra.fault;
  return {{"offsets", offsets}, {"faults", faults}, {"bytes", end}};
}

// Writes through a temporary name, so that a reader never sees half a file.
template <class Writer>
void write_atomically(const std::string& path, Writer&& write) {
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  if (file) write(file);
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const std::string why = std::strerror(errno);
    std::filesystem::remove(temporary);
    throw StorageError("cannot write " + path + ": " + why + "; free disk space or make it writable, then continue with --resume");
  }
}

// The file's contents; none if it is missing or cannot be read.
std::optional<Pages> read_whole(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!file.open() || ::fstat(file.get(), &info) != 0 || info.st_size == 0) return std::nullopt;
  const auto length = static_cast<std::size_t>(info.st_size);
  Pages memory(length);
  for (std::size_t have = 0; have < length;) {
    const auto count = ::read(file.get(), memory.data() + have, length - have);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    have += static_cast<std::size_t>(count);
  }
  return memory;
}

}  // namespace

double inputs_file_bytes(const Problem& problem, std::span<const InputSpec> extras) {
  double bytes = kPage;
  for (const auto& spec : input_specs(problem)) bytes += static_cast<double>(whole_pages(spec.bytes()));
  for (const auto& spec : extras) bytes += static_cast<double>(whole_pages(spec.bytes()));
  return bytes;
}

void write_inputs(const std::string& path, const NamedTensors& tensors, std::span<const CachedExtra> extras) {
  const auto parts = parts_of(tensors, extras);
  const auto contents = contents_of(parts, extras).dump() + "\n";
  write_atomically(path, [&](std::ofstream& file) {
    static constexpr std::array<char, kPage> kZeros{};
    const auto write = [&](const void* data, std::size_t bytes) {
      file.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
      file.write(kZeros.data(), static_cast<std::streamsize>(whole_pages(bytes) - bytes));
    };
    write(contents.data(), contents.size());
    for (const auto& part : parts) write(part.data, part.spec.bytes());
  });
}

CachedInputs::CachedInputs(const std::string& path, const Problem& problem) : path_(path), memory_(read_whole(path)) {
  const auto refuse = [&] { throw std::runtime_error("the inputs file " + path + " is missing or not for " + to_string(problem)); };
  if (!memory_) refuse();
  const std::string_view all(reinterpret_cast<const char*>(memory_->data()), memory_->size());
  const auto line = all.substr(0, all.find('\n'));
  contents_ = Json::parse(line, nullptr, false);
  first_ = whole_pages(line.size() + 1);
  if (!contents_.is_object() || first_ + contents_.value("bytes", std::size_t{0}) != memory_->size()) refuse();
  memory_->make_read_only();

  TensorRef* const places[] = {&inputs_.q, &inputs_.k, &inputs_.v, &inputs_.mask};
  const auto specs = input_specs(problem);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto found = find(specs[i]);
    if (!found) refuse();
    *places[i] = *found;
  }
  if (inputs_.mask.data) inputs_.mask = broadcast(inputs_.mask, problem.batch, problem.heads_q);
}

std::optional<TensorRef> CachedInputs::find(const InputSpec& spec) const {
  const auto& offsets = contents_.at("offsets");
  const auto found = offsets.find(to_string(spec));
  if (found == offsets.end()) return std::nullopt;
  return TensorRef{memory_->data() + first_ + found->get<std::size_t>(), spec.dtype, spec.shape, dense_strides(spec.shape)};
}

Inputs CachedInputs::inputs(std::span<const InputSpec> extras) {
  names_.clear();
  extras_.clear();
  names_.reserve(extras.size());
  for (const auto& spec : extras) {
    const auto& faults = contents_.at("faults");
    if (const auto fault = faults.find(to_string(spec)); fault != faults.end()) throw UserError(fault->get<std::string>());
    const auto found = find(spec);
    if (!found) throw std::runtime_error("the inputs file " + path_ + " does not hold " + to_string(spec));
    extras_.push_back({names_.emplace_back(spec.name).c_str(), extra_view(*found)});
  }
  auto inputs = inputs_;
  inputs.extras = extras_;
  return inputs;
}

void write_doubles(const std::string& path, const std::vector<double>& values) {
  write_atomically(path, [&](std::ofstream& file) {
    file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(double)));
  });
}

std::vector<double> read_doubles(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw std::runtime_error("the rows file " + path + " is missing");
  std::vector<double> values(static_cast<std::size_t>(file.tellg()) / sizeof(double));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(double)));
  return values;
}

}  // namespace attnbench
