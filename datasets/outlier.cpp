// outlier: a few channels of the keys are many times larger than the rest, with a sign of their own.
//
// Models the outlier features of large language models (Dettmers et al. 2022, "LLM.int8()", section 4), which in the key cache stay
// in the same channels for all tokens (Liu et al. 2024, "KIVI", section 3.2). In such a channel
//
//   k_j[c] = factor (sign_c + kWobble g_j[c])
//
// so its mean shifts all scores of a query together - up to tens, which the softmax must cancel without losing digits - and its
// wobble tells keys apart. The other elements are standard normal. Hard for low precision and for random feature maps.
// Channels and signs belong to a key/value head. Prefixes: n, batch, heads; not d.
#include <algorithm>
#include <numeric>
#include <vector>

#include "datasets/generator.h"

namespace attnbench {
namespace {

constexpr double kWobble = 0.25;

constexpr ParamSpec kParams[] = {
    integer_param("channels", 2, 0, 65536, "number of outlier channels, at most d"),
    real_param("factor", 20, 0, 1e6, "how many times larger they are"),
};

// The first `count` channels of a seeded shuffle of 0 .. d - 1 (Fisher-Yates).
std::vector<std::int64_t> outlier_channels(const RandomStream& choice, const Place& home, std::int64_t d, std::int64_t count) {
  std::vector<std::int64_t> channels(static_cast<std::size_t>(d));
  std::iota(channels.begin(), channels.end(), std::int64_t{0});
  count = std::min(count, d);
  for (std::int64_t c = 0; c < count; ++c) {
    const auto pick = c + static_cast<std::int64_t>(choice.uniform(home, c) * static_cast<double>(d - c));
    std::swap(channels[static_cast<std::size_t>(c)], channels[static_cast<std::size_t>(pick)]);
  }
  channels.resize(static_cast<std::size_t>(count));
  return channels;
}

void raise_channels(const GeneratorTask& task, const Place& home) {
  const double factor = task.params.real("factor");
  const RandomStream choice(task.seed, "outlier channels"), signs(task.seed, "outlier signs");
  const auto k = task.inputs.k.view();
  for (const auto c : outlier_channels(choice, home, k.dim(), task.params.integer("channels"))) {
    const double sign = signs.uniform(home, c) < 0.5 ? -1 : 1;
    for (std::int64_t j = 0; j < k.rows(); ++j) {
      float& element = k.row(home.batch, home.head, j)[c];
      element = static_cast<float>(factor * (sign + kWobble * element));
    }
  }
}

void fill(const GeneratorTask& task) {
  fill_normal(task.inputs.q, RandomStream(task.seed, "outlier queries"));
  fill_normal(task.inputs.k, RandomStream(task.seed, "outlier keys"));
  fill_normal(task.inputs.v, RandomStream(task.seed, "outlier values"));
  for (std::int64_t b = 0; b < task.problem.batch; ++b)
    for (std::int64_t h = 0; h < task.problem.heads_kv; ++h) raise_channels(task, {b, h, 0});
}

}  // namespace

const DatasetKind kinds::outlier = {{"outlier", "outlier(channels=2,factor=20)", "a few key channels far larger than the rest"},
                                    kParams,
                                    Argument::none,
                                    open_generator<fill>};

}  // namespace attnbench
