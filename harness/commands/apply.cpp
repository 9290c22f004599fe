// apply: one variant on the user's own arrays, in this process. How outsiders check us against their own model.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>

#include "datasets/npy.h"
#include "harness/commands/commands.h"
#include "harness/commands/plugin_options.h"
#include "harness/commands/user_arrays.h"
#include "harness/planning/available_memory.h"
#include "harness/planning/cost_model.h"
#include "harness/planning/plan_builder.h"
#include "harness/planning/selection.h"
#include "harness/plugins/catalogue.h"
#include "harness/units.h"
#include "harness/words.h"
#include "harness/worker/parallel_tbb.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr const char* kFooter =
    R"(Arrays are .npy files of float16, float32 or float64, shaped [b, h, n, d], [h, n, d] or [n, d]; all three alike. Keys and
values may have fewer heads (GQA), and n of their own. A boolean mask is true where attention is allowed; a float mask is added to
the scores. Masks are shaped [1|b, 1|h, n_q, n_k], [1|h, n_q, n_k] or [n_q, n_k]. The output is float32 [b, h_q, n_q, d_v], with as
many axes as the queries. NaN and infinity are refused, except in keys and values that no query may see.

Examples:
  attnbench apply blockwise --q Q.npy --k K.npy --v V.npy --out O.npy
  attnbench apply sliding_window --q Q.npy --k K.npy --v V.npy -p window=64 --causal top-left --threads 2 --out O.npy)";

struct Options {
  std::string variant, q, k, v, mask, causal = "none", out;
  std::optional<double> scale, softcap;
  std::vector<std::string> params;
  std::optional<int> threads;
  std::uint64_t seed = 1;
  PluginOptions plugins;
};

Selected select(const Options& options) {
  auto selection = parse_selection({&options.variant, 1}, known_variants());
  if (selection.size() > 1) throw UserError("apply takes one variant, not '" + options.variant + "'");
  for (const auto& setting : options.params) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) throw UserError("parameter '" + setting + "': expected NAME=VALUE, for example -p window=64");
    set_param(selection[0], setting.substr(0, equals), setting.substr(equals + 1));
  }
  return selection[0];
}

Problem problem_of(const Options& options, const UserArrays& arrays) {
  Problem problem = arrays.problem();
  if (options.causal != "none") problem.causal = options.causal == "top-left" ? Causal::top_left : Causal::bottom_right;
  problem.scale = options.scale;
  problem.softcap = options.softcap;
  validate(problem);
  return problem;
}

void require_possible(const Selected& selected, const Problem& problem, int threads) {
  const auto reasons = unsupported_reasons(*selected.variant, problem, selected.params);
  if (!reasons.empty())
    throw UserError(join(reasons, "; ") + " (the problem is " + to_string(problem) +
                    "); choose another variant, see attnbench list");
  if (const auto reason = too_many_threads(threads); !reason.empty()) throw UserError(reason);
  const double needed = predict(selected, problem, threads).peak_bytes, available = available_memory_bytes();
  if (needed > available)
    throw UserError(
        fmt::format("{} needs {} of memory for {}, {} are available; choose a variant with less extra memory, such as blockwise",
                    selected.label(), bytes_text(needed), to_string(problem), bytes_text(available)));
}

// Position of the first element that is not finite, if any.
std::optional<std::int64_t> first_not_finite(const Tensor& tensor) {
  for (std::int64_t i = 0; i < element_count(tensor.shape()); ++i)
    if (!std::isfinite(tensor.data()[i])) return i;
  return std::nullopt;
}

// Starts from NaN, so that an element the variant does not write is noticed.
Tensor run_once(const Selected& selected, const Problem& problem, const Inputs& inputs, std::uint64_t seed, int threads) {
  ThreadArena arena(threads);
  Tensor output({problem.batch, problem.heads_q, problem.n_q, problem.d_v});
  std::fill_n(output.data(), element_count(output.shape()), std::numeric_limits<float>::quiet_NaN());
  const auto prepared = prepare(*selected.variant, problem, selected.params, seed, threads);
  Workspace workspace(declared_workspace(*selected.variant, problem, selected.params, threads));
  selected.variant->run({problem, selected.params, inputs, output.ref(), prepared, workspace, arena.parallel()});
  return output;
}

int apply(const Options& options) {
  load(options.plugins);
  const auto selected = select(options);
  const int threads = options.threads.value_or(usable_threads());
  require_writable(options.out);
  const auto arrays = read_user_arrays({options.q, options.k, options.v, options.mask});
  const auto problem = problem_of(options, arrays);
  require_possible(selected, problem, threads);
  const auto inputs = arrays.tensors.inputs(problem);
  require_finite_where_seen(arrays, problem, inputs);

  const auto start = std::chrono::steady_clock::now();
  const auto output = run_once(selected, problem, inputs, options.seed, threads);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (first_not_finite(output)) {
    std::cerr << "attnbench: " << selected.label() << " gave a value that is not finite for " << to_string(problem)
              << "; nothing was written\n";
    return 1;
  }
  const auto shape = arrays.output_shape(problem);
  write_npy(options.out, shape, {output.data(), static_cast<std::size_t>(element_count(output.shape()))});
  std::cerr << fmt::format("{}: {} of {}, {} threads, {} in one unwarmed call\n", options.out, selected.label(), to_string(problem),
                           threads, seconds_text(elapsed.count()));
  return 0;
}

}  // namespace

void add_apply(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("apply", "Run one variant on your own .npy arrays and write its output.");
  command->add_option("VARIANT", options->variant, "the variant, see `attnbench list variants`")->required();
  command->add_option("--q", options->q, "queries")->type_name("FILE")->required();
  command->add_option("--k", options->k, "keys")->type_name("FILE")->required();
  command->add_option("--v", options->v, "values")->type_name("FILE")->required();
  command->add_option("--mask", options->mask, "boolean or additive mask")->type_name("FILE");
  command->add_option("--causal", options->causal, "top-left (row i sees keys up to i) or bottom-right (up to i + n_k - n_q)")
      ->type_name("ALIGNMENT")
      ->check(CLI::IsMember({"top-left", "bottom-right", "none"}));
  command->add_option("--scale", options->scale, "scale of the scores; default 1/sqrt(d)")->type_name("REAL");
  command->add_option("--softcap", options->softcap, "cap c of the scores: c tanh(s/c), before the mask")->type_name("REAL");
  command->add_option("-p,--param", options->params, "a parameter of the variant; repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command->add_option("--threads", options->threads, "threads; default: all cores this process may use")
      ->type_name("COUNT")
      ->check(CLI::Range(1, 1024));
  command->add_option("--seed", options->seed, "seed of weights and random patterns a variant makes; default 1")
      ->type_name("NUMBER");
  command->add_option("--out", options->out, "where to write the output")->type_name("FILE")->required();
  add_plugin_option(*command, options->plugins);
  command->footer(kFooter);
  command->callback([options, &line] { line.exit_code = apply(*options); });
}

}  // namespace attnbench
