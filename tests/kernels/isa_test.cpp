// If these fail, a record may name an instruction set that did not run, or a forced one is silently ignored.
#include "variants/kernels/simd/isa.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "tests/catch.h"
#include "variants/api/error.h"

#ifndef TEST_EMULATOR  // what a cross-compiled program is started with
#define TEST_EMULATOR ""
#endif

using namespace attnbench;

namespace {

// Output of this program run again on one hidden test case with ATTNBENCH_ISA set.
std::string run_child(const std::string& isa) {
  std::array<char, 4096> path{};
  if (readlink("/proc/self/exe", path.data(), path.size() - 1) < 0) return "no /proc/self/exe";
  const std::string command = "ATTNBENCH_ISA=" + isa + " " TEST_EMULATOR " " + path.data() + " 'report the instruction set' 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 256> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe)) output += buffer.data();
  pclose(pipe);
  return output;
}

}  // namespace

TEST_CASE("report the instruction set", "[.child]") {
  try {
    std::printf("runs on <%s>\n", kernels::current_isa().c_str());
  } catch (const UserError& error) {
    std::printf("refused: %s\n", error.what());
  }
}

TEST_CASE("ATTNBENCH_ISA forces each available target, and that one runs") {
  for (const auto& isa : kernels::available_isas()) {
    CAPTURE(isa);
    CHECK(run_child(isa).find("runs on <" + isa + ">") != std::string::npos);
  }
}

TEST_CASE("an unknown ATTNBENCH_ISA is refused in one line that names the available ones") {
  const auto output = run_child("AVX9");
  CAPTURE(output);
  CHECK(output.find("refused: ") != std::string::npos);
  CHECK(output.find("AVX9") != std::string::npos);
  for (const auto& isa : kernels::available_isas()) CHECK(output.find(isa) != std::string::npos);
}

TEST_CASE("forcing in process takes effect and can be undone") {
  const auto best = kernels::available_isas().front();
  for (const auto& isa : kernels::available_isas()) {
    kernels::force_isa(isa);
    CHECK(kernels::current_isa() == isa);
  }
  CHECK_THROWS_AS(kernels::force_isa("avx2"), UserError);
  kernels::force_isa("");
  CHECK(kernels::current_isa() == best);
}
