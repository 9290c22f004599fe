// file:PATH: the user's own Q, K and V: a folder with q.npy, k.npy and v.npy, an .npz or a .safetensors file.
//
// Arrays are found by name, whatever the case: q or query, k or key, v or value; exactly one of each. Shapes are [b, h, n, d],
// [h, n, d] or [n, d]; q has n_q rows and h_q heads, k and v have n_k and h_kv, where h_kv divides h_q. float64, float16 and
// bfloat16 become float32; NaN and infinity are refused. A problem takes the first tokens, heads and batch entries; it may not ask
// for more than there are, nor for another d. The seed changes nothing but dense masks.
#include <algorithm>
#include <filesystem>

#include "datasets/catalogue.h"
#include "datasets/masks.h"
#include "datasets/named_arrays.h"
#include "datasets/npy.h"
#include "datasets/random.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

struct Role {
  const char* letter;
  const char* word;
};
constexpr Role kRoles[] = {{"q", "query"}, {"k", "key"}, {"v", "value"}};

bool plays(const Role& role, std::string_view name) {
  std::string lower(name);
  for (auto& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower == role.letter || lower == role.word;
}

bool wanted(std::string_view name) {
  return std::any_of(std::begin(kRoles), std::end(kRoles), [&](const Role& role) { return plays(role, name); });
}

Container read_folder(const std::string& path) {
  Container container;
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".npy") files.push_back(entry->path());
  if (error) throw UserError("cannot list folder " + in_quotes(path) + ": " + error.message() + "; check its permissions");
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    container.names.push_back(file.stem().string());
    if (wanted(container.names.back())) container.arrays.push_back({container.names.back(), read_npy(file.string())});
  }
  return container;
}

Container read_container(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return read_folder(path);
  const auto extension = fs::path(path).extension();
  if (extension == ".npz") return read_npz(path, wanted);
  if (extension == ".safetensors") return read_safetensors(path, wanted);
  throw UserError(in_quotes(path) + (fs::exists(path, error) ? " is neither" : " does not exist: give") +
                  " a folder with q.npy, k.npy and v.npy, an .npz or a .safetensors file");
}

const Array& find_role(const Container& container, const Role& role, const std::string& path) {
  const Array* found = nullptr;
  for (const auto& [name, array] : container.arrays) {
    if (!plays(role, name)) continue;
    if (found)
      throw UserError(in_quotes(path) + " holds more than one array named '" + role.letter + "' or '" + role.word + "'; keep one");
    found = &array;
  }
  if (found) return *found;
  std::string names;
  for (std::size_t i = 0; i < std::min<std::size_t>(container.names.size(), 10); ++i)
    names += (i ? ", " : "") + in_quotes(container.names[i]);
  throw UserError(in_quotes(path) + " holds no array named '" + role.letter + "' or '" + role.word + "'; it holds " +
                  (names.empty() ? "none" : names));
}

class UserFile final : public Dataset {
 public:
  explicit UserFile(const DatasetSpec& spec) : spec_(spec) {
    const auto container = read_container(spec.argument);
    for (std::size_t r = 0; r < 3; ++r) {
      arrays_[r] = find_role(container, kRoles[r], spec.argument);
      const auto label = std::string("'") + kRoles[r].letter + "' in " + in_quotes(spec.argument);
      shapes_[r] = shape_4d(arrays_[r], label);
      require_finite(arrays_[r], label);
    }
    require_matching_shapes();
  }

  std::string spec() const override { return spec_.canonical(); }

  std::string fingerprint() const override {
    std::uint64_t hash = fnv1a("");
    for (const auto& array : arrays_) {
      hash = fnv1a(shape_text(array.shape) + name_of(array.type), hash);
      hash = fnv1a({reinterpret_cast<const char*>(array.bytes.data.data()), array.bytes.data.size()}, hash);
    }
    return "file#v1#" + std::to_string(hash);
  }

  InputTensors make(const Problem& problem, std::uint64_t seed) const override {
    InputTensors inputs;
    inputs.q = part(0, {problem.batch, problem.heads_q, problem.n_q, problem.d_qk});
    inputs.k = part(1, {problem.batch, problem.heads_kv, problem.n_k, problem.d_qk});
    inputs.v = part(2, {problem.batch, problem.heads_kv, problem.n_k, problem.d_v});
    inputs.mask = make_mask(problem, seed);
    return inputs;
  }

 private:
  void require_matching_shapes() const {
    const auto& [q, k, v] = shapes_;
    const bool match = q[0] == k[0] && k[0] == v[0] && k[1] == v[1] && q[1] % k[1] == 0 && k[2] == v[2] && q[3] == k[3];
    if (match) return;
    throw UserError(in_quotes(spec_.argument) + " holds q " + shape_text(q) + ", k " + shape_text(k) + ", v " + shape_text(v) +
                    "; they must be [b, h_q, n_q, d_qk], [b, h_kv, n_k, d_qk], [b, h_kv, n_k, d_v] with h_kv dividing h_q");
  }

  Tensor part(std::size_t role, const Shape& asked) const {
    const auto& held = shapes_[role];
    constexpr const char* kAxes[] = {"batch entries", "heads", "tokens"};
    const auto label = in_quotes(spec_.argument) + ": " + kRoles[role].letter + " has ";
    for (std::size_t axis = 0; axis < 3; ++axis)
      if (asked[axis] > held[axis])
        throw UserError(label + std::to_string(held[axis]) + " " + kAxes[axis] + ", fewer than the " + std::to_string(asked[axis]) +
                        " asked for; ask for at most " + std::to_string(held[axis]));
    if (asked[3] != held[3])
      throw UserError(label + "d = " + std::to_string(held[3]) + ", not the " + std::to_string(asked[3]) +
                      " asked for; ask for d=" + std::to_string(held[3]));
    return leading_part(arrays_[role], asked);
  }

  DatasetSpec spec_;
  std::array<Array, 3> arrays_;  // q, k, v
  std::array<Shape, 3> shapes_;
};

}  // namespace

const DatasetKind kinds::file = {
    {"file", "file:PATH", "your own Q, K, V: a folder with q.npy k.npy v.npy, an .npz or a .safetensors file"},
    {},
    Argument::required,
    [](const DatasetSpec& spec) -> std::unique_ptr<Dataset> { return std::make_unique<UserFile>(spec); }};

}  // namespace attnbench
