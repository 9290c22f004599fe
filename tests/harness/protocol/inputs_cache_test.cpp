// If these fail, a variant is timed on other inputs than the ones it was verified on.
#include "harness/protocol/inputs_cache.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <numeric>

#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

using namespace attnbench;

namespace {

Tensor counted(const Shape& shape, float first) {
  Tensor tensor(shape);
  std::iota(tensor.data(), tensor.data() + element_count(shape), first);
  return tensor;
}

}  // namespace

TEST_CASE("inputs come back bit for bit in their own shapes") {
  const TemporaryFolder folder;
  const auto p = parse_problem("b2 h4:2 n3:5 d7:6 mask=bool:h");
  NamedTensors tensors{counted({2, 4, 3, 7}, 1), counted({2, 2, 5, 7}, 1000), counted({2, 2, 5, 6}, 2000),
                       Tensor({1, 4, 3, 5}, DType::u8)};
  tensors.mask.data<std::uint8_t>()[element_count(tensors.mask.shape()) - 1] = 1;
  write_inputs(folder / "inputs", tensors);
  CachedInputs cached(folder / "inputs", p);
  const auto in = cached.inputs();
  CHECK(in.q.shape == tensors.q.shape());
  CHECK(in.v.shape == tensors.v.shape());
  CHECK(std::memcmp(in.q.data, tensors.q.ref().data, tensors.q.bytes()) == 0);
  CHECK(std::memcmp(in.k.data, tensors.k.ref().data, tensors.k.bytes()) == 0);
  CHECK(std::memcmp(in.v.data, tensors.v.ref().data, tensors.v.bytes()) == 0);
  CHECK(in.mask.shape == Shape{2, 4, 3, 5});  // stretched over the batch
  CHECK(in.mask.as<const std::uint8_t>().row(1, 3, 2)[4] == 1);
  CHECK(in.mask.as<const std::uint8_t>().row(1, 0, 0)[0] == 0);
  CHECK(in.extras.empty());
  CHECK(stored_bytes(in) == tensors.q.bytes() + tensors.k.bytes() + tensors.v.bytes() + tensors.mask.bytes());
  for (const void* part : {in.q.data, in.k.data, in.v.data}) CHECK(reinterpret_cast<std::uintptr_t>(part) % kAlignment == 0);
}

TEST_CASE("extra inputs are found by their spec: one name with two specs is two tensors") {
  const TemporaryFolder folder;
  const auto p = parse_problem("b2 n4 d4");
  const InputSpec low{"gate", {2, 1, 4, 1}, DType::f32, Fill::sigmoid(0), "said one way"},
      high{"gate", {2, 1, 4, 1}, DType::f32, Fill::sigmoid(5)};
  const InputSpec sinks{"sinks", {1, 1, 1, 1}, DType::f32, Fill::normal(0, 1)}, broken{"table", {1, 1, 1, 2}};
  std::vector<CachedExtra> extras;
  extras.push_back({low, counted(low.shape, 10), ""});
  extras.push_back({high, counted(high.shape, 20), ""});
  extras.push_back({sinks, counted(sinks.shape, 30), ""});
  extras.push_back({broken, {}, "'table' in 'x.npz' has the wrong shape"});
  write_inputs(folder / "inputs", empty_inputs(p), extras);
  CHECK(static_cast<double>(std::filesystem::file_size(folder / "inputs")) == inputs_file_bytes(p, std::vector{low, high, sinks}));

  CachedInputs cached(folder / "inputs", p);
  const auto in = cached.inputs(std::vector{sinks, high});
  REQUIRE(in.extras.size() == 2);
  CHECK(in.extra("gate").row(1, 0, 3)[0] == 27);
  CHECK(in.extra("gate").row(1, 5, 3)[0] == 27);  // an axis of 1 is right for any index
  CHECK(in.extra("sinks").row(1, 7, 3)[0] == 30);
  CHECK(stored_bytes(in) == stored_bytes(cached.inputs()) + (8 + 1) * sizeof(float));
  CHECK(cached.inputs(std::vector{low}).extra("gate").row(0, 0, 1)[0] == 11);
  CHECK_THROWS_AS(cached.inputs(std::vector{low}).extra("sinks"), std::out_of_range);
  CHECK(refusal([&] { cached.inputs(std::vector{broken}); }) == "'table' in 'x.npz' has the wrong shape");
  CHECK_THROWS(cached.inputs(std::vector{InputSpec{"gate", {1, 1, 4, 1}, DType::f32, Fill::sigmoid(0)}}));
}

TEST_CASE("whoever writes to its inputs dies of it") {
  const TemporaryFolder folder;
  write_inputs(folder / "inputs", {counted({1, 1, 4, 4}, 0), counted({1, 1, 4, 4}, 0), counted({1, 1, 4, 4}, 0), {}});
  CachedInputs cached(folder / "inputs", parse_problem("n4 d4"));
  const auto child = ::fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);
    *static_cast<volatile float*>(cached.inputs().k.data) = 1;
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
}

TEST_CASE("a file for another problem, a short one and none are refused") {
  const TemporaryFolder folder;
  const auto path = folder / "inputs";
  CHECK_THROWS(CachedInputs(path, parse_problem("n4 d4")));
  write_inputs(path, {counted({1, 1, 4, 4}, 0), counted({1, 1, 4, 4}, 0), counted({1, 1, 4, 4}, 0), {}});
  CHECK_NOTHROW(CachedInputs(path, parse_problem("n4 d4")));
  CHECK_THROWS(CachedInputs(path, parse_problem("n4000 d4")));
  std::filesystem::resize_file(path, 100);
  CHECK_THROWS(CachedInputs(path, parse_problem("n4 d4")));
}

TEST_CASE("what cannot be written is said, and nothing half-written is left") {
  const TemporaryFolder folder;
  const auto where = folder / "no/such/folder/inputs";
  CHECK(has(refusal([&] { write_doubles(where, {1, 2}); }), where));
}

TEST_CASE("rows of doubles come back as they were") {
  const TemporaryFolder folder;
  const std::vector<double> rows{1.5, -0.0, 1e-300, 3};
  write_doubles(folder / "rows", rows);
  CHECK(read_doubles(folder / "rows") == rows);
  CHECK_FALSE(std::filesystem::exists(folder / "rows.tmp"));
}
