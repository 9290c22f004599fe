// profile: a number of calls of one variant in this process and nothing beside them, for an external profiler.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>

#include "datasets/dataset.h"
#include "datasets/part.h"
#include "harness/commands/commands.h"
#include "harness/commands/plugin_options.h"
#include "harness/measure/parallel_tbb.h"
#include "harness/measure/pinning.h"
#include "harness/planning/cost_model.h"
#include "harness/planning/plan_builder.h"
#include "harness/planning/selection.h"
#include "harness/plugins/catalogue.h"
#include "harness/support/available_memory.h"
#include "harness/support/text.h"
#include "harness/support/units.h"
#include "variants/api/error.h"
#include "variants/api/variant_call.h"

namespace attnbench {
namespace {

constexpr const char* kFooter =
    R"(Nothing is verified, warmed up or stored: use `attnbench run` for numbers. Inputs and prepared weights are made before the
calls; a line on standard error marks where the calls begin.

Examples:
  perf record build/attnbench profile blockwise --problem 'b1 h8 n4096 d64 f32' --calls 50 --threads 1
  valgrind --tool=callgrind build/attnbench profile linear --problem 'b1 h1 n256 d64 f32' --calls 1 --threads 1
  attnbench profile blockwise --problem 'b1 h8 n4096 d64 f32' --wait      attach a profiler, then press Enter)";

struct Options {
  std::string variant, problem, dataset = "gaussian";
  std::int64_t calls = 10;
  std::optional<int> threads;
  std::uint64_t seed = 1;
  bool wait = false;
  PluginOptions plugins;
};

VariantConfig selected_variant(const std::string& text) {
  const auto selection = parse_selection({&text, 1}, known_variants());
  if (selection.size() > 1) throw UserError("profile takes one variant, not '" + text + "'");
  return selection[0];
}

void require_possible(const VariantConfig& config, const Problem& problem, int threads) {
  const auto reasons = unsupported_reasons(*config.variant, problem, config.params);
  if (!reasons.empty()) throw UserError(config.label() + " cannot run " + to_string(problem) + ": " + join(reasons, "; "));
  if (const auto reason = too_many_threads(threads); !reason.empty()) throw UserError(reason);
  const double needed = predict(config, problem, threads).peak_bytes, available = available_memory_bytes();
  if (needed > available)
    throw UserError(fmt::format("{} needs {} of memory for {}, {} are available; choose a smaller problem", config.label(),
                                bytes_text(needed), to_string(problem), bytes_text(available)));
}

// A pause in which a profiler can attach to this process.
void wait_for_enter() {
  std::cerr << "process " << ::getpid() << " is ready; press Enter to start the calls" << std::endl;
  std::string line;
  std::getline(std::cin, line);
}

void profile(const Options& options) {
  load(options.plugins);
  const auto config = selected_variant(options.variant);
  const auto dataset = open_dataset(options.dataset);
  const auto held = dataset->holds();
  const auto problem = parse_problem(held ? completed(options.problem, *held) : options.problem);
  const int threads = options.threads.value_or(usable_threads());
  require_possible(config, problem, threads);
  const auto tensors = dataset->make(problem, options.seed);
  const auto inputs = tensors.inputs(problem);
  const ThreadArena arena(threads);
  const Tensor output(output_shape(problem));
  VariantCall call(*config.variant, config.params, problem, options.seed, arena.parallel());
  if (options.wait) wait_for_enter();
  std::cerr << fmt::format("{} calls of {}, {}, {} threads: begin\n", options.calls, config.label(), to_string(problem), threads);

  const Pinned pinned(caller_cpu(arena, *config.variant));
  const auto start = std::chrono::steady_clock::now();
  for (std::int64_t i = 0; i < options.calls; ++i) call.run(inputs, output.ref());
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  std::cerr << fmt::format("end: {} per call, unwarmed and unverified\n",
                           seconds_text(elapsed.count() / static_cast<double>(options.calls)));
}

}  // namespace

void add_profile(CLI::App& app, CommandLine&) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("profile", "Run one case in this process and nothing else, for perf, VTune or valgrind.");
  command->add_option("VARIANT", options->variant, "the variant, with parameters if you like")->required();
  command->add_option("--problem", options->problem, "problem string, such as 'b1 h8 n4096 d64 f32 causal'")
      ->type_name("PROBLEM")
      ->required();
  command->add_option("--calls", options->calls, "calls to make; default 10")
      ->type_name("COUNT")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
  command->add_option("--dataset", options->dataset, "where Q, K and V come from; default gaussian")->type_name("NAME");
  command->add_option("--threads", options->threads, "threads; default: all cores this process may use")
      ->type_name("COUNT")
      ->check(CLI::Range(1, 1024));
  command->add_option("--seed", options->seed, "seed of inputs and weights; default 1")->type_name("NUMBER");
  command->add_flag("--wait", options->wait, "wait for Enter before the calls, so that a profiler can attach");
  add_plugin_option(*command, options->plugins);
  command->footer(kFooter);
  command->callback([options] { profile(*options); });
}

}  // namespace attnbench
