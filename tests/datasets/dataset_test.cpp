// If these fail, a dataset gives other bytes than it did, does not have the property it is named after, or a wrong spec gets
// through.
#include "datasets/dataset.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "datasets/random.h"
#include "tests/catch.h"
#include "tests/datasets/attention.h"
#include "tests/datasets/support.h"

using namespace attnbench;

namespace {

std::uint64_t hash_of(const Tensor& tensor, std::uint64_t hash) {
  return tensor.empty() ? hash : fnv1a({static_cast<const char*>(tensor.ref().data), tensor.bytes()}, hash);
}

std::uint64_t hash_of(const NamedTensors& in) { return hash_of(in.mask, hash_of(in.v, hash_of(in.k, hash_of(in.q, fnv1a(""))))); }

NamedTensors make(const std::string& spec, const std::string& problem, std::uint64_t seed = 1) {
  return open_dataset(spec)->make(parse_problem(problem), seed);
}

// Whether `part` equals the leading [b, h, n, d] corner of `whole`.
bool is_prefix(const Tensor& part, const Tensor& whole) {
  const auto p = part.view(), w = whole.view();
  for (std::int64_t b = 0; b < p.batch(); ++b)
    for (std::int64_t h = 0; h < p.heads(); ++h)
      for (std::int64_t i = 0; i < p.rows(); ++i)
        if (!std::equal(p.row(b, h, i), p.row(b, h, i) + p.dim(), w.row(b, h, i))) return false;
  return true;
}

}  // namespace

TEST_CASE("golden hashes: the same bytes on every machine") {
  // FNV-1a over Q, K, V and mask, typed in from the first machine. A deliberate change of a generator raises its version and these.
  struct Golden {
    const char* spec;
    const char* problem;
    std::uint64_t hash;
  };
  const Golden golden[] = {
      {"gaussian", "b2 h4:2 n64 d32:16", 0x51fb6d326d98b96d},
      {"clustered", "b2 h4:2 n64 d32:16", 0xb028c9a3a9349728},
      {"clustered(clusters=5,zipf=0.7,spread=0.2)", "b2 h4:2 n64 d32:16", 0xeb6f244335c5b38d},
      {"peaked", "b2 h4:2 n64 d32:16", 0xe6cc9a9118d2bbe4},
      {"local", "b2 h4:2 n64 d32:16", 0x77a799e7d02548b3},
      {"local(length=3.5)", "b2 h4:2 n64 d32:16", 0x5159e8a74ff35604},
      {"sink", "b2 h4:2 n64 d32:16", 0x91ceb3a3824252fc},
      {"outlier", "b2 h4:2 n64 d32:16", 0x544dcaab09b4e3a4},
      {"text", "b2 h4:2 n64 d32:16", 0x6cb3c2706b92c8c7},
      {"text(position=rope)", "b2 h4:2 n64 d32:16", 0x651e8dc96a12544a},
      {"text(position=none)", "b2 h4:2 n64 d32:16", 0xf766de69501e7416},
      {"local", "n5:90 d33 causal-bottom-right", 0x0c479e9e22e519e7},
      {"text", "h2 n90:5 d33", 0x1b42b615a99705a3},
      {"gaussian", "b2 h2 n70:90 d4 mask=bool:bh", 0xc831bdaf1c3a4c87},
      {"gaussian", "b2 h3 n70:90 d4 mask=additive:bh", 0x6cfffae3a0dce77e},

  };
  for (const auto& [spec, problem, hash] : golden) {
    CAPTURE(spec, problem);
    CHECK(hash_of(make(spec, problem)) == hash);
  }
}

TEST_CASE("a longer sequence, more heads and a larger batch begin with the smaller problem") {
  for (const std::string spec :
       {"gaussian", "clustered", "peaked", "local", "sink", "outlier", "text", "text(position=rope)", "text(position=none)"}) {
    CAPTURE(spec);
    const auto small = make(spec, "b1 h2:1 n50 d16"), large = make(spec, "b2 h4:2 n77 d16");
    CHECK(is_prefix(small.q, large.q));
    CHECK(is_prefix(small.k, large.k));
    CHECK(is_prefix(small.v, large.v));
  }
  CHECK(is_prefix(make("gaussian", "n9 d5").q, make("gaussian", "n9 d8").q));
}

TEST_CASE("seed, batch entry, head and role change the data") {
  for (const auto& info : dataset_catalogue()) {
    const std::string spec = info.name;
    if (spec == "file") continue;
    CAPTURE(spec);
    const auto in = make(spec, "b2 h2 n40 d16");
    CHECK(hash_of(in) == hash_of(make(spec, "b2 h2 n40 d16")));
    CHECK(hash_of(in) != hash_of(make(spec, "b2 h2 n40 d16", 2)));
    std::set<std::vector<float>> slices;  // q, k, v of every batch entry and head
    for (const auto* tensor : {&in.q, &in.k, &in.v})
      for (std::int64_t t = 0; t < 4; ++t) slices.emplace(tensor->data() + t * 640, tensor->data() + (t + 1) * 640);
    CHECK(slices.size() == 12);
  }
}

TEST_CASE("every dataset fills every problem shape with finite values") {
  for (const auto& info : dataset_catalogue()) {
    if (std::string(info.name) == "file") continue;
    for (const char* text :
         {"n1 d1", "b2 h6:2 n5:33 d8:3 causal-bottom-right", "b1 h3:1 n33:5 d7:64", "n5:33 d8 causal-top-left"}) {
      CAPTURE(info.name, text);
      const auto problem = parse_problem(text);
      const auto in = make(info.name, text);
      CHECK(in.q.shape() == Shape{problem.batch, problem.heads_q, problem.n_q, problem.d_qk});
      CHECK(in.k.shape() == Shape{problem.batch, problem.heads_kv, problem.n_k, problem.d_qk});
      CHECK(in.v.shape() == Shape{problem.batch, problem.heads_kv, problem.n_k, problem.d_v});
      CHECK(in.mask.empty());
      for (const auto* tensor : {&in.q, &in.k, &in.v}) {
        const auto* begin = tensor->data();
        CHECK(std::all_of(begin, begin + element_count(tensor->shape()), [](float x) { return std::isfinite(x); }));
        CHECK(std::any_of(begin, begin + element_count(tensor->shape()), [](float x) { return x != 0; }));
      }
    }
  }
}

TEST_CASE("attention has the shape each dataset is named after") {
  const auto problem = parse_problem("h2 n512 d64");
  const auto row_of = [&](const std::string& spec) { return AttentionRows(problem, make(spec, "h2 n512 d64")); };

  const auto gaussian = row_of("gaussian");
  CHECK(gaussian.mean_entropy() > 0.88 * std::log(512));
  CHECK(gaussian.mean_entropy() < 0.97 * std::log(512));
  CHECK(row_of("peaked").mean_entropy() < 0.4 * std::log(512));
  CHECK(row_of("peaked(temperature=0.05)").mean_entropy() < 0.15 * std::log(512));
  CHECK(row_of("peaked(temperature=1)").mean_entropy() > 0.88 * std::log(512));

  const auto near = [](std::int64_t i, std::int64_t j) { return std::abs(i - j) <= 32; };
  CHECK(gaussian.mean_mass(near) < 0.2);
  CHECK(row_of("local(length=8)").mean_mass(near) > 0.75);
  const auto next = [](std::int64_t i, std::int64_t j) { return std::abs(i - j) <= 4; };
  CHECK(row_of("local(length=64)").mean_mass(next) < 0.5 * row_of("local(length=8)").mean_mass(next));

  const auto first = [](std::int64_t, std::int64_t j) { return j == 0; };
  CHECK(gaussian.mean_mass(first) < 0.02);
  CHECK(row_of("sink").mean_mass(first) > 0.5);
  CHECK(row_of("sink(strength=4)").mean_mass(first) < row_of("sink").mean_mass(first));
}

TEST_CASE("local queries of a decode step look at the newest keys") {
  const auto problem = parse_problem("n4:256 d64 causal-bottom-right");
  const AttentionRows rows(problem, make("local(length=4)", "n4:256 d64 causal-bottom-right"));
  CHECK(rows.mean_mass([](std::int64_t i, std::int64_t j) { return j >= 252 + i - 16; }) > 0.7);
}

TEST_CASE("clustered keys form groups of Zipf sizes and queries share them") {
  const auto in = make("clustered(clusters=4,zipf=1,spread=0.1)", "n2000 d64");
  const auto correlation = [](const float* a, const float* b) {
    double sum = 0;
    for (int c = 0; c < 64; ++c) sum += static_cast<double>(a[c]) * b[c];
    return sum / 64;
  };
  // Group greedily: two rows of one cluster correlate above 0.5, of two clusters far below.
  std::vector<std::pair<const float*, int>> groups;
  for (std::int64_t j = 0; j < 2000; ++j) {
    const float* key = in.k.view().row(0, 0, j);
    const auto found =
        std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return correlation(group.first, key) > 0.5; });
    if (found == groups.end()) groups.emplace_back(key, 1);
    else ++found->second;
  }
  REQUIRE(groups.size() == 4);
  std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  for (int c = 0; c < 4; ++c)
    CHECK(groups[static_cast<std::size_t>(c)].second == Approx(2000 / (25.0 / 12) / (c + 1)).epsilon(0.15));
  for (std::int64_t i = 0; i < 50; ++i)
    CHECK(std::any_of(groups.begin(), groups.end(),
                      [&](const auto& g) { return correlation(g.first, in.q.view().row(0, 0, i)) > 0.5; }));
}

TEST_CASE("outlier channels are few, the same for all keys and as large as asked") {
  const auto in = make("outlier(channels=3,factor=50)", "n64 d32");
  int large = 0;
  for (std::int64_t c = 0; c < 32; ++c) {
    double mean = 0;
    for (std::int64_t j = 0; j < 64; ++j) mean += in.k.view().row(0, 0, j)[c] / 64;
    large += std::abs(mean) > 40;
  }
  CHECK(large == 3);
  const auto all = make("outlier(channels=100,factor=50)", "n4 d2");
  for (int i = 0; i < 8; ++i) CHECK(all.k.data()[i] != 0);
}

TEST_CASE("boolean masks keep about 3/4, an own key, and leave row 63 empty") {
  for (const char* kind : {"mask=bool", "mask=bool:b", "mask=bool:h", "mask=bool:bh"}) {
    CAPTURE(kind);
    const auto in = make("gaussian", std::string("b2 h3 n130:200 d4 ") + kind);
    const bool per_batch = std::string(kind).find(":b") != std::string::npos, per_head = std::string(kind).ends_with("h");
    REQUIRE(in.mask.shape() == Shape{per_batch ? 2 : 1, per_head ? 3 : 1, 130, 200});
    REQUIRE(in.mask.dtype() == DType::u8);
    const auto mask = in.mask.view<std::uint8_t>();
    double kept = 0;
    for (std::int64_t i = 0; i < 130; ++i) {
      const auto count = std::count(mask.row(0, 0, i), mask.row(0, 0, i) + 200, 1);
      CHECK((count == 0) == (i % 64 == 63));
      if (count > 0) CHECK(mask.row(0, 0, i)[i + 70] == 1);
      kept += static_cast<double>(count);
    }
    CHECK(kept / (128 * 200) == Approx(0.75).epsilon(0.02));
    if (per_batch) CHECK_FALSE(std::equal(mask.row(0, 0, 0), mask.row(0, 0, 0) + 200, mask.row(1, 0, 0)));
    if (per_head) CHECK_FALSE(std::equal(mask.row(0, 0, 0), mask.row(0, 0, 0) + 200, mask.row(0, 1, 0)));
  }
}

TEST_CASE("additive masks are ALiBi slopes with some pairs at -inf") {
  const auto in = make("gaussian", "h2 n100 d4 mask=additive:h");
  const auto mask = in.mask.view();
  const double slopes[] = {1.0 / 16, 1.0 / 256};  // 2^-4, 2^-8 for two heads
  int hidden = 0;
  for (std::int64_t h = 0; h < 2; ++h)
    for (std::int64_t i = 0; i < 100; ++i)
      for (std::int64_t j = 0; j < 100; ++j) {
        const float value = mask.row(0, h, i)[j];
        if (value == -std::numeric_limits<float>::infinity()) {
          ++hidden;
          CHECK(i != j);
        } else {
          CHECK(value == Approx(-slopes[h] * static_cast<double>(std::abs(i - j))));
        }
      }
  CHECK(hidden == Approx(20000 / 8).epsilon(0.1));
}

TEST_CASE("specs print canonically and open again") {
  const std::pair<const char*, const char*> specs[] = {
      {"gaussian", "gaussian"},
      {"clustered(clusters=16)", "clustered"},
      {"clustered(zipf=2,clusters=8)", "clustered(clusters=8,zipf=2)"},
      {"peaked(temperature=0.10)", "peaked(temperature=0.1)"},
      {"text(position=sinusoidal)", "text"},
      {"text(position=rope)", "text(position=rope)"},
  };
  for (const auto& [given, canonical] : specs) {
    CHECK(open_dataset(given)->spec() == canonical);
    CHECK(open_dataset(canonical)->fingerprint() == open_dataset(given)->fingerprint());
  }
  std::set<std::string> fingerprints;
  for (const auto* spec : {"gaussian", "peaked", "peaked(temperature=0.5)", "text", "text(position=rope)"})
    fingerprints.insert(open_dataset(spec)->fingerprint());
  CHECK(fingerprints.size() == 5);
  for (const auto& info : dataset_catalogue())
    if (std::string(info.name) != "file") CHECK(open_dataset(info.syntax)->spec() == info.name);
}

TEST_CASE("wrong specs are refused with the name, the value and the remedy") {
  const std::pair<const char*, const char*> wrong[] = {
      {"", "unknown dataset ''"},
      {"gausian", "did you mean 'gaussian'?"},
      {"xyzzy", "known: text, gaussian, clustered, peaked, local, sink, outlier, file"},
      {"gaussian(scale=2)", "takes no parameters"},
      {"gaussian:file", "takes no path"},
      {"clustered(clusters)", "has no value"},
      {"clustered(clusters=0)", "clusters=0"},
      {"clustered(cluster=4)", "known: clusters, zipf, spread"},
      {"clustered(clusters=4", "lacks a ')'"},
      {"clustered(clusters=4)x", "goes on after"},
      {"peaked(temperature=nan)", "temperature=nan"},
      {"text(position=up)", "sinusoidal|rope|none"},
      {"text:", "lacks a path"},
      {"file", "lacks a path"},
      {"file:/no/such/thing", "does not exist"},
  };
  for (const auto& [spec, expected] : wrong) {
    CAPTURE(spec);
    const auto message = refusal([&spec = spec] { open_dataset(spec); });
    CHECK_MENTIONS(message, expected);
    CHECK(message.find('\n') == std::string::npos);
  }
}
