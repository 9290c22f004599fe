// If these fail, a cold cache is not cold: calls come back to the same set too early, or sets share memory or hold other numbers.
#include "harness/worker/input_sets.h"

#include <cstring>
#include <set>

#include "datasets/dataset.h"
#include "tests/catch.h"

using namespace attnbench;

namespace {

struct Made {
  Problem problem;
  NamedTensors tensors;
  Inputs inputs;
};

Made make(const char* text) {
  Made made{parse_problem(text), {}, {}};
  made.tensors = open_dataset("gaussian")->make(made.problem, 1);
  made.inputs = made.tensors.inputs(made.problem);
  return made;
}

}  // namespace

TEST_CASE("calls take turns through all sets, and each is memory of its own") {
  const auto made = make("b1 h2 n5 d3 f32");
  InputSets sets(made.inputs, made.problem, 4);
  CHECK(sets.count() == 4);
  std::set<const void*> queries, outputs;
  for (int i = 0; i < 4; ++i) {
    const auto set = sets.next();
    queries.insert(set.inputs.q.data);
    outputs.insert(set.output.data);
    CHECK(reinterpret_cast<std::uintptr_t>(set.inputs.q.data) % kAlignment == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(set.output.data) % kAlignment == 0);
    std::memset(set.output.data, i + 1, 2 * 5 * 3 * sizeof(float));  // must touch nobody else's
  }
  CHECK(queries.size() == 4);
  CHECK(outputs.size() == 4);
  const auto again = sets.next();
  CHECK(again.inputs.q.data == made.inputs.q.data);
  CHECK(static_cast<const unsigned char*>(again.output.data)[0] == 1);
}

TEST_CASE("all sets hold the same numbers, a mask that is stored once included") {
  const auto made = make("b2 h4:2 n6:7 d3:5 f32 mask=bool");
  InputSets sets(made.inputs, made.problem, 3);
  for (int i = 0; i < 3; ++i) {
    const auto set = sets.next();
    const auto same = [](const TensorRef& a, const TensorRef& b, std::size_t bytes) {
      return a.shape == b.shape && a.stride == b.stride && std::memcmp(a.data, b.data, bytes) == 0;
    };
    CHECK(same(set.inputs.q, made.inputs.q, made.tensors.q.bytes()));
    CHECK(same(set.inputs.k, made.inputs.k, made.tensors.k.bytes()));
    CHECK(same(set.inputs.v, made.inputs.v, made.tensors.v.bytes()));
    CHECK(same(set.inputs.mask, made.inputs.mask, made.tensors.mask.bytes()));
    CHECK((i == 0) == (set.inputs.mask.data == made.inputs.mask.data));
    CHECK(set.output.shape == Shape{2, 4, 6, 5});
  }
}

TEST_CASE("each set has extra inputs of its own") {
  auto made = make("b2 h2 n6 d3 f32");
  Tensor gate({2, 1, 6, 1});
  for (int t = 0; t < 12; ++t) gate.data()[t] = static_cast<float>(t);
  made.tensors.extras.set("gate", std::move(gate));
  made.inputs = made.tensors.inputs(made.problem);
  InputSets sets(made.inputs, made.problem, 3);
  std::set<const void*> gates;
  for (int i = 0; i < 3; ++i) {
    const auto& set = sets.next();
    REQUIRE(set.inputs.extras.size() == 1);
    gates.insert(set.inputs.extras[0].tensor.data);
    CHECK(set.inputs.extra("gate").row(1, 1, 4)[0] == 10);
  }
  CHECK(gates.size() == 3);
}

TEST_CASE("one set is the inputs themselves, again and again") {
  const auto made = make("b1 h1 n4 d2 f32");
  InputSets sets(made.inputs, made.problem, 1);
  const auto first = sets.next(), second = sets.next();
  CHECK(first.inputs.k.data == made.inputs.k.data);
  CHECK(second.inputs.k.data == made.inputs.k.data);
  CHECK(first.output.data == second.output.data);
}
