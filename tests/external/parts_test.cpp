// The plugin's parts. If these fail, tensors reach an external baseline scrambled, an adapter's end is told wrongly, or torch_mha
// is judged by a wrong reference.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <numeric>
#include <vector>

#include "tests/catch.h"
#include "variants/api/oracle.h"
#include "variants/api/problem.h"
#include "variants/external/adapter/adapter_process.h"
#include "variants/external/adapter/shared_memory.h"
#include "variants/external/cost.h"
#include "variants/external/multi_head.h"

using namespace attnbench;
using namespace attnbench::external;

namespace {

attnbench_problem given(const Problem& p) {
  attnbench_problem given{};
  given.head = ATTNBENCH_HEAD(attnbench_problem);
  given.causal = p.causal == Causal::none       ? ATTNBENCH_NOT_CAUSAL
                 : p.causal == Causal::top_left ? ATTNBENCH_TOP_LEFT
                                                : ATTNBENCH_BOTTOM_RIGHT;
  given.batch = p.batch, given.heads_q = p.heads_q, given.heads_kv = p.heads_kv;
  given.n_q = p.n_q, given.n_k = p.n_k, given.d_qk = p.d_qk, given.d_v = p.d_v;
  given.scale = p.effective_scale();
  return given;
}

attnbench_tensor given(const Tensor& tensor) {
  attnbench_tensor given{};
  given.head = ATTNBENCH_HEAD(attnbench_tensor);
  given.data = tensor.data<float>();
  std::copy_n(tensor.shape().data(), 4, given.shape);
  std::copy_n(dense_strides(tensor.shape()).data(), 4, given.stride);
  return given;
}

Tensor filled(const Shape& shape, int seed) {
  Tensor tensor(shape);
  std::uint32_t state = static_cast<std::uint32_t>(seed);
  for (std::int64_t i = 0; i < element_count(shape); ++i)
    tensor.data<float>()[i] = static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) / 0x1p23f - 1.0f;
  return tensor;
}

// How an adapter that is this shell script ends when it is asked something.
ExternalError end_of(const std::string& script) {
  char path[] = "/tmp/attnbench-adapter-XXXXXX";
  const int file = ::mkstemp(path);
  REQUIRE(file >= 0);
  ::close(file);
  std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
  ::chmod(path, 0700);
  const SharedMemory memory({{"q", {1, 1, 1, 1}, ATTNBENCH_F32}});
  ExternalError result(ATTNBENCH_OK, "");
  try {
    AdapterProcess process(path, ".", memory.descriptor(), 1);
    process.ask({{"do", "prepare"}});
  } catch (const ExternalError& error) {
    result = error;
  }
  ::unlink(path);
  return result;
}

}  // namespace

TEST_CASE("strided tensors go through shared memory and back unchanged") {
  const Tensor source = filled({2, 3, 4, 5}, 1);
  auto from = given(source);
  std::swap(from.shape[1], from.shape[2]);  // seen as [2, 4, 3, 5]
  std::swap(from.stride[1], from.stride[2]);
  const SharedMemory memory({{"mask", {1, 1, 3, 3}, ATTNBENCH_U8}, {"q", {2, 4, 3, 5}, ATTNBENCH_F32}});
  memory.copy_in("q", from);
  const auto* shared = reinterpret_cast<const float*>(memory.at("q"));
  CHECK(shared[0] == source.view().row(0, 0, 0)[0]);
  CHECK(shared[1 * 15 + 2 * 5 + 3] == source.view().row(0, 2, 1)[3]);  // b 0, h 1, i 2, c 3
  CHECK(reinterpret_cast<std::uintptr_t>(shared) % 64 == 0);

  const Tensor target({2, 3, 4, 5});
  auto to = given(target);
  std::swap(to.shape[1], to.shape[2]);
  std::swap(to.stride[1], to.stride[2]);
  memory.copy_out("q", to);
  CHECK(std::equal(source.data(), source.data() + 120, target.data()));
  CHECK_THROWS_AS(memory.at("w"), std::logic_error);
}

TEST_CASE("the way an adapter ends decides what is recorded") {
  CHECK(end_of("exit 3").status == ATTNBENCH_FAILED);
  CHECK_THAT(end_of("exit 3").what(), Catch::Matchers::EndsWith("exit code 3"));
  CHECK_THAT(end_of("kill -SEGV $$").what(), Catch::Matchers::ContainsSubstring("Segmentation fault"));
  CHECK(end_of("kill -KILL $$").status == ATTNBENCH_OUT_OF_MEMORY);
  CHECK(end_of("echo '{\"unavailable\": \"no such library\"}' >&3; sleep 1").status == ATTNBENCH_UNAVAILABLE);
  CHECK(end_of("echo '{\"out_of_memory\": \"too much\"}' >&3; sleep 1").status == ATTNBENCH_OUT_OF_MEMORY);
  CHECK(end_of("echo '{\"failed\": \"a bug\"}' >&3; sleep 1").what() == std::string("a bug"));
  CHECK(end_of("printf '{\"ok\"' >&3; sleep 0.1; echo ': 1}' >&3; sleep 1").status == ATTNBENCH_OK);  // an answer in pieces
  const SharedMemory memory({{"q", {1, 1, 1, 1}, ATTNBENCH_F32}});
  CHECK_THROWS_WITH(AdapterProcess("/nowhere/python", ".", memory.descriptor(), 1),
                    Catch::Matchers::StartsWith("cannot start /nowhere/python"));
}

TEST_CASE("an adapter inherits the socket, the memory and the thread counts, and nothing to say on our standard output") {
  CHECK(end_of("test $OMP_NUM_THREADS$NPROC = 11 && test -e /proc/self/fd/4 && echo chatter && echo '{\"failed\": \"seen\"}' >&3")
            .what() == std::string("seen"));
}

TEST_CASE("pairs are counted as the suite counts them") {
  for (const char* text : {"b2 h3 n7 d4 f32", "b1 h2 n5:9 d4 f32 causal-top-left", "b1 h2 n9:5 d4 f32 causal-top-left",
                           "b2 h1 n5:9 d4 f32 causal-bottom-right", "b1 h1 n9:5 d4 f32 causal-bottom-right",
                           "b1 h4:2 n1:8 d4 f32 causal-bottom-right"}) {
    INFO(text);
    const auto p = parse_problem(text);
    CHECK(external::visible_pairs(given(p)) == attnbench::visible_pairs(p));
  }
}

TEST_CASE("declared bytes count the score matrix where it is stored, and each tensor once") {
  const auto p = parse_problem("b1 h4:2 n3:5 d8:6 f32");
  ExternalVariant external{};
  attnbench_cost cost{};
  declare_cost(external, given(p), cost);
  CHECK(cost.bytes == compulsory_bytes(p));
  CHECK(cost.multiply_adds == 4 * 3 * 5 * (8 + 6));
  external.scores.plain = 1;
  declare_cost(external, given(p), cost);
  CHECK(cost.bytes == compulsory_bytes(p) + 2 * 4 * 4 * 3 * 5);
}

TEST_CASE("declared memory is the library, its score matrices under this mask, and its copies of the tensors") {
  ExternalVariant external{};
  external.engine = Engine::in_process;
  external.scores = {1, 2.5};
  external.resident_mib = 100;
  external.start_seconds = 0.5;
  const auto declared = [&](const char* text) {
    attnbench_cost cost{};
    declare_cost(external, given(parse_problem(text)), cost);
    CHECK(cost.start_seconds == 0.5);
    return cost.external_bytes;
  };
  const double library = 100 * 1024 * 1024, tensors = compulsory_bytes(parse_problem("b2 h4:2 n64 d8 f32")),
               scores = 4.0 * 2 * 4 * 64 * 64;
  CHECK(declared("b2 h4:2 n64 d8 f32") == library + scores + tensors);
  CHECK(declared("b2 h4:2 n64 d8 f32 causal") == library + 2.5 * scores + tensors);
  CHECK(declared("b1 h1 n1:64 d8 f32 causal-bottom-right") ==  // sees every key: no mask
        library + 4 * 64 + compulsory_bytes(parse_problem("b1 h1 n1:64 d8 f32")));
  external.engine = Engine::adapter;
  CHECK(declared("b2 h4:2 n64 d8 f32") == library + scores + 4 * tensors);
  external.stretched_copies = 2;
  CHECK(declared("b2 h4:2 n64 d8 f32") == library + scores + 4 * tensors + 2 * (2 * 4 * 64 * 16 * 4));
  CHECK(declared("b1 h1 n1 d8 f32") == library + 4 + 4 * compulsory_bytes(parse_problem("b1 h1 n1 d8 f32")));
}

TEST_CASE("every external baseline declares what loading it takes, which is never nothing") {
  for (const auto& external : catalogue()) {
    INFO(external.name);
    CHECK(external.resident_mib >= 4);
    CHECK(external.resident_mib <= 1000);
    CHECK(external.start_seconds > 0);
    CHECK(external.start_seconds < 20);
  }
}

TEST_CASE("with identity weights the projected attention is plain attention") {
  const auto p = parse_problem("b2 h2 n6 d4 f32 causal");
  const Tensor q = filled({2, 2, 6, 4}, 1), k = filled({2, 2, 6, 4}, 2), v = filled({2, 2, 6, 4}, 3);
  ProjectionWeights identity{8, {}};
  for (auto& matrix : identity.matrices) {
    matrix.assign(64, 0.0f);
    for (std::size_t i = 0; i < 8; ++i) matrix[i * 9] = 1.0f;
  }
  const auto problem = given(p);
  const auto gq = given(q), gk = given(k), gv = given(v);
  attnbench_task task{};
  task.problem = &problem, task.q = &gq, task.k = &gk, task.v = &gv;
  task.parallel_for = [](const attnbench_task*, std::int64_t count, std::int64_t, attnbench_loop_body body, void* state) {
    body(state, 0, count, 0);
  };
  const std::vector<std::int64_t> rows{0, 3, 5};
  std::vector<double> ours(2 * 2 * 3 * 4), plain(ours.size());
  multi_head_oracle(identity, task, rows.data(), rows.size(), ours.data());
  const Inputs inputs{q.ref(), k.ref(), v.ref(), {}, {}};
  dense_oracle({p, {}, inputs, {}, rows, plain.data(), {}});
  for (std::size_t i = 0; i < ours.size(); ++i) CHECK(ours[i] == Approx(plain[i]).epsilon(1e-12));

  // A permutation of the output features moves the columns, and only them.
  auto swapped = identity;
  std::fill(swapped.matrices[3].begin(), swapped.matrices[3].end(), 0.0f);
  for (std::size_t r = 0; r < 8; ++r) swapped.matrices[3][r * 8 + (7 - r)] = 1.0f;
  std::vector<double> moved(ours.size());
  multi_head_oracle(swapped, task, rows.data(), rows.size(), moved.data());
  CHECK(moved[0] == Approx(plain[1 * 12 + 3]).epsilon(1e-12));  // head 0 feature 0 is head 1 feature 3
}

TEST_CASE("weights follow the seed and keep the scale") {
  const auto problem = given(parse_problem("b1 h4 n2 d16 f32"));
  const auto once = draw_weights(problem, 1), again = draw_weights(problem, 1), other = draw_weights(problem, 2);
  CHECK(once.matrices == again.matrices);
  CHECK(once.matrices != other.matrices);
  CHECK(once.matrices[0] != once.matrices[1]);
  double squares = 0;
  for (const float x : once.matrices[0]) squares += static_cast<double>(x) * x;
  CHECK(squares / 64 == Approx(1.0).epsilon(0.1));  // a row of variance 1/64 each keeps a vector's length
}
