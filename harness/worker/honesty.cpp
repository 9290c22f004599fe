#include "harness/worker/honesty.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/plugins/catalogue.h"
#include "harness/support/units.h"

namespace attnbench {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kMostWork = 2;            // times all pairs: whole tiles beyond the ends, a second pass
constexpr double kForeignShare = 0.2;      // of the CPU time
constexpr double kForeignSeconds = 0.002;  // below, a library's clean-up at most
constexpr double kCoreSlack = 1.2;         // clocks of threads are read one after the other
constexpr double kLeastClaim = 0.6;        // of the time that went by: a neighbour on the core delays one clock and not the other
constexpr double kMissing = 0.25;          // of the longer time: less is lost where this process is held up between two readings
constexpr double kStraySlack = 64 << 10;   // bytes: rows and lists, but no matrix worth measuring
// Bytes not charged to the variant: pages of libraries touched for the first time, buffers of OpenBLAS, pages of 2 MiB at the ends.
constexpr double kResidentSlack = 16 * kMiB, kThreadSlack = 8 * kMiB;

}  // namespace

std::string cost_fault(const VariantConfig& config, const Problem& p) {
  const auto& variant = *config.variant;
  if (const auto* adapter = adapter_of(variant))
    if (auto fault = adapter->cost_fault(p, config.params); !fault.empty()) return fault;
  if (variant.computes != Computes::exact_softmax) return {};
  const auto cost = variant.cost(p, config.params);
  const double visible = visible_pairs(p), per_pair = p.d_qk + p.d_v;
  if (p.mask.kind == MaskKind::none && cost.pairs != visible)
    return fmt::format("declares {:.6g} (query, key) pairs, the masks leave {:.6g}", cost.pairs, visible);
  if (p.mask.kind == MaskKind::none && cost.multiply_adds < visible * per_pair)
    return fmt::format("declares {:.4g} multiply-adds, its pairs take {:.4g}", cost.multiply_adds, visible * per_pair);
  const double all = static_cast<double>(p.batch) * p.heads_q * p.n_q * p.n_k * per_pair;
  if (cost.multiply_adds > kMostWork * all)
    return fmt::format("declares {:.4g} multiply-adds, {:.1f} times what all (query, key) pairs take", cost.multiply_adds,
                       cost.multiply_adds / all);
  return {};
}

std::string threads_fault(const ThreadTimes& use, int threads, bool has_library) {
  const double foreign = use.process - use.arena;
  if (!has_library && foreign > kForeignSeconds && foreign > kForeignShare * use.process)
    return fmt::format("threads of its own took {:.0f} % of the CPU time; use only those of the task", 100 * foreign / use.process);
  const double of_case = use.process - use.earlier;
  if (of_case > kCoreSlack * threads * use.wall + kForeignSeconds)
    return fmt::format("kept {:.1f} cores busy where the case has {} thread{}", of_case / use.wall, threads,
                       threads == 1 ? "" : "s");
  return {};
}

std::string clock_fault(const ClockPair& few, const ClockPair& many) {
  const double claimed = many.claimed - few.claimed, outer = many.outer - few.outer;
  if (claimed < kLeastClaim * outer && outer - claimed > kMissing * many.outer)
    return fmt::format("time_calls() says {}, but {} went by on the harness's clock", seconds_text(std::max(0.0, claimed)),
                       seconds_text(outer));
  return {};
}

std::string memory_fault(const MemoryUse& use, const Cost& cost, int threads) {
  const auto stray = static_cast<double>(use.stray_bytes);
  if (stray > kStraySlack + cost.external_bytes)
    return fmt::format(
        "takes {} from the heap or with mmap in every call; take them from the workspace, or declare them as "
        "external_bytes of the cost ({} now)",
        bytes_text(stray), bytes_text(cost.external_bytes));
  const auto loaded = static_cast<double>(use.load_bytes), grown = static_cast<double>(use.rss_peak - use.rss_baseline);
  const double declared =
      static_cast<double>(std::max(use.workspace_declared, use.workspace_peak) + use.prepared_bytes) + cost.external_bytes;
  if (loaded + grown > declared + kResidentSlack + threads * kThreadSlack)
    return fmt::format("holds {} of memory, {} of it while it was loaded, but declares {} (workspace, prepared and external_bytes)",
                       bytes_text(loaded + grown), bytes_text(loaded), bytes_text(declared));
  return {};
}

}  // namespace attnbench
