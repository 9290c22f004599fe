// If these fail, an honest case is called faster than the machine because its probes were disturbed, or a made-up cost passes.
#include "harness/measure/peak_probe.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/catch.h"

using namespace attnbench;

namespace {

// A probe that finds these rates, one after the other, and then the last one again.
std::function<double()> probe_finding(std::vector<double> rates, int& probes) {
  return [rates = std::move(rates), &probes] {
    const auto at = std::min(static_cast<std::size_t>(probes), rates.size() - 1);
    ++probes;
    return rates[at];
  };
}

}  // namespace

TEST_CASE("a peak that suffices is not probed again") {
  int together = 0, alone = 0;
  CHECK(undisturbed_peak(540, 500, 2, probe_finding({1}, together), probe_finding({1}, alone)) == 540);
  CHECK(together + alone == 0);
}

TEST_CASE("a disturbed probe is repeated until the peak suffices") {
  int together = 0, alone = 0;
  CHECK(undisturbed_peak(270, 500, 2, probe_finding({270, 280, 530, 1}, together), probe_finding({100}, alone)) == 530);
  CHECK(together == 3);
}

TEST_CASE("threads that shared a core during every probe do not halve the peak") {
  int together = 0, alone = 0;
  CHECK(undisturbed_peak(270, 500, 2, probe_finding({270}, together), probe_finding({200, 268, 260}, alone)) == 536);
  CHECK(together <= 20);
}

TEST_CASE("no number of probes makes more of a machine than it has") {
  int together = 0, alone = 0;
  CHECK(undisturbed_peak(530, 4000, 2, probe_finding({535}, together), probe_finding({270}, alone)) == 540);
  CHECK(undisturbed_peak(270, 4000, 1, probe_finding({271}, together), probe_finding({270}, alone)) == 271);
}
