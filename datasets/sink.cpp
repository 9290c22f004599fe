// sink: every query gives much of its attention to the first token.
//
// Models the attention sink of trained language models (Xiao et al. 2024, "Efficient Streaming Language Models with Attention
// Sinks", section 3.1), whose value vector is small (Gu et al. 2025, "When Attention Sink Emerges in Language Models", section 3).
// With a random sign vector s of each key/value head,
//
//   k_0 = s,   q_i = g_i + strength s / sqrt(d):   score(i, 0) ~ N(strength, 1), the others ~ N(0, 1 + strength^2 / d)
//
// under the default scale, so the first token gets about e^strength / (e^strength + n sqrt(e)): about half at n = 1024 and d = 64
// with strength 8. Windows that drop the first token lose that mass. Prefixes: n, batch, heads; not d.
#include <cmath>
#include <vector>

#include "datasets/generator.h"

namespace attnbench {
namespace {

constexpr double kSinkValueScale = 0.1;

constexpr ParamSpec kParams[] = {real_param("strength", 8, 0, 100, "mean score of the first token")};

double sign(const RandomStream& signs, const Place& home, std::int64_t channel) {
  return signs.uniform({home.batch, home.head, 0}, channel) < 0.5 ? -1 : 1;
}

void fill_queries(const GeneratorTask& task, const RandomStream& signs) {
  const auto& p = task.problem;
  const RandomStream queries(task.seed, "sink queries");
  const double pull = task.params.real("strength") / std::sqrt(static_cast<double>(p.d_qk));
  for_each_row(task.inputs.q, [&](const Place& at, float* row) {
    queries.normals(at, row, p.d_qk);
    const Place home{at.batch, p.kv_head(at.head), 0};
    for (std::int64_t c = 0; c < p.d_qk; ++c) row[c] = static_cast<float>(row[c] + pull * sign(signs, home, c));
  });
}

void fill(const GeneratorTask& task) {
  const auto& p = task.problem;
  const RandomStream signs(task.seed, "sink signs");
  fill_queries(task, signs);
  fill_normal(task.inputs.k, RandomStream(task.seed, "sink keys"));
  fill_normal(task.inputs.v, RandomStream(task.seed, "sink values"));
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t h = 0; h < p.heads_kv; ++h) {
      float* key = task.inputs.k.view().row(b, h, 0);
      float* value = task.inputs.v.view().row(b, h, 0);
      for (std::int64_t c = 0; c < p.d_qk; ++c) key[c] = static_cast<float>(sign(signs, {b, h, 0}, c));
      for (std::int64_t c = 0; c < p.d_v; ++c) value[c] = static_cast<float>(value[c] * kSinkValueScale);
    }
}

}  // namespace

const DatasetKind kinds::sink = {{"sink", "sink(strength=8)", "the first token attracts much of every query's attention"},
                                 kParams,
                                 Argument::none,
                                 open_generator<fill>};

}  // namespace attnbench
