// What layers around an attention share: the inner variant, chosen by the parameter `inner`, between learned projections of the
// tokens, and the float64 reference of that.
//
// Tokens are rows of concat(heads), D channels (kernels/dense/projection.h). Queries, keys and values are products of tokens with
// W_q, W_k and W_v; masks, GQA, scale and softcap are the inner variant's business.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "variants/api/oracle.h"
#include "variants/api/registry.h"
#include "variants/api/variant.h"
#include "variants/kernels/dense/projection.h"

namespace attnbench {

constexpr ParamSpec kInnerParam =
    choice_param("inner", "blockwise", "", "the attention between the projections: any other variant, with its default parameters");

inline const Variant* inner_of(const Params& params) { return find_variant(params.choice("inner")); }

/// Why `outer` cannot have that inner variant.
inline void check_inner(const std::string& outer, const Problem& p, const Params& params, Reasons& reasons) {
  const Variant* inner = inner_of(params);
  if (inner == nullptr) {
    reasons.push_back(outer + " has no inner variant '" + params.choice("inner") + "'; `attnbench list` names them");
  } else if (inner->name == outer) {
    reasons.push_back(outer + " cannot be its own inner variant");
  } else {
    for (auto& reason : unsupported_reasons(*inner, p, Params(inner->params))) reasons.push_back(outer + ": inner " + reason);
  }
}

/// The inner variant's own.
inline std::vector<InputSpec> inner_extras(const Problem& p, const Params& params) {
  const Variant* inner = inner_of(params);
  return inner ? extras_of(*inner, p, Params(inner->params)) : std::vector<InputSpec>{};
}

/// Channels of queries, keys, values and what attention gives.
struct HeadWidths {
  std::int64_t query, key, value, output;
};
inline HeadWidths head_widths(const Problem& p) {
  return {p.heads_q * p.d_qk, p.heads_kv * p.d_qk, p.heads_kv * p.d_v, p.heads_q * p.d_v};
}

/// The inner variant, prepared, and the weights [channels of the tokens, channels of the heads] in front of it.
struct InnerAttention {
  std::vector<float> query, key, value;
  const Variant* inner;
  Params params;
  Prepared prepared;
};

inline InnerAttention prepare_inner(const PrepareTask& task, std::vector<float> query, std::vector<float> key,
                                    std::vector<float> value) {
  const Variant* inner = inner_of(task.params);
  Params params(inner->params);
  auto prepared = prepare(*inner, task.problem, params, task.seed, task.threads);
  return {std::move(query), std::move(key), std::move(value), inner, std::move(params), std::move(prepared)};
}

/// Where queries, keys and values come from.
struct Tokens {
  TensorView<const float> query, key, value;
};

/// attention(X_q W_q, X_k W_k, X_v W_v) [b, h_q, n_q, d_v] in the workspace, each token's heads side by side.
/// panels: scratch of project() for all these widths.
inline TensorRef attend_to_tokens(const RunTask& task, const InnerAttention& layer, const Tokens& tokens, float* panels) {
  const auto& p = task.problem;
  const auto array = [&](std::int64_t heads, std::int64_t n, std::int64_t d) {
    return kernels::split_heads(task.workspace.allocate<float>(p.batch * n * heads * d).data(), p.batch, heads, n, d);
  };
  const auto q = array(p.heads_q, p.n_q, p.d_qk), k = array(p.heads_kv, p.n_k, p.d_qk), v = array(p.heads_kv, p.n_k, p.d_v);
  const auto attended = array(p.heads_q, p.n_q, p.d_v);
  kernels::project(task.parallel, tokens.query, layer.query.data(), q.as<float>(), panels);
  kernels::project(task.parallel, tokens.key, layer.key.data(), k.as<float>(), panels);
  kernels::project(task.parallel, tokens.value, layer.value.data(), v.as<float>(), panels);
  const Inputs projected{q, k, v, task.inputs.mask, task.inputs.extras};
  layer.inner->run({p, layer.params, projected, attended, layer.prepared, task.workspace, task.parallel});
  return attended;
}

/// What that takes of the workspace.
inline std::size_t attend_to_tokens_bytes(const Problem& p, const Params& params, int threads) {
  const Variant& inner = *inner_of(params);
  const auto w = head_widths(p);
  return workspace_bytes<float>(p.batch * p.n_q * w.query) + workspace_bytes<float>(p.batch * p.n_k * w.key) +
         workspace_bytes<float>(p.batch * p.n_k * w.value) + workspace_bytes<float>(p.batch * p.n_q * w.output) +
         declared_workspace(inner, p, Params(inner.params), threads);
}

// ---- Float64 reference ---------------------------------------------------------------------------------------------------

/// y [columns] = x W
inline std::vector<double> exact_product(const std::vector<double>& x, const std::vector<float>& w) {
  std::vector<double> y(w.size() / x.size(), 0.0);
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t c = 0; c < y.size(); ++c) y[c] += x[i] * static_cast<double>(w[i * y.size() + c]);
  return y;
}

/// concat(heads) of row i.
inline std::vector<double> exact_token(const TensorView<const float>& x, std::int64_t b, std::int64_t i) {
  std::vector<double> token;
  for (std::int64_t h = 0; h < x.heads(); ++h) token.insert(token.end(), x.row(b, h, i), x.row(b, h, i) + x.dim());
  return token;
}

/// A token of the sequence, in float64.
using ExactTokens = std::function<std::vector<double>(std::int64_t b, std::int64_t i)>;

/// The projected array [b, heads, n, d], rounded to float32 for the inner variant's own reference.
inline Tensor exact_projected(const Shape& shape, const ExactTokens& tokens, const std::vector<float>& w,
                              const Parallel& parallel) {
  Tensor y(shape);
  parallel.for_ranges(shape[0] * shape[2], 16, [&](std::int64_t begin, std::int64_t end, int) {
    for (auto t = begin; t < end; ++t) {
      const auto b = t / shape[2], i = t % shape[2];
      const auto projected = exact_product(tokens(b, i), w);
      for (std::size_t c = 0; c < projected.size(); ++c) {
        const auto channel = static_cast<std::int64_t>(c);
        y.view().row(b, channel / shape[3], i)[channel % shape[3]] = static_cast<float>(projected[c]);
      }
    }
  });
  return y;
}

/// What attention gives for the rows of a task, [b][rows] tokens of h_q d_v channels. Writes over task.out.
inline std::vector<std::vector<double>> exact_attention(const OracleTask& task, const InnerAttention& layer,
                                                        const ExactTokens& query, const ExactTokens& key,
                                                        const ExactTokens& value) {
  const auto& p = task.problem;
  const auto q = exact_projected({p.batch, p.heads_q, p.n_q, p.d_qk}, query, layer.query, task.parallel);
  const auto k = exact_projected({p.batch, p.heads_kv, p.n_k, p.d_qk}, key, layer.key, task.parallel);
  const auto v = exact_projected({p.batch, p.heads_kv, p.n_k, p.d_v}, value, layer.value, task.parallel);
  const Inputs projected{q.ref(), k.ref(), v.ref(), task.inputs.mask, task.inputs.extras};
  reference(*layer.inner, {p, layer.params, projected, layer.prepared, task.rows, task.out, task.parallel});
  std::vector<std::vector<double>> attended;
  const auto rows = static_cast<std::int64_t>(task.rows.size());
  for (std::int64_t t = 0; t < p.batch * rows; ++t) {
    attended.emplace_back();
    for (std::int64_t h = 0; h < p.heads_q; ++h) {
      const double* row = task.out_row(t / rows, h, t % rows);
      attended.back().insert(attended.back().end(), row, row + p.d_v);
    }
  }
  return attended;
}

/// A token as row r of the output.
inline void write_token(const OracleTask& task, std::int64_t b, std::int64_t r, const std::vector<double>& token) {
  const auto d = task.problem.d_v;
  for (std::int64_t h = 0; h < task.problem.heads_q; ++h) std::copy_n(token.data() + h * d, d, task.out_row(b, h, r));
}

}  // namespace attnbench
