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

struct Part {
  Shape shape;
  DType dtype;
  std::size_t bytes() const { return static_cast<std::size_t>(element_count(shape)) * element_size(dtype); }
};

std::array<Part, 4> parts_of(const Problem& p) {
  Part mask{{0, 0, 0, 0}, p.mask.kind == MaskKind::boolean ? DType::u8 : DType::f32};
  if (p.mask.kind != MaskKind::none) mask.shape = {p.mask.per_batch ? p.batch : 1, p.mask.per_head ? p.heads_q : 1, p.n_q, p.n_k};
  return {Part{{p.batch, p.heads_q, p.n_q, p.d_qk}, DType::f32}, Part{{p.batch, p.heads_kv, p.n_k, p.d_qk}, DType::f32},
          Part{{p.batch, p.heads_kv, p.n_k, p.d_v}, DType::f32}, mask};
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
    throw StorageError("cannot write " + path + ": " + why + "; make room or mend it, then carry on with --resume");
  }
}

// The file's contents; none if it is missing or of another length.
std::optional<Pages> read_whole(const std::string& path, std::size_t length) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!file.open() || ::fstat(file.get(), &info) != 0 || static_cast<std::size_t>(info.st_size) != length) return std::nullopt;
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

double inputs_file_bytes(const Problem& problem) {
  double bytes = 0;
  for (const auto& part : parts_of(problem)) bytes += static_cast<double>(whole_pages(part.bytes()));
  return bytes;
}

void write_inputs(const std::string& path, const InputTensors& tensors) {
  write_atomically(path, [&](std::ofstream& file) {
    static constexpr std::array<char, kPage> kZeros{};
    for (const Tensor* tensor : {&tensors.q, &tensors.k, &tensors.v, &tensors.mask}) {
      if (tensor->empty()) continue;
      const auto bytes = tensor->bytes();
      file.write(static_cast<const char*>(tensor->ref().data), static_cast<std::streamsize>(bytes));
      file.write(kZeros.data(), static_cast<std::streamsize>(whole_pages(bytes) - bytes));
    }
  });
}

CachedInputs::CachedInputs(const std::string& path, const Problem& problem) {
  const auto parts = parts_of(problem);
  std::size_t length = 0;
  for (const auto& part : parts) {
    bytes_ += part.bytes();
    length += whole_pages(part.bytes());
  }
  memory_ = read_whole(path, length);
  if (!memory_) throw std::runtime_error("the inputs file " + path + " is missing or not for " + to_string(problem));
  memory_->make_read_only();

  std::size_t offset = 0;
  const auto next = [&](const Part& part) {
    const TensorRef ref{memory_->data() + offset, part.dtype, part.shape, dense_strides(part.shape)};
    offset += whole_pages(part.bytes());
    return ref;
  };
  inputs_.q = next(parts[0]);
  inputs_.k = next(parts[1]);
  inputs_.v = next(parts[2]);
  inputs_.mask = {};
  if (problem.mask.kind != MaskKind::none) inputs_.mask = broadcast(next(parts[3]), problem.batch, problem.heads_q);
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
