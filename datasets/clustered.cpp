// clustered: keys and values gather around centres, queries lie near the same centres, and cluster sizes follow Zipf's law.
//
// Models what Reformer (Kitaev, Kaiser & Levskaya 2020, section 2), Routing Transformer (Roy et al. 2021, section 4) and clustered
// attention (Vyas, Katharopoulos & Fleuret 2020) build on: a query attends to the keys of its own cluster. Real clusters are
// unequal, which is what breaks fixed-capacity buckets: cluster c = 1, 2, ... is drawn with probability proportional to c^-zipf
// (Zipf 1949; 0: all equal).
//
//   key = (centre + spread noise) / sqrt(1 + spread^2)     so that elements keep unit variance; values likewise, queries too
//
// Centres belong to a key/value head; its query heads share them. Prefixes: batch, heads, n and d as in gaussian.
#include <algorithm>
#include <cmath>
#include <vector>

#include "datasets/generator.h"
#include "datasets/portable_math.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    integer_param("clusters", 16, 1, 65536, "number of clusters"),
    real_param("zipf", 1.1, 0, 10, "exponent of the cluster sizes"),
    real_param("spread", 0.5, 0, 100, "noise around a centre, relative to the centres' own spread"),
};

// Cumulative probabilities of the clusters.
std::vector<double> zipf_distribution(std::int64_t clusters, double exponent) {
  std::vector<double> cumulative;
  double total = 0;
  for (std::int64_t c = 1; c <= clusters; ++c) cumulative.push_back(total += portable_pow(static_cast<double>(c), -exponent));
  for (auto& value : cumulative) value /= total;
  return cumulative;
}

std::int64_t draw(const std::vector<double>& cumulative, double uniform) {
  const auto found = std::upper_bound(cumulative.begin(), cumulative.end() - 1, uniform);
  return found - cumulative.begin();
}

struct Clusters {
  std::vector<double> sizes;
  double spread;

  // One row: centre `cluster` of head `home`, blurred by the noise of the row's own place.
  void fill_row(const RandomStream& centres, const Place& home, std::int64_t cluster, const RandomStream& noise, const Place& at,
                float* row, std::int64_t d, std::vector<float>& scratch) const {
    scratch.resize(static_cast<std::size_t>(d));
    centres.normals({home.batch, home.head, cluster}, scratch.data(), d);
    noise.normals(at, row, d);
    const double unit = 1 / std::sqrt(1 + spread * spread);
    for (std::int64_t c = 0; c < d; ++c)
      row[c] = static_cast<float>((scratch[static_cast<std::size_t>(c)] + spread * row[c]) * unit);
  }
};

void fill(const GeneratorTask& task) {
  const auto& p = task.problem;
  const Clusters clusters{zipf_distribution(task.params.integer("clusters"), task.params.real("zipf")), task.params.real("spread")};
  const RandomStream key_centres(task.seed, "clustered key centres"), value_centres(task.seed, "clustered value centres");
  const RandomStream key_choice(task.seed, "clustered key choice"), query_choice(task.seed, "clustered query choice");
  const RandomStream q(task.seed, "clustered queries"), k(task.seed, "clustered keys"), v(task.seed, "clustered values");
  std::vector<float> scratch;
  for_each_row(task.inputs.q, [&](const Place& at, float* row) {
    const Place home{at.batch, p.kv_head(at.head), 0};
    clusters.fill_row(key_centres, home, draw(clusters.sizes, query_choice.uniform(at)), q, at, row, p.d_qk, scratch);
  });
  for_each_row(task.inputs.k, [&](const Place& at, float* row) {
    clusters.fill_row(key_centres, at, draw(clusters.sizes, key_choice.uniform(at)), k, at, row, p.d_qk, scratch);
  });
  for_each_row(task.inputs.v, [&](const Place& at, float* row) {
    clusters.fill_row(value_centres, at, draw(clusters.sizes, key_choice.uniform(at)), v, at, row, p.d_v, scratch);
  });
}

}  // namespace

const DatasetKind kinds::clustered = {
    {"clustered", "clustered(clusters=16,zipf=1.1,spread=0.5)", "keys in clusters of Zipf sizes, queries near the centres"},
    kParams,
    Argument::none,
    open_generator<fill>};

}  // namespace attnbench
