// Problem strings: "b1 h8 n1024 d64 f32 causal".
#include <cmath>

#include "tests/fuzz/fuzz.h"
#include "variants/api/problem.h"

using namespace attnbench;

namespace {

// Pairs counted one row at a time.
double count_pairs(const Problem& p) {
  double pairs = 0;
  for (std::int64_t batch = 0; batch < p.batch; ++batch)
    for (std::int64_t row = 0; row < p.n_q; ++row) {
      const auto keys = visible_keys(p, batch, row);
      fuzz::require(keys.begin >= 0 && keys.begin <= keys.end && keys.end <= p.n_k, "visible keys lie within 0..n_k");
      pairs += static_cast<double>(keys.size() * p.heads_q);
    }
  return pairs;
}

void check_counts(const Problem& p) {
  constexpr std::int64_t kCountable = 4096;  // rows worth visiting one by one
  if (p.batch <= kCountable && p.n_q <= kCountable && p.batch * p.n_q <= kCountable)
    fuzz::require(visible_pairs(p) == count_pairs(p), "visible_pairs() is the sum over the rows");
  for (const double figure : {compulsory_bytes(p), dense_flops(p)})
    fuzz::require(std::isfinite(figure) && figure > 0, "a problem has bytes and operations");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto problem = fuzz::accepted([&] { return parse_problem(fuzz::as_text(data, size)); });
  if (!problem) return 0;
  const auto printed = to_string(*problem);
  const auto again = fuzz::accepted([&] { return parse_problem(printed); });
  fuzz::require(again == problem, "a printed problem is the same problem");
  fuzz::require(to_string(*again) == printed, "the canonical string is canonical");
  fuzz::require(problem->heads_q % problem->heads_kv == 0, "key/value heads divide query heads");
  check_counts(*problem);
  return 0;
}
