// The arrays a user gives to `apply`: read, checked against each other, and turned into a problem. Every message names the file,
// the value seen and what is expected.
#pragma once

#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace attnbench {

struct UserFiles {
  std::string q, k, v, mask;  // mask: empty when there is none
};

struct UserArrays {
  UserFiles files;
  InputTensors tensors;
  std::size_t rank = 4;  // of the queries: 2 to 4

  /// The problem these shapes state; causal, scale and softcap are the caller's to add.
  Problem problem() const;
  /// [b, h_q, n_q, d_v] with as many axes as the queries.
  std::vector<std::int64_t> output_shape(const Problem& problem) const;
};

/// Reads the files. Throws UserError: unreadable or malformed, wrong rank, shapes that do not fit together, a mask of the wrong
/// shape.
UserArrays read_user_arrays(const UserFiles& files);

/// Throws UserError naming the index of a NaN or infinity in the queries, or in a key or value that some query may see.
void require_finite_where_seen(const UserArrays& arrays, const Problem& problem, const Inputs& inputs);

/// Throws UserError when a file cannot be created there, before any work is done.
void require_writable(const std::string& path);

}  // namespace attnbench
