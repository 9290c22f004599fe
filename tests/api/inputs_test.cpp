// If these fail, an input is given another shape, name or place than its spec says.
#include "variants/api/inputs.h"

#include <stdexcept>

#include "tests/catch.h"
#include "variants/api/input_check.h"

using namespace attnbench;

namespace {

InputSpec gate() { return {"gate", {2, 1, 3, 1}, DType::f32, Fill::sigmoid(0.5), "a gate"}; }

}  // namespace

TEST_CASE("every problem has q, k, v and the mask it asks for") {
  const auto plain = input_specs(parse_problem("b2 h4:2 n3:5 d7:6 causal-top-left"));
  REQUIRE(plain.size() == 3);
  CHECK(to_string(plain[0]) == "q [2, 4, 3, 7] f32 dataset");
  CHECK(to_string(plain[1]) == "k [2, 2, 5, 7] f32 dataset");
  CHECK(to_string(plain[2]) == "v [2, 2, 5, 6] f32 dataset");
  const auto masked = input_specs(parse_problem("b2 h4 n3 d7 bf16 mask=bool:h"));
  REQUIRE(masked.size() == 4);
  CHECK(to_string(masked[0]) == "q [2, 4, 3, 7] bf16 dataset");
  CHECK(to_string(masked[3]) == "mask [1, 4, 3, 3] u8 dataset");
  CHECK(input_specs(parse_problem("b2 h4 n3 d7 mask=additive:b"))[3].bytes() == 2 * 3 * 3 * 4);
}

TEST_CASE("specs are equal when their bytes are, whatever the help says") {
  auto other = gate();
  other.help = "said otherwise";
  CHECK(other == gate());
  other.fill = Fill::sigmoid(0.25);
  CHECK_FALSE(other == gate());
  CHECK(to_string(other) == "gate [2, 1, 3, 1] f32 sigmoid(0.25)");
  CHECK(to_string(Fill::log_sigmoid(0, 16)) == "log_sigmoid(0, 16)");
  CHECK(to_string(Fill::mamba_decay()) == "mamba_decay");
}

TEST_CASE("an extra input is read by its name, and by any index along an axis of 1") {
  const auto p = parse_problem("b2 h4 n3 d7");
  auto tensors = empty_inputs(p);
  Tensor stored(gate().shape);
  for (int t = 0; t < 6; ++t) stored.data()[t] = static_cast<float>(t);
  tensors.extras.set("gate", std::move(stored));
  tensors.extras.set("sink", Tensor({1, 4, 1, 1}));
  const auto moved = std::move(tensors);
  const auto inputs = moved.inputs(p);
  CHECK(inputs.extra("gate").row(1, 0, 2)[0] == 5);
  CHECK(inputs.extra("gate").row(1, 3, 2)[0] == 5);
  CHECK(inputs.extra("sink").row(1, 3, 2) == moved["sink"].data() + 3);
  CHECK_THROWS_AS(inputs.extra("beta"), std::out_of_range);
  CHECK_THROWS_AS(moved["beta"], std::out_of_range);
  CHECK(stored_bytes(inputs) == 4 * (3 * 2 * 4 * 3 * 7 + 6 + 4));
}

TEST_CASE("an invalid input is refused by name") {
  CHECK(fault_of(std::vector{gate()}).empty());
  const auto fault = [](auto change) {
    auto spec = gate();
    change(spec);
    return fault_of(std::vector{spec});
  };
  CHECK(fault([](InputSpec& s) { s.name = "Gate"; }).find("'Gate' has a name that is not lower-case") != std::string::npos);
  CHECK(fault([](InputSpec& s) { s.name = "mask"; }).find("'mask' has a name that every problem uses") != std::string::npos);
  CHECK(fault([](InputSpec& s) { s.shape[2] = 0; }).find("has the shape [2, 1, 0, 1]") != std::string::npos);
  CHECK(fault([](InputSpec& s) { s.dtype = DType::bf16; }).find("is bf16; only f32") != std::string::npos);
  CHECK(fault([](InputSpec& s) { s.fill = Fill::log_sigmoid(0, 0); }).find("temperature") != std::string::npos);
  CHECK(fault_of(std::vector{gate(), gate()}) == "the extra input 'gate' is declared twice");
}
