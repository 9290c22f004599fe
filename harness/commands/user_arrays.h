// The arrays a user gives to `apply`: opened, checked against each other, and turned into a problem. Every message names the file,
// the value seen and what is expected.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "datasets/array_source.h"
#include "datasets/dataset.h"

namespace attnbench {

struct UserFiles {
  ArraySource q, k, v;
  std::optional<ArraySource> mask;
  Layout layout = Layout::bhnd;
};

/// The files that a dataset spec without its `file:` names: "x.safetensors(q=NAME,...)"; its mask where it has one.
UserFiles files_of(const std::string& inputs);

/// Arrays whose headers have been read and fit together.
struct UserArrays {
  UserFiles files;
  StoredArray q, k, v, mask;  // mask: without load where there is none

  /// The problem these shapes state; causal, window, key lengths, scale and softcap are the caller's to add.
  Problem problem() const;
  /// Reads the elements. NaN and infinity are left to require_finite_where_seen(), but not in masks. Throws UserError.
  NamedTensors load() const;
  /// Lines about what looks wrong without being so for certain: an unlikely layout, a float mask of zeros and ones.
  std::vector<std::string> hints() const;
  /// A tensor [b, h, n, d] of the problem in the layout and with as many axes as the queries: the shape and the elements.
  struct Dense {
    std::vector<std::int64_t> shape;
    std::vector<float> values;
  };
  Dense in_layout_of_queries(const Tensor& tensor) const;
  /// The last axes of a shape, as many as the queries have, less `fewer`.
  std::vector<std::int64_t> as_queries(std::vector<std::int64_t> shape, std::size_t fewer = 0) const;
};

/// Opens the files. Throws UserError: unreadable or malformed, wrong rank or element type, shapes that do not fit together.
UserArrays open_user_arrays(const UserFiles& files);

/// Throws UserError naming the index of a NaN or infinity in the queries, or in a key or value that some query may see.
void require_finite_where_seen(const UserArrays& arrays, const Problem& problem, const Inputs& inputs);

/// Throws UserError when a file cannot be created there, before any work is done.
void require_writable(const std::string& path);

}  // namespace attnbench
