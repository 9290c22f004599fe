// file:PATH: the user's own Q, K and V, and a dense mask where there is one: a folder of .npy files, an .npz or a .safetensors
// file.
//
// Arrays are found by name (array_source.h): q or query, k or key, v or value, mask; or those that the parameters name. Shapes are
// [b, h, n, d], [h, n, d] or [n, d] (layout=bnhd: [b, n, h, d] or [n, h, d]); q has n_q rows and h_q heads, k and v have n_k and
// h_kv, where h_kv divides h_q. float64, float16 and bfloat16 become float32; NaN and infinity are refused in the part that is
// used. An extra input of a variant is the array of its name, where there is one (extra_array.h). A problem takes the first tokens,
// batch entries and whole groups of heads (part.h). The seed changes nothing but masks that a problem asks for and the file does
// not hold.
#include <array>

#include "datasets/array_source.h"
#include "datasets/catalogue.h"
#include "datasets/extra_array.h"
#include "datasets/masks.h"
#include "datasets/part.h"
#include "datasets/random.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr const char* kOption = "--dataset file:";

constexpr ParamSpec kParams[] = {
    choice_param("q", "", "", "name of the queries' array; {layer} in a name makes a dataset of each layer"),
    choice_param("k", "", "", "name of the keys' array"),
    choice_param("v", "", "", "name of the values' array"),
    choice_param("mask", "", "", "name of a dense mask's array"),
    choice_param("layout", "bhnd", "bhnd|bnhd", "order of the axes: [b, h, n, d] or [b, n, h, d]"),
};

ArraySource source_of(const DatasetSpec& spec, Role role) { return {spec.argument, spec.params.choice(letter_of(role))}; }

class UserFile final : public Dataset {
 public:
  explicit UserFile(const DatasetSpec& spec) : spec_(spec), layout_(parse_layout(spec.params.choice("layout"))) {
    for (const auto role : {Role::queries, Role::keys, Role::values}) {
      const auto& array = arrays_[index(role)] = open_array(source_of(spec, role), role, kOption);
      require_float(array.type, label(role));
      shapes_[index(role)] = shape_4d(array.shape, layout_, label(role));
    }
    require_matching_shapes();
    const auto& [q, k, v] = shapes_;
    held_.batch = q[0];
    held_.heads_q = q[1];
    held_.heads_kv = k[1];
    held_.n_q = q[2];
    held_.n_k = k[2];
    held_.d_qk = q[3];
    held_.d_v = v[3];
    open_mask();
    validate(held_);
  }

  std::string spec() const override { return spec_.canonical(); }
  std::optional<Problem> holds() const override { return held_; }

  std::vector<std::string> hints() const override {
    const auto likely = likely_layout(arrays_[1].shape, layout_);
    if (likely == layout_) return {};
    return {spec() + ": read as " + to_string(held_) + ", with more heads than tokens; if the axes are " + axes_text(likely) +
            ", write layout=" + name_of(likely)};
  }

  std::string fingerprint() const override {
    std::uint64_t hash = fnv1a("");
    for (const auto& array : arrays_)
      if (array.load) hash = hash_of(array, hash);
    return std::string("file#v1#") + (layout_ == Layout::bhnd ? "" : "bnhd#") + std::to_string(hash);
  }

  NamedTensors make(const Problem& problem, std::uint64_t seed) const override {
    if (const auto misfit = misfit_of(held_, problem, spec())) throw UserError(misfit->reason);
    NamedTensors inputs;
    inputs.q = part(Role::queries, {problem.batch, problem.heads_q, problem.n_q, problem.d_qk});
    inputs.k = part(Role::keys, {problem.batch, problem.heads_kv, problem.n_k, problem.d_qk});
    inputs.v = part(Role::values, {problem.batch, problem.heads_kv, problem.n_k, problem.d_v});
    if (held_.mask.kind == MaskKind::none || problem.mask.kind == MaskKind::none) inputs.mask = make_mask(problem, seed);
    else inputs.mask = to_mask(arrays_[index(Role::mask)].load(), scores_of(held_), scores_of(problem), label(Role::mask));
    return inputs;
  }

  std::optional<std::string> fingerprint_of_own(const std::string& extra) const override {
    if (!has_array(own(extra))) return std::nullopt;
    const auto array = open_array(own(extra), kOption);
    return "file#v1#" + std::to_string(hash_of(array, fnv1a("")));
  }

 private:
  std::optional<Tensor> own_extra(const InputSpec& spec, const Problem& problem) const override {
    const auto source = own(spec.name);
    if (!has_array(source)) return std::nullopt;
    return extra_part(open_array(source, kOption), spec, held_, problem, layout_,
                      in_quotes(spec.name) + " in " + in_quotes(spec_.argument));
  }

  ArraySource own(const std::string& extra) const { return {spec_.argument, extra}; }

  static std::uint64_t hash_of(const StoredArray& array, std::uint64_t hash) {
    hash = fnv1a(shape_text(array.shape) + info_of(array.type).numpy_name, hash);
    const auto bytes = array.load().bytes;
    return fnv1a({reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size()}, hash);
  }

  static std::size_t index(Role role) { return static_cast<std::size_t>(role); }
  static Shape scores_of(const Problem& p) { return {p.batch, p.heads_q, p.n_q, p.n_k}; }
  static const char* axes_text(Layout layout) { return layout == Layout::bhnd ? "[b, h, n, d]" : "[b, n, h, d]"; }

  std::string label(Role role) const {
    const auto& name = spec_.params.choice(letter_of(role));
    return in_quotes(name.empty() ? letter_of(role) : name) + " in " + in_quotes(spec_.argument);
  }

  bool match() const {
    const auto& [q, k, v] = shapes_;
    return q[0] == k[0] && k[0] == v[0] && k[1] == v[1] && q[1] % k[1] == 0 && k[2] == v[2] && q[3] == k[3];
  }

  void require_matching_shapes() {
    if (match()) return;
    std::string message = in_quotes(spec_.argument) + " holds q " + shape_text(arrays_[0].shape) + ", k " +
                          shape_text(arrays_[1].shape) + ", v " + shape_text(arrays_[2].shape) + "; expected " +
                          (layout_ == Layout::bhnd ? "[b, h_q, n_q, d_qk], [b, h_kv, n_k, d_qk], [b, h_kv, n_k, d_v]"
                                                   : "[b, n_q, h_q, d_qk], [b, n_k, h_kv, d_qk], [b, n_k, h_kv, d_v]") +
                          " with h_kv dividing h_q";
    const auto other = layout_ == Layout::bhnd ? Layout::bnhd : Layout::bhnd;
    for (std::size_t i = 0; i < shapes_.size(); ++i) shapes_[i] = shape_4d(arrays_[i].shape, other, "");
    if (match()) message += std::string("; they fit with layout=") + name_of(other);
    throw UserError(message);
  }

  void open_mask() {
    const auto source = source_of(spec_, Role::mask);
    if (source.name.empty() && !has_array(source, Role::mask)) return;
    auto& array = arrays_[index(Role::mask)] = open_array(source, Role::mask, kOption);
    const auto stored = mask_shape(array.shape, scores_of(held_), label(Role::mask));
    held_.mask = {is_float(array.type) ? MaskKind::additive : MaskKind::boolean, stored[0] > 1, stored[1] > 1};
  }

  Tensor part(Role role, const Shape& asked) const { return finite_part(arrays_[index(role)].load(), asked, layout_, label(role)); }

  DatasetSpec spec_;
  Layout layout_;
  std::array<StoredArray, 4> arrays_;  // q, k, v, mask; without load where there is no mask
  std::array<Shape, 3> shapes_;
  Problem held_;
};

std::vector<std::string> values_of_pattern(const DatasetSpec& spec) {
  std::vector<std::string> patterns;
  for (const auto role : kRoles) patterns.push_back(spec.params.choice(letter_of(role)));
  return pattern_values(spec.argument, patterns);
}

}  // namespace

const DatasetKind kinds::file = {
    {"file", "file:PATH(q=NAME,k=NAME,v=NAME,mask=NAME,layout=bnhd)",
     "your own Q, K, V: a folder of .npy files, an .npz or a .safetensors file; names are q, k and v unless given"},
    kParams,
    Argument::required,
    [](const DatasetSpec& spec) -> std::unique_ptr<Dataset> { return std::make_unique<UserFile>(spec); },
    values_of_pattern};

}  // namespace attnbench
