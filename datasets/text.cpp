// text: Q, K and V from real words. The default input.
//
//   words -> vectors of dimension 64 (word_vectors.h) -> x_i = word (+ position) -> q_i = gain x_i W_q, k_i = x_i W_k, v_i = x_i
//   W_v
//
// What a Transformer's first layer sees, without its training: repeated and related words give repeated and related keys, frequent
// words dominate, neighbours have similar positions. The projections are random but not arbitrary: W_q of a head leans towards its
// W_k by an amount of its own, so that some heads attend to similar and near words and others look for something else. Scores were
// set by measurement, see kGain. Position: sinusoids added to x (Vaswani et al. 2017, section 3.5), or rope (Su et al. 2021,
// section 3.2.2) applied to q and k, or none. A batch entry reads from a place of its own, wrapping round at the end of the text.
// Prefixes: n (when n_q = n_k), batch, heads.
#include <algorithm>
#include <cmath>
#include <string>

#include "datasets/catalogue.h"
#include "datasets/files.h"
#include "datasets/locations.h"
#include "datasets/masks.h"
#include "datasets/portable_math.h"
#include "datasets/random.h"
#include "datasets/word_vectors.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr std::size_t kVocabulary = 4096;
constexpr std::size_t kFewestTokens = 16;  // fewer say nothing about which words keep company
constexpr double kPositionShare = 0.3;     // of the variance of x, with sinusoids
constexpr double kWavelengthBase = 10000;  // both papers
// Measured on the shipped text, 8 heads, d = 64, seed 1: a row's entropy, averaged over rows, is 0.26 to 0.78 of ln n at n = 256
// and 0.43 to 0.82 at n = 2048, depending on the head (uniform: 1, one-hot: 0; gaussian input: 0.93); the largest weight averages
// 0.1 to 0.6. Trained heads spread as widely (Clark et al. 2019, "What Does BERT Look At?", section 4.4). Score standard
// deviation: 1.8 to 3.2.
constexpr double kGain = 2;

constexpr ParamSpec kParams[] = {choice_param("position", "sinusoidal", "sinusoidal|rope|none", "how tokens know where they are")};

// Rotation angles of all positions: frequency f of `pairs` turns position p by p base^(-f / pairs) radians.
struct Angles {
  std::int64_t pairs;
  std::vector<SinCos> table;  // [positions][pairs]
  Angles(std::int64_t positions, std::int64_t pair_count) : pairs(pair_count) {
    std::vector<double> frequency;
    for (std::int64_t f = 0; f < pairs; ++f)
      frequency.push_back(portable_pow(kWavelengthBase, -static_cast<double>(f) / static_cast<double>(pairs)));
    table.reserve(static_cast<std::size_t>(positions * pairs));
    for (std::int64_t p = 0; p < positions; ++p)
      for (const double f : frequency) table.push_back(portable_sincos(static_cast<double>(p) * f));
  }
  const SinCos* at(std::int64_t position) const { return table.data() + position * pairs; }
};

// out = x W for one row; W is [kWordDim][d]. A block of columns stays in registers; each sum runs over e in order.
void project(const float* x, const std::vector<float>& w, std::int64_t d, float* out) {
  constexpr std::int64_t kBlock = 16;
  std::int64_t c = 0;
  for (; c + kBlock <= d; c += kBlock) {
    float sum[kBlock] = {};
    for (int e = 0; e < kWordDim; ++e)
      for (std::int64_t b = 0; b < kBlock; ++b) sum[b] += x[e] * w[static_cast<std::size_t>(e * d + c + b)];
    std::copy_n(sum, kBlock, out + c);
  }
  for (; c < d; ++c) {
    float sum = 0;
    for (int e = 0; e < kWordDim; ++e) sum += x[e] * w[static_cast<std::size_t>(e * d + c)];
    out[c] = sum;
  }
}

// Turns channel pairs (2 f, 2 f + 1); an odd last channel stays.
void rotate(const SinCos* angles, std::int64_t d, float* row) {
  for (std::int64_t f = 0; f < d / 2; ++f) {
    const double a = row[2 * f], b = row[2 * f + 1];
    row[2 * f] = static_cast<float>(a * angles[f].cos - b * angles[f].sin);
    row[2 * f + 1] = static_cast<float>(a * angles[f].sin + b * angles[f].cos);
  }
}

// The seeded projections of one head: elements N(0, 1/kWordDim), so that q, k and v have about unit variance before the gain.
struct Projections {
  std::uint64_t seed;

  std::vector<float> random(const char* purpose, std::int64_t head, std::int64_t d) const {
    std::vector<float> w(static_cast<std::size_t>(kWordDim * d));
    const RandomStream stream(seed, purpose);
    for (int e = 0; e < kWordDim; ++e) stream.normals({0, head, e}, w.data() + e * d, d);
    for (auto& element : w) element = static_cast<float>(element / std::sqrt(double{kWordDim}));
    return w;
  }
  std::vector<float> key(std::int64_t head, std::int64_t d) const { return random("text key projection", head, d); }
  std::vector<float> value(std::int64_t head, std::int64_t d) const { return random("text value projection", head, d); }
  // W_q = gain (lean W_k + sqrt(1 - lean^2) W) with the head's own lean in (0, 1).
  std::vector<float> query(std::int64_t head, std::int64_t kv_head, std::int64_t d) const {
    const double lean = RandomStream(seed, "text lean").uniform({0, head, 0});
    const double own = std::sqrt(1 - lean * lean);
    auto w = random("text query projection", head, d);
    const auto keys = key(kv_head, d);
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(kGain * (lean * keys[i] + own * w[i]));
    return w;
  }
};

class Text final : public Dataset {
 public:
  explicit Text(const DatasetSpec& spec)
      : spec_(spec),
        name_(spec.argument.empty() ? "the shipped text" : in_quotes(spec.argument)),
        position_(spec.params.choice("position")) {
    const auto file = InputFile(spec.argument.empty() ? shipped_file("kjv.txt") : spec.argument).read_all();
    const std::string_view content(reinterpret_cast<const char*>(file.data.data()), file.data.size());
    text_ = tokenize(content, kVocabulary, name_);
    if (text_.tokens.size() < kFewestTokens)
      throw UserError(name_ + " has only " + std::to_string(text_.tokens.size()) +
                      " words and punctuation marks; give a text with at least " + std::to_string(kFewestTokens));
    content_hash_ = fnv1a(content);
  }

  std::string spec() const override { return spec_.canonical(); }
  std::string fingerprint() const override {
    return "text(" + position_ + ")#v" + std::to_string(kVersion) + "." + std::to_string(kWordVectorsVersion) + "#" +
           std::to_string(content_hash_);
  }

  NamedTensors make(const Problem& problem, std::uint64_t seed) const override {
    require_long_enough(std::max(problem.n_q, problem.n_k));
    const auto vectors = word_vectors();
    auto inputs = empty_inputs(problem);
    const auto positions = std::max(problem.n_q, problem.n_k);
    const Angles sinusoids(position_ == "sinusoidal" ? positions : 0, kWordDim / 2);
    const Angles turns(position_ == "rope" ? positions : 0, problem.d_qk / 2);
    for (std::int64_t b = 0; b < problem.batch; ++b)
      project_heads(problem, {seed}, b, hidden_states(vectors, b, positions, seed, sinusoids), turns, inputs);
    inputs.mask = make_mask(problem, seed);
    return inputs;
  }

  std::vector<std::string> token_labels(const Problem& problem, std::uint64_t seed) const override {
    require_long_enough(problem.n_k);
    std::vector<std::string> labels;
    for (std::int64_t j = 0; j < problem.n_k; ++j) labels.push_back(text_.words[token(0, j, seed)]);
    return labels;
  }

 private:
  static constexpr int kVersion = 1;  // raise whenever make() gives other bytes

  // [words][kWordDim], from the cache or built and cached.
  std::vector<float> word_vectors() const {
    const std::string name = "word-vectors-v" + std::to_string(kWordVectorsVersion) + "-" + std::to_string(content_hash_) + ".bin";
    if (auto cached = read_cache(name, content_hash_, text_.words.size() * kWordDim)) return std::move(*cached);
    auto vectors = build_word_vectors(text_);
    write_cache(name, content_hash_, vectors);
    return vectors;
  }

  void require_long_enough(std::int64_t n) const {
    if (n <= static_cast<std::int64_t>(text_.tokens.size())) return;
    throw UserError(name_ + " has " + std::to_string(text_.tokens.size()) + " words and punctuation marks, fewer than n = " +
                    std::to_string(n) + "; ask for a shorter n or give a longer text with text:FILE");
  }

  std::uint32_t token(std::int64_t batch, std::int64_t position, std::uint64_t seed) const {
    const auto length = static_cast<std::int64_t>(text_.tokens.size());
    const auto start =
        static_cast<std::int64_t>(RandomStream(seed, "text start").uniform({batch, 0, 0}) * static_cast<double>(length));
    return text_.tokens[static_cast<std::size_t>((start + position) % length)];
  }

  // x: [positions][kWordDim] of one batch entry.
  std::vector<float> hidden_states(const std::vector<float>& vectors, std::int64_t batch, std::int64_t positions,
                                   std::uint64_t seed, const Angles& sinusoids) const {
    std::vector<float> x(static_cast<std::size_t>(positions * kWordDim));
    const bool add = position_ == "sinusoidal";
    const double word_weight = add ? std::sqrt(1 - kPositionShare) : 1, wave_weight = std::sqrt(2 * kPositionShare);
    for (std::int64_t p = 0; p < positions; ++p) {
      const float* word = vectors.data() + token(batch, p, seed) * std::size_t{kWordDim};
      float* row = x.data() + p * kWordDim;
      for (int e = 0; e < kWordDim; ++e) {
        const double wave = !add ? 0 : e % 2 == 0 ? sinusoids.at(p)[e / 2].sin : sinusoids.at(p)[e / 2].cos;
        row[e] = static_cast<float>(word_weight * word[e] + wave_weight * wave);
      }
    }
    return x;
  }

  void project_heads(const Problem& p, const Projections& projections, std::int64_t b, const std::vector<float>& x,
                     const Angles& turns, const NamedTensors& inputs) const {
    const auto rows = [&](const Tensor& to, std::int64_t h, const std::vector<float>& w, bool turned, auto position) {
      const auto view = to.view();
      for (std::int64_t i = 0; i < view.rows(); ++i) {
        project(x.data() + position(i) * kWordDim, w, view.dim(), view.row(b, h, i));
        if (turned) rotate(turns.at(position(i)), view.dim(), view.row(b, h, i));
      }
    };
    const bool rope = position_ == "rope";
    const auto in_order = [](std::int64_t j) { return j; };
    for (std::int64_t h = 0; h < p.heads_kv; ++h) rows(inputs.k, h, projections.key(h, p.d_qk), rope, in_order);
    for (std::int64_t h = 0; h < p.heads_kv; ++h) rows(inputs.v, h, projections.value(h, p.d_v), false, in_order);
    for (std::int64_t h = 0; h < p.heads_q; ++h)
      rows(inputs.q, h, projections.query(h, p.kv_head(h), p.d_qk), rope, [&](std::int64_t i) { return query_position(p, i); });
  }

  DatasetSpec spec_;
  std::string name_;  // for messages
  std::string position_;
  TokenizedText text_;
  std::uint64_t content_hash_ = 0;
};

}  // namespace

const DatasetKind kinds::text = {
    {"text", "text(position=sinusoidal)", "real words: the shipped King James Bible excerpt, or text:FILE for any UTF-8 file"},
    kParams,
    Argument::optional,
    [](const DatasetSpec& spec) -> std::unique_ptr<Dataset> { return std::make_unique<Text>(spec); }};

}  // namespace attnbench
