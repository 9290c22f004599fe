#include "datasets/generator.h"

#include "datasets/masks.h"

namespace attnbench {
namespace {

class Generator final : public Dataset {
 public:
  Generator(DatasetSpec spec, FillFunction fill) : spec_(std::move(spec)), fill_(fill) {}

  std::string spec() const override { return spec_.canonical(); }
  std::string fingerprint() const override { return spec() + "#v" + std::to_string(kGeneratorVersion); }
  NamedTensors make(const Problem& problem, std::uint64_t seed) const override {
    auto inputs = empty_inputs(problem);
    fill_({problem, spec_.params, seed, inputs});
    inputs.mask = make_mask(problem, seed);
    return inputs;
  }

 private:
  DatasetSpec spec_;
  FillFunction fill_;
};

}  // namespace

std::unique_ptr<Dataset> make_generator(const DatasetSpec& spec, FillFunction fill) {
  return std::make_unique<Generator>(spec, fill);
}

void fill_normal(const Tensor& tensor, const RandomStream& stream) {
  for_each_row(tensor, [&](const Place& at, float* row) { stream.normals(at, row, tensor.shape()[3]); });
}

}  // namespace attnbench
