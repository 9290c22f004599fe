// peaked: gaussian with the queries divided by a temperature T, so that the scores are close to N(0, 1/T^2).
//
// Models heads of low attention entropy, to which training tends (Zhai et al. 2023, "Stabilizing Transformer Training by Preventing
// Attention Entropy Collapse"): as T goes to 0 each query attends to one key. Hard for feature maps and low-rank methods, and for
// a softmax that does not subtract the maximum. temperature=1 is gaussian in distribution. Prefixes as in gaussian.
#include "datasets/generator.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {real_param("temperature", 0.2, 0.001, 1000, "standard deviation of the scores is 1/temperature")};

void fill(const GeneratorTask& task) {
  const auto d = task.problem.d_qk;
  const double sharpness = 1 / task.params.real("temperature");
  const RandomStream queries(task.seed, "peaked queries");
  for_each_row(task.inputs.q, [&](const Place& at, float* row) {
    queries.normals(at, row, d);
    for (std::int64_t c = 0; c < d; ++c) row[c] = static_cast<float>(row[c] * sharpness);
  });
  fill_normal(task.inputs.k, RandomStream(task.seed, "peaked keys"));
  fill_normal(task.inputs.v, RandomStream(task.seed, "peaked values"));
}

}  // namespace

const DatasetKind kinds::peaked = {
    {"peaked", "peaked(temperature=0.2)", "gaussian with sharper scores: each query attends to a few keys"},
    kParams,
    Argument::none,
    open_generator<fill>};

}  // namespace attnbench
