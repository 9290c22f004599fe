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
  InputTensors tensors{counted({2, 4, 3, 7}, 1), counted({2, 2, 5, 7}, 1000), counted({2, 2, 5, 6}, 2000),
                       Tensor({1, 4, 3, 5}, DType::u8)};
  tensors.mask.data<std::uint8_t>()[element_count(tensors.mask.shape()) - 1] = 1;
  write_inputs(folder / "inputs", tensors);
  const CachedInputs cached(folder / "inputs", p);
  const auto& in = cached.inputs();
  CHECK(in.q.shape == tensors.q.shape());
  CHECK(in.v.shape == tensors.v.shape());
  CHECK(std::memcmp(in.q.data, tensors.q.ref().data, tensors.q.bytes()) == 0);
  CHECK(std::memcmp(in.k.data, tensors.k.ref().data, tensors.k.bytes()) == 0);
  CHECK(std::memcmp(in.v.data, tensors.v.ref().data, tensors.v.bytes()) == 0);
  CHECK(in.mask.shape == Shape{2, 4, 3, 5});  // stretched over the batch
  CHECK(in.mask.as<const std::uint8_t>().row(1, 3, 2)[4] == 1);
  CHECK(in.mask.as<const std::uint8_t>().row(1, 0, 0)[0] == 0);
  CHECK(cached.bytes() == tensors.q.bytes() + tensors.k.bytes() + tensors.v.bytes() + tensors.mask.bytes());
  for (const void* part : {in.q.data, in.k.data, in.v.data}) CHECK(reinterpret_cast<std::uintptr_t>(part) % kAlignment == 0);
}

TEST_CASE("whoever writes to its inputs dies of it") {
  const TemporaryFolder folder;
  write_inputs(folder / "inputs", {counted({1, 1, 4, 4}, 0), counted({1, 1, 4, 4}, 0), counted({1, 1, 4, 4}, 0), {}});
  const CachedInputs cached(folder / "inputs", parse_problem("n4 d4"));
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
