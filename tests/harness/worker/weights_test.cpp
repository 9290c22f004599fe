// If these fail, the heat maps show something other than what a variant attends to.
#include "harness/worker/weights.h"

#include <cmath>

#include "harness/planning/weights_case.h"
#include "tests/catch.h"
#include "variants/api/oracle.h"
#include "variants/api/registry.h"

using namespace attnbench;

namespace {

// Scores that differ from pair to pair.
void fill(const Tensor& tensor, double step) {
  for (std::int64_t i = 0; i < element_count(tensor.shape()); ++i)
    tensor.data()[i] = static_cast<float>(std::sin(step * static_cast<double>(i + 1)));
}

// The softmax weight of a pair, written out.
double weight(const Problem& p, const Inputs& in, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
  const auto score = [&](std::int64_t key) {
    double s = 0;
    for (std::int64_t c = 0; c < p.d_qk; ++c)
      s += static_cast<double>(in.queries().row(b, h, i)[c]) * in.keys().row(b, p.kv_head(h), key)[c];
    return std::exp(s * p.effective_scale());
  };
  double total = 0;
  for (std::int64_t key = 0; key < p.n_k; ++key)
    if (problem_attends(p, in, b, h, i, key)) total += score(key);
  return problem_attends(p, in, b, h, i, j) ? score(j) / total : 0;
}

}  // namespace

TEST_CASE("feeding the identity gives the applied weights, also with several blocks, shared heads and a mask") {
  for (const char* text : {"b1 h1 n5 d8", "b1 h2 n10 d4", "b2 h4:2 n7:9 d3:2 causal-bottom-right"}) {
    CAPTURE(text);
    const auto p = parse_problem(text);
    const Tensor q({p.batch, p.heads_q, p.n_q, p.d_qk}), k({p.batch, p.heads_kv, p.n_k, p.d_qk}),
        v({p.batch, p.heads_kv, p.n_k, p.d_v});
    fill(q, 1.1);
    fill(k, 0.7);
    const Inputs inputs{q.ref(), k.ref(), v.ref(), {}};
    const auto& naive = *find_variant("naive");
    const auto weights = read_weights({&naive, Params(naive.params)}, p, inputs, 1, {});
    REQUIRE(weights.size() == static_cast<std::size_t>(p.batch * p.heads_q * p.n_q * p.n_k));
    double worst = 0;
    for (std::int64_t b = 0; b < p.batch; ++b)
      for (std::int64_t h = 0; h < p.heads_q; ++h)
        for (std::int64_t i = 0; i < p.n_q; ++i)
          for (std::int64_t j = 0; j < p.n_k; ++j) {
            const auto at = static_cast<std::size_t>(((b * p.heads_q + h) * p.n_q + i) * p.n_k + j);
            const double error = std::fabs(weights[at] - weight(p, inputs, b, h, i, j));
            worst = error <= worst ? worst : error;
          }
    CHECK(worst < 1e-6);
  }
}

TEST_CASE("the drawn problem is small and keeps what shapes the pattern") {
  const auto small =
      weights_problem(parse_problem("b2 h4:2 n1000:2000 d16 causal-bottom-right window=9:0 klen=5,6 mask=bool scale=2"));
  CHECK(to_string(small) == "b2 h4:2 n64 d16 f32 causal window=9:0 scale=2");
  CHECK(to_string(weights_problem(parse_problem("b1 h1 n1:100 d4"))) == "b1 h1 n1:64 d4 f32");
}

TEST_CASE("a pattern is scaled down to the picture, its counts of tokens together; other parameters and variants are left alone") {
  static constexpr ParamSpec kSpecs[] = {integer_param("window", 128, 0, 4096, ""), integer_param("summary", 32, 1, 64, ""),
                                         integer_param("globals", 2, 0, 64, ""), real_param("rate", 99, 0, 100, "")};
  Variant patterned = *find_variant("naive");
  patterned.params = kSpecs;
  CHECK(weights_selection({&patterned, Params(kSpecs)}).label() == "naive");
  patterned.computes = Computes::masked_softmax;
  CHECK(weights_selection({&patterned, Params(kSpecs)}).label() == "naive(window=4,summary=1)");
  Params narrow(kSpecs);
  narrow.set("window", "3");
  narrow.set("summary", "1");
  CHECK(weights_selection({&patterned, narrow}).label() == "naive(window=3,summary=1)");
}
