#include "harness/commands/calibration_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "harness/commands/table.h"
#include "harness/support/units.h"

namespace attnbench {
namespace {

std::string threads_title(int threads) { return fmt::format("{} THREAD{}", threads, threads == 1 ? "" : "S"); }

std::string best_text(const Ceiling& ceiling) { return ceiling.best > 0 ? fmt::format("{:.3g}", ceiling.best) : "starved"; }

std::string spread_text(const Ceiling& ceiling) { return ceiling.best > 0 ? fmt::format("{:.0f} %", 100 * ceiling.spread) : ""; }

// Ceilings by row title and thread count, the rows in the order they came.
class Grid {
 public:
  void add(const std::string& row, int threads, const Ceiling& ceiling) {
    if (std::find(rows_.begin(), rows_.end(), row) == rows_.end()) rows_.push_back(row);
    threads_.insert(threads);
    cells_[{row, threads}] = ceiling;
  }
  std::string text(const std::string& first_column) const {
    std::vector<Table::Column> columns{{first_column}};
    for (const int threads : threads_) {
      columns.push_back({threads_title(threads), Table::Align::right});
      columns.push_back({"SPREAD", Table::Align::right});
    }
    Table table(columns);
    for (const auto& row : rows_) {
      std::vector<std::string> line{row};
      for (const int threads : threads_) {
        const auto cell = cells_.find({row, threads});
        line.push_back(cell == cells_.end() ? "" : best_text(cell->second));
        line.push_back(cell == cells_.end() ? "" : spread_text(cell->second));
      }
      table.add(std::move(line));
    }
    return table.text();
  }

 private:
  std::vector<std::string> rows_;
  std::set<int> threads_;
  std::map<std::pair<std::string, int>, Ceiling> cells_;
};

std::string bandwidth_grid(const Calibration& calibration, const char* kind) {
  Grid grid;
  for (const auto& b : calibration.bandwidth)
    if (b.kind == kind) grid.add(bytes_text(static_cast<double>(b.working_set_bytes)), b.threads, b.gbytes_per_s);
  return grid.text("WORKING SET");
}

std::string start_lines(const Calibration& c) {
  return fmt::format("clock step {}, one reading of it {}; start of this program {}, of a worker with nothing to do {}\n",
                     seconds_text(c.clock_resolution_s), seconds_text(c.timer_overhead_s), seconds_text(c.fork_exec_s),
                     seconds_text(c.worker_overhead_s));
}

std::string machine_lines(const Calibration& c) {
  const auto cache = c.last_level_cache_bytes > 0 ? bytes_text(static_cast<double>(c.last_level_cache_bytes)) + " last-level cache"
                                                  : std::string("last-level cache unknown");
  auto text = fmt::format("{}, {} core{}, {}; {} calibration of {}\n", c.cpu_model, c.cores, c.cores == 1 ? "" : "s", cache,
                          c.profile, c.created);
  if (was_busy(c))
    text += "The machine was busy (" + busy_text(c) + "): ceilings may be too low; calibrate again when it is quiet.\n";
  if (const auto reason = contradiction(c); !reason.empty())
    text += "Invalid, and no run will use it: " + reason + "; stop other work and calibrate again.\n";
  return text;
}

}  // namespace

std::string calibration_text(const Calibration& c) {
  Grid fma, sgemm;
  for (const auto& p : c.fma_peak) fma.add(p.isa + " " + p.dtype, p.threads, p.gflops);
  for (const auto& p : c.sgemm) sgemm.add(fmt::format("n {}", p.n), p.threads, p.gflops);
  return fmt::format(
      "{}"
      "Each number is the best of several tries, all threads together; SPREAD is how far the median try lay below it.\n"
      "{}\n"
      "Multiply-adds in registers, GFLOP/s\n{}\n"
      "OpenBLAS sgemm, one n x n product per thread, GFLOP/s\n{}\n"
      "Reading memory, GB/s\n{}\n"
      "Triad a = b + s c, GB/s\n{}",
      machine_lines(c), start_lines(c), fma.text("ISA AND TYPE"), sgemm.text("SIZE"), bandwidth_grid(c, "read"),
      bandwidth_grid(c, "triad"));
}

}  // namespace attnbench
