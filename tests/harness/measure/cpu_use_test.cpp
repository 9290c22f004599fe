// If these fail, a calibration made while another program held a core passes for one of a quiet machine.
#include "harness/measure/cpu_use.h"

#include "tests/catch.h"

using namespace attnbench;

TEST_CASE("what the machine did and this process did not is other work") {
  const CpuUse before{.machine = 100, .own = 10, .wall = 1000};
  CHECK(other_work_cores(before, {.machine = 115, .own = 18, .wall = 1005}).value() == Approx(1.4));
  CHECK(other_work_cores(before, {.machine = 108, .own = 18.1, .wall = 1005}) == 0);  // ticks are coarse
}

TEST_CASE("where the system does not tell, no other work is claimed") {
  CHECK_FALSE(other_work_cores({}, {.machine = 100, .own = 1, .wall = 10}).has_value());
  CHECK_FALSE(other_work_cores({}, {}).has_value());
}

TEST_CASE("this process' own work is not other work") {
  const auto before = cpu_use_now();
  const auto after = cpu_use_now();
  CHECK(after.own >= before.own);
  CHECK(after.machine >= before.machine);
}
