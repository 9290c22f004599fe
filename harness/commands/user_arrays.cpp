#include "harness/commands/user_arrays.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "datasets/npy.h"
#include "variants/api/error.h"
#include "variants/api/oracle.h"

namespace attnbench {
namespace {

Tensor read_numbers(const std::string& path) {
  const auto array = read_npy(path);
  if (array.type == ElementType::boolean)
    throw UserError("'" + path + "' holds booleans; queries, keys and values are float16, float32 or float64");
  return leading_part(array, shape_4d(array, "'" + path + "'"));
}

void require_same(bool same, const std::string& a, const Shape& shape_a, const std::string& b, const Shape& shape_b,
                  const char* rule) {
  if (same) return;
  throw UserError("'" + a + "' " + shape_text(shape_a) + " and '" + b + "' " + shape_text(shape_b) + " do not fit: " + rule);
}

void require_shapes(const UserFiles& files, const Shape& q, const Shape& k, const Shape& v) {
  require_same(q[0] == k[0], files.q, q, files.k, k, "queries and keys must have the same batch");
  require_same(k[0] == v[0], files.k, k, files.v, v, "keys and values must have the same batch");
  require_same(k[1] == v[1], files.k, k, files.v, v, "keys and values must have the same number of heads");
  require_same(k[2] == v[2], files.k, k, files.v, v, "keys and values must have the same length n");
  require_same(q[3] == k[3], files.q, q, files.k, k, "queries and keys must have the same dimension d");
  require_same(q[1] % k[1] == 0, files.q, q, files.k, k, "the number of key heads must divide the number of query heads");
}

Tensor read_mask(const std::string& path, const Shape& q, const Shape& k) {
  auto mask = to_mask(read_npy(path), "'" + path + "'");
  const auto& shape = mask.shape();
  const bool fits =
      (shape[0] == 1 || shape[0] == q[0]) && (shape[1] == 1 || shape[1] == q[1]) && shape[2] == q[2] && shape[3] == k[2];
  if (!fits)
    throw UserError("mask '" + path + "' has shape " + shape_text(shape) + "; expected [1 or " + std::to_string(q[0]) + ", 1 or " +
                    std::to_string(q[1]) + ", " + std::to_string(q[2]) + ", " + std::to_string(k[2]) + "]");
  return mask;
}

// Whether any query of any head that reads key/value head `head` may attend to key j.
bool seen(const Problem& p, const Inputs& inputs, std::int64_t b, std::int64_t head, std::int64_t j) {
  const auto group = p.heads_q / p.heads_kv;
  const auto hidden_by_minus_infinity = [&](std::int64_t h, std::int64_t i) {
    return p.mask.kind == MaskKind::additive &&
           inputs.mask.as<const float>().row(b, h, i)[j] == -std::numeric_limits<float>::infinity();
  };
  for (std::int64_t h = head * group; h < (head + 1) * group; ++h)
    for (std::int64_t i = 0; i < p.n_q; ++i)
      if (problem_attends(p, inputs, b, h, i, j) && !hidden_by_minus_infinity(h, i)) return true;
  return false;
}

// Calls matters(b, h, row) for each row that holds a NaN or infinity and throws if it says so.
template <class Matters>
void require_finite_rows(const Tensor& tensor, const std::string& path, Matters matters) {
  const auto view = tensor.view<const float>();
  for (std::int64_t b = 0; b < view.batch(); ++b)
    for (std::int64_t h = 0; h < view.heads(); ++h)
      for (std::int64_t i = 0; i < view.rows(); ++i) {
        const auto* row = view.row(b, h, i);
        const auto* bad = std::find_if(row, row + view.dim(), [](float value) { return !std::isfinite(value); });
        if (bad == row + view.dim() || !matters(b, h, i)) continue;
        throw UserError("'" + path + "' holds " + (std::isnan(*bad) ? "NaN" : "an infinity") + " at index " +
                        shape_text(Shape{b, h, i, bad - row}) + "; give finite float32 values, or mask that key for every query");
      }
}

}  // namespace

Problem UserArrays::problem() const {
  const auto &q = tensors.q.shape(), &k = tensors.k.shape(), &v = tensors.v.shape();
  Problem p;
  p.batch = q[0];
  p.heads_q = q[1];
  p.heads_kv = k[1];
  p.n_q = q[2];
  p.n_k = k[2];
  p.d_qk = q[3];
  p.d_v = v[3];
  if (tensors.mask.empty()) return p;
  p.mask.kind = tensors.mask.dtype() == DType::u8 ? MaskKind::boolean : MaskKind::additive;
  p.mask.per_batch = tensors.mask.shape()[0] > 1;
  p.mask.per_head = tensors.mask.shape()[1] > 1;
  return p;
}

std::vector<std::int64_t> UserArrays::output_shape(const Problem& p) const {
  const std::vector<std::int64_t> whole{p.batch, p.heads_q, p.n_q, p.d_v};
  return {whole.end() - static_cast<std::ptrdiff_t>(rank), whole.end()};
}

UserArrays read_user_arrays(const UserFiles& files) {
  UserArrays arrays{.files = files, .tensors = {}, .rank = read_npy(files.q).shape.size()};
  for (const auto& path : {files.k, files.v})
    if (const auto shape = read_npy(path).shape; shape.size() != arrays.rank)
      throw UserError("'" + path + "' has shape " + shape_text(shape) + ", '" + files.q + "' " +
                      shape_text(read_npy(files.q).shape) + "; give arrays with the same number of axes");
  arrays.tensors.q = read_numbers(files.q);
  arrays.tensors.k = read_numbers(files.k);
  arrays.tensors.v = read_numbers(files.v);
  const auto &q = arrays.tensors.q.shape(), &k = arrays.tensors.k.shape();
  require_shapes(files, q, k, arrays.tensors.v.shape());
  if (!files.mask.empty()) arrays.tensors.mask = read_mask(files.mask, q, k);
  return arrays;
}

void require_finite_where_seen(const UserArrays& arrays, const Problem& p, const Inputs& inputs) {
  require_finite_rows(arrays.tensors.q, arrays.files.q, [](auto...) { return true; });
  const auto key_matters = [&](std::int64_t b, std::int64_t h, std::int64_t j) { return seen(p, inputs, b, h, j); };
  require_finite_rows(arrays.tensors.k, arrays.files.k, key_matters);
  require_finite_rows(arrays.tensors.v, arrays.files.v, key_matters);
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
