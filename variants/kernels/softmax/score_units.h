// In which units the online-softmax kernels keep scores: as the dot product gives them, or scaled where a softcap, an additive mask
// or a bias of the variant asks for it. The change to base 2 comes after the maximum is subtracted.
//
// Scale and log2(e) used to be multiplied into the queries, which rounds every product once more at the size of the score: scores
// of 1e5 whose differences are exact in float32 came out with a relative error of 1.7e-3. The difference to the maximum is exact
// where it matters (Sterbenz), and the factor is part of a fused multiply-add that exp2_scaled() needs anyway.
#pragma once

#include <cmath>

#include "variants/api/problem.h"
#include "variants/kernels/softmax/score_terms.h"

namespace attnbench::kernels {

struct ScoreUnits {
  float query_sign;   // multiplied into the queries, so that a larger score weighs more under a negative scale too
  float scale;        // >= 0; what a plain score still lacks
  float final_scale;  // what it lacks when softcap, bias and masks are done: `scale`, or 1 where one of them has needed it
  float to_log2;      // weight = 2^(to_log2 (score - max))
};

inline ScoreUnits score_units(const Problem& p, const ScoreTerms& terms) {
  constexpr double kLog2E = 1.44269504088896340736;
  const double scale = std::abs(p.effective_scale());
  const double rest = p.softcap || p.mask.kind == MaskKind::additive || terms.has_bias() ? 1 : scale;
  return {p.effective_scale() < 0 ? -1.0f : 1.0f, static_cast<float>(scale), static_cast<float>(rest),
          static_cast<float>(rest * kLog2E)};
}

}  // namespace attnbench::kernels
