// gaussian: every element of Q, K and V independent and standard normal.
//
// With the default scale 1/sqrt(d) the scores are close to N(0, 1), as in a freshly initialised Transformer (Vaswani et al. 2017,
// footnote 4): attention is spread over most keys. The usual input of kernel benchmarks, and of the exactness bounds.
// A shorter sequence, fewer heads, batch entries or channels give a prefix of the larger problem's values.
#include "datasets/generator.h"

namespace attnbench {
namespace {

void fill(const GeneratorTask& task) {
  fill_normal(task.inputs.q, RandomStream(task.seed, "gaussian queries"));
  fill_normal(task.inputs.k, RandomStream(task.seed, "gaussian keys"));
  fill_normal(task.inputs.v, RandomStream(task.seed, "gaussian values"));
}

}  // namespace

const DatasetKind kinds::gaussian = {
    {"gaussian", "gaussian", "independent standard normal Q, K, V: attention spread over most keys"},
    {},
    Argument::none,
    open_generator<fill>};

}  // namespace attnbench
