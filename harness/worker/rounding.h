// How far float32 arithmetic may take a right output from its float64 reference on the inputs at hand.
//
// Softmax does not see what all scores of a row share, but float32 rounds every score at its whole size: keys that share a large
// channel, as those of trained models do, cost every implementation digits. Moving the queries by one unit in the last place does
// not show that, because all scores of a row then move alike.
//
// Scores. u = 2^-24 is the unit roundoff. One rounding of x is off by at most u |x|, and by 0.41 u |x| RMS (an error uniform within
// half a unit in the last place, averaged over mantissas). A sum of d products p_c = q_c k_c that ends at s passes through d
// partial sums. Their mean square depends on the order: a large product that comes early stays in all of them, one that comes last
// in one. s^2 + sum_c p_c^2 each is what no order exceeds by much (the final sum where the products have one sign, the products
// where they cancel). With the product, scale, maximum and exponent as 4 more roundings, the error of a score is
//
//   0.41 u sqrt(d + 4) sqrt(s^2 + sum_c p_c^2) scale   RMS, independent from pair to pair,
//
// through a softcap times its slope. A softcap c tanh(s / c) adds 2 u of its value, an additive mask u of the sum.
//
// Output. To first order o = sum_j w_j v_j moves by sum_j w_j e_j (v_j - o) when the scores move by e_j, so that its mean square
// error is sum_j w_j^2 E[e_j^2] (v_j - o)^2.
//
// Spread. The size that a weighted sum has unless its terms cancel is sqrt(sum_j w_j^2 v_j^2), its RMS under random signs of the
// values. Rounding errors of the sum are relative to that, not to an output that happens to be near 0.
//
// A variant with a reference of its own is a black box: its reference is run again, several times, on moved inputs. Element c of
// key j becomes 1 + a u (e_j + e_jc) times itself, with random signs e and a = 0.41 sqrt(h d + 4), sums over all heads being
// possible; that moves a score q.k by a u (e_j s + sum_c e_jc p_c), just the error above. Queries move by a u e_ic, values get
// random signs for the spread.
#pragma once

#include <span>

#include "variants/api/variant.h"

namespace attnbench {

/// RMS over all outputs of the rows asked for.
struct Rounding {
  double score_error = 0;  // change of the output that float32 scores cause
  double spread = 0;       // size of the output if nothing in it cancelled
};

/// For the variant's reference (its own, or the dense one with its pattern) on task.rows; task.out is not written. The same in
/// every call. Costs about one run of the dense reference, or nine to 33 of the variant's own (more where there are few outputs).
Rounding expected_rounding(const Variant& variant, const OracleTask& task);

}  // namespace attnbench
