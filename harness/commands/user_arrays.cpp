#include "harness/commands/user_arrays.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "datasets/catalogue.h"
#include "variants/api/error.h"
#include "variants/api/oracle.h"

namespace attnbench {
namespace {

constexpr const char* kOption = "--inputs ";

std::string quoted(const ArraySource& source) { return in_quotes(source.text()); }

struct Shapes {
  Shape q, k, v;
};

Shapes shapes_of(const UserArrays& arrays, Layout layout) {
  return {shape_4d(arrays.q.shape, layout, quoted(arrays.files.q)), shape_4d(arrays.k.shape, layout, quoted(arrays.files.k)),
          shape_4d(arrays.v.shape, layout, quoted(arrays.files.v))};
}

// The first rule that the shapes break, with the two files it is about; nothing when they fit together.
struct Breach {
  const char* rule;
  const ArraySource *first, *second;
  const StoredArray *first_array, *second_array;
};

std::optional<Breach> breach_of(const UserArrays& arrays, Layout layout) {
  const auto [q, k, v] = shapes_of(arrays, layout);
  const auto queries_keys = [&](const char* rule) { return Breach{rule, &arrays.files.q, &arrays.files.k, &arrays.q, &arrays.k}; };
  const auto keys_values = [&](const char* rule) { return Breach{rule, &arrays.files.k, &arrays.files.v, &arrays.k, &arrays.v}; };
  if (q[0] != k[0]) return queries_keys("queries and keys must have the same batch");
  if (k[0] != v[0]) return keys_values("keys and values must have the same batch");
  if (k[1] != v[1]) return keys_values("keys and values must have the same number of heads");
  if (k[2] != v[2]) return keys_values("keys and values must have the same length n");
  if (q[3] != k[3]) return queries_keys("queries and keys must have the same dimension d");
  if (q[1] % k[1] != 0) return queries_keys("the number of key heads must divide the number of query heads");
  return std::nullopt;
}

Layout other_layout(Layout layout) { return layout == Layout::bhnd ? Layout::bnhd : Layout::bhnd; }

const char* axes_text(Layout layout) { return layout == Layout::bhnd ? "[b, h, n, d]" : "[b, n, h, d]"; }

void require_fitting_shapes(const UserArrays& arrays) {
  const auto layout = arrays.files.layout, other = other_layout(layout);
  const auto breach = breach_of(arrays, layout);
  if (!breach) return;
  std::string message = quoted(*breach->first) + " " + shape_text(breach->first_array->shape) + " and " + quoted(*breach->second) +
                        " " + shape_text(breach->second_array->shape) + " do not fit: " + breach->rule;
  if (!breach_of(arrays, other)) message += std::string("; they fit as ") + axes_text(other) + ": add --layout " + name_of(other);
  throw UserError(message);
}

void require_ranks(const UserArrays& arrays) {
  for (const auto& [source, array] : {std::pair(&arrays.files.k, &arrays.k), std::pair(&arrays.files.v, &arrays.v)})
    if (array->shape.size() != arrays.q.shape.size())
      throw UserError(quoted(*source) + " has shape " + shape_text(array->shape) + ", " + quoted(arrays.files.q) + " " +
                      shape_text(arrays.q.shape) + "; give arrays with the same number of axes");
}

Shape scores_of(const Problem& p) { return {p.batch, p.heads_q, p.n_q, p.n_k}; }

// Whether any query of any head that reads key/value head `head` may attend to key j.
bool seen(const Problem& p, const Inputs& inputs, std::int64_t b, std::int64_t head, std::int64_t j) {
  const auto group = p.heads_q / p.heads_kv;
  for (std::int64_t h = head * group; h < (head + 1) * group; ++h)
    for (std::int64_t i = 0; i < p.n_q; ++i)
      if (sees_key(p, inputs, b, h, i, j)) return true;
  return false;
}

// The index of element [b, h, i, c] in the user's own array.
std::vector<std::int64_t> index_in(const UserArrays& arrays, std::vector<std::int64_t> index) {
  if (arrays.files.layout == Layout::bnhd && arrays.q.shape.size() > 2) std::swap(index[1], index[2]);
  return arrays.as_queries(std::move(index));
}

// Calls matters(b, h, row) for each row that holds a NaN or infinity and throws if it says so.
template <class Matters>
void require_finite_rows(const UserArrays& arrays, const TensorRef& tensor, const ArraySource& source, Matters matters) {
  const auto view = tensor.as<const float>();
  for (std::int64_t b = 0; b < view.batch(); ++b)
    for (std::int64_t h = 0; h < view.heads(); ++h)
      for (std::int64_t i = 0; i < view.rows(); ++i) {
        const auto* row = view.row(b, h, i);
        const auto* bad = std::find_if(row, row + view.dim(), [](float value) { return !std::isfinite(value); });
        if (bad == row + view.dim() || !matters(b, h, i)) continue;
        throw UserError(quoted(source) + " holds " + (std::isnan(*bad) ? "NaN" : "an infinity") + " at index " +
                        shape_text(index_in(arrays, {b, h, i, bad - row})) +
                        "; give finite float32 values, or mask that key for every query");
      }
}

}  // namespace

UserFiles files_of(const std::string& inputs) {
  const auto spec = parse_dataset_spec("file:" + inputs);
  const auto source = [&](Role role) { return ArraySource{spec.argument, spec.params.choice(letter_of(role))}; };
  UserFiles files{source(Role::queries), source(Role::keys), source(Role::values), std::nullopt,
                  parse_layout(spec.params.choice("layout"))};
  for (const auto& named : {files.q, files.k, files.v})
    if (const auto placeholder = placeholder_in(named.name); !placeholder.empty())
      throw UserError("--inputs '" + inputs + "': apply takes one set of arrays; write a value in place of {" + placeholder + "}");
  const auto mask = source(Role::mask);
  if (!mask.name.empty() || has_array(mask, Role::mask)) files.mask = mask;
  return files;
}

Problem UserArrays::problem() const {
  const auto [q_shape, k_shape, v_shape] = shapes_of(*this, files.layout);
  Problem p;
  p.batch = q_shape[0];
  p.heads_q = q_shape[1];
  p.heads_kv = k_shape[1];
  p.n_q = q_shape[2];
  p.n_k = k_shape[2];
  p.d_qk = q_shape[3];
  p.d_v = v_shape[3];
  if (!files.mask) return p;
  const auto stored = mask_shape(mask.shape, scores_of(p), "mask " + quoted(*files.mask));
  p.mask.kind = is_float(mask.type) ? MaskKind::additive : MaskKind::boolean;
  p.mask.per_batch = stored[0] > 1;
  p.mask.per_head = stored[1] > 1;
  return p;
}

NamedTensors UserArrays::load() const {
  const auto [q_shape, k_shape, v_shape] = shapes_of(*this, files.layout);
  NamedTensors tensors;
  tensors.q = leading_part(q.load(), q_shape, files.layout);
  tensors.k = leading_part(k.load(), k_shape, files.layout);
  tensors.v = leading_part(v.load(), v_shape, files.layout);
  if (files.mask) tensors.mask = to_mask(mask.load(), scores_of(problem()), "mask " + quoted(*files.mask));
  return tensors;
}

std::vector<std::string> UserArrays::hints() const {
  std::vector<std::string> hints;
  if (const auto likely = likely_layout(k.shape, files.layout); likely != files.layout)
    hints.push_back(quoted(files.k) + " " + shape_text(k.shape) + " is read as " + axes_text(files.layout) +
                    ", more heads than tokens; if its axes are " + axes_text(likely) + ", add --layout " + name_of(likely));
  if (files.mask && looks_boolean(mask.load()))
    hints.push_back("mask " + quoted(*files.mask) + " holds 0 and 1 as " + info_of(mask.type).numpy_name +
                    " and is added to the scores; if 1 means may attend, save it with .astype(bool)");
  return hints;
}

std::vector<std::int64_t> UserArrays::as_queries(std::vector<std::int64_t> shape, std::size_t fewer) const {
  const auto rank = q.shape.size() - fewer;
  shape.erase(shape.begin(), shape.end() - static_cast<std::ptrdiff_t>(rank));
  return shape;
}

UserArrays::Dense UserArrays::in_layout_of_queries(const Tensor& tensor) const {
  auto view = tensor.view();
  if (files.layout == Layout::bnhd && q.shape.size() > 2) {
    std::swap(view.shape[1], view.shape[2]);
    std::swap(view.stride[1], view.stride[2]);
  }
  Dense dense{as_queries({view.shape.begin(), view.shape.end()}), {}};
  dense.values.reserve(static_cast<std::size_t>(element_count(view.shape)));
  for (std::int64_t b = 0; b < view.shape[0]; ++b)
    for (std::int64_t x = 0; x < view.shape[1]; ++x)
      for (std::int64_t y = 0; y < view.shape[2]; ++y)
        dense.values.insert(dense.values.end(), view.row(b, x, y), view.row(b, x, y) + view.dim());
  return dense;
}

UserArrays open_user_arrays(const UserFiles& files) {
  UserArrays arrays{.files = files,
                    .q = open_array(files.q, Role::queries, kOption),
                    .k = open_array(files.k, Role::keys, kOption),
                    .v = open_array(files.v, Role::values, kOption),
                    .mask = {}};
  if (files.mask) arrays.mask = open_array(*files.mask, Role::mask, kOption);
  require_float(arrays.q.type, quoted(files.q));
  require_float(arrays.k.type, quoted(files.k));
  require_float(arrays.v.type, quoted(files.v));
  require_ranks(arrays);
  require_fitting_shapes(arrays);
  return arrays;
}

void require_finite_where_seen(const UserArrays& arrays, const Problem& p, const Inputs& inputs) {
  require_finite_rows(arrays, inputs.q, arrays.files.q, [](auto...) { return true; });
  const auto key_matters = [&](std::int64_t b, std::int64_t h, std::int64_t j) { return seen(p, inputs, b, h, j); };
  require_finite_rows(arrays, inputs.k, arrays.files.k, key_matters);
  require_finite_rows(arrays, inputs.v, arrays.files.v, key_matters);
}

void require_writable(const std::string& path) {
  namespace fs = std::filesystem;
  const auto folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) throw UserError("cannot write '" + path + "': it is a folder; name a file, such as O.npy");
  if (!fs::is_directory(folder, ignored)) throw UserError("cannot write '" + path + "': there is no folder " + folder.string());
  if (access(folder.c_str(), W_OK) != 0)
    throw UserError("cannot write '" + path + "': the folder " + folder.string() + " is not writable");
}

}  // namespace attnbench
