// Word vectors from a text's own statistics: positive pointwise mutual information of words and their neighbours, factorised by a
// truncated singular value decomposition (Levy & Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization").
//
// With the settings Levy, Goldberg & Dagan 2015 ("Improving Distributional Similarity", section 3 and table 1) found to matter:
// neighbours up to 5 words away weighted 5, 4, 3, 2, 1 with distance, context counts smoothed to the power 0.75, vectors U S^(1/2).
// Then the mean over the text is taken out and every vector scaled to norm sqrt(kWordDim), so that elements are about N(0, 1).
// Float64 on one thread in a fixed order with portable functions: the same bits everywhere.
#pragma once

#include <vector>

#include "datasets/tokenizer.h"

namespace attnbench {

constexpr int kWordDim = 64;
/// Raise when the vectors of the same text change.
constexpr int kWordVectorsVersion = 1;

/// [words][kWordDim], row-major. A text of few words has fewer dimensions; the others are zero.
std::vector<float> build_word_vectors(const TokenizedText& text);

}  // namespace attnbench
