// local: the similarity of a query and a key decays with their distance, so attention stays near the diagonal.
//
// Models the local heads that trained Transformers show (Clark et al. 2019, "What Does BERT Look At?", section 3) and that sliding
// windows rely on (Beltagy, Peters & Cohan 2020, section 3). Tokens follow a first-order autoregressive process
//
//   x_0 = e_0,   x_t = r x_(t-1) + sqrt(1 - r^2) e_t,   r = exp(-1/length):   correlation exp(-distance/length), unit variance
//
// keys are x, queries gain (sqrt(0.9) x + sqrt(0.1) noise) at the query's position, where the gain makes the mean score at distance
// 0 equal kPeakScore under the default scale. Far keys score about N(0, gain^2), and there are many: at d = 64 and length 64 the
// keys within 4 lengths take nearly all the attention at n = 1024 and about 0.4 of it at n = 65536.
// Queries aligned with keys as the problem's masks are. Prefixes: n (when n_q = n_k), batch, heads; not d, for the gain depends on
// it.
#include <algorithm>
#include <cmath>

#include "datasets/generator.h"
#include "datasets/portable_math.h"

namespace attnbench {
namespace {

constexpr double kPeakScore = 8;
constexpr double kShared = 0.9;  // share of a query's variance that is its token's

constexpr ParamSpec kParams[] = {real_param("length", 64, 0.1, 1e6, "distance over which the correlation falls to 1/e")};

// x_0 .. x_(n-1) of one batch entry and key/value head, [n, d].
void autoregressive(const RandomStream& steps, const Place& home, double length, const TensorView<float>& x) {
  const double r = portable_exp(-1 / length), fresh = std::sqrt(1 - r * r);
  for (std::int64_t t = 0; t < x.rows(); ++t) {
    float* row = x.row(0, 0, t);
    steps.normals({home.batch, home.head, t}, row, x.dim());
    if (t == 0) continue;
    const float* last = x.row(0, 0, t - 1);
    for (std::int64_t c = 0; c < x.dim(); ++c) row[c] = static_cast<float>(r * last[c] + fresh * row[c]);
  }
}

void fill_queries(const GeneratorTask& task, const Place& home, const TensorView<float>& x) {
  const auto& p = task.problem;
  const RandomStream noise(task.seed, "local queries");
  const double gain = kPeakScore / std::sqrt(kShared * static_cast<double>(p.d_qk));
  const auto q = task.inputs.q.view();
  for (std::int64_t h = 0; h < p.heads_q; ++h) {
    if (p.kv_head(h) != home.head) continue;
    for (std::int64_t i = 0; i < p.n_q; ++i) {
      float* row = q.row(home.batch, h, i);
      const float* token = x.row(0, 0, query_position(p, i));
      noise.normals({home.batch, h, i}, row, p.d_qk);
      for (std::int64_t c = 0; c < p.d_qk; ++c)
        row[c] = static_cast<float>(gain * (std::sqrt(kShared) * token[c] + std::sqrt(1 - kShared) * row[c]));
    }
  }
}

void fill(const GeneratorTask& task) {
  const auto& p = task.problem;
  const RandomStream steps(task.seed, "local tokens");
  const Tensor tokens({1, 1, std::max(p.n_q, p.n_k), p.d_qk});
  const auto k = task.inputs.k.view();
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t h = 0; h < p.heads_kv; ++h) {
      autoregressive(steps, {b, h, 0}, task.params.real("length"), tokens.view());
      for (std::int64_t j = 0; j < p.n_k; ++j) std::copy_n(tokens.view().row(0, 0, j), p.d_qk, k.row(b, h, j));
      fill_queries(task, {b, h, 0}, tokens.view());
    }
  fill_normal(task.inputs.v, RandomStream(task.seed, "local values"));
}

}  // namespace

const DatasetKind kinds::local = {{"local", "local(length=64)", "scores decay with distance: attention near the diagonal"},
                                  kParams,
                                  Argument::none,
                                  open_generator<fill>};

}  // namespace attnbench
