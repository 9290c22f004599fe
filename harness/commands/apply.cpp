// apply: one variant on the user's own arrays, in this process. How outsiders check us against their own model.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <optional>

#include "datasets/extra_array.h"
#include "datasets/npy.h"
#include "harness/commands/commands.h"
#include "harness/commands/plugin_options.h"
#include "harness/commands/user_arrays.h"
#include "harness/measure/parallel_tbb.h"
#include "harness/planning/cost_model.h"
#include "harness/planning/plan_builder.h"
#include "harness/planning/selection.h"
#include "harness/plugins/catalogue.h"
#include "harness/support/available_memory.h"
#include "harness/support/text.h"
#include "harness/support/units.h"
#include "harness/worker/weights.h"
#include "variants/api/error.h"
#include "variants/api/oracle.h"
#include "variants/api/variant_call.h"

namespace attnbench {
namespace {

constexpr std::int64_t kMostWeights = std::int64_t{1} << 26;  // 256 MiB of float32

constexpr const char* kFooter =
    R"(Arrays are .npy files, or arrays of an .npz or .safetensors file: x.safetensors:NAME, or x.npz alone when it calls them q, k and v.
They are float16, bfloat16, float32 or float64, shaped [b, h, n, d], [h, n, d] or [n, d], with --layout bnhd [b, n, h, d] or
[n, h, d]; all three alike. Keys and values may have fewer heads (GQA), and n of their own. NaN and infinity are refused, except in
keys and values that no query may see.

A boolean mask, or an integer one of 0 and 1, is true where attention is allowed; a float mask is added to the scores, and -inf
masks a key. Masks broadcast to the scores [b, h, n_q, n_k] as in NumPy: [n_q, n_k], [b, 1, 1, n_k] and [n_k] all do.

An extra input of a variant (a gate, a beta) is an array of floats too, shaped as `attnbench describe` shows, where axes of 1 may be
left out; with --inputs it may lie beside the others under its name.

The output is float32 [b, h_q, n_q, d_v], in the layout and with as many axes as the queries. --lse is float64 [b, h_q, n_q]: the
logarithm of the sum of exp(score) over the keys a row sees, -inf where it sees none, computed in float64 from the definition.
--weights is float32 [b, h_q, n_q, n_k]: what the variant really applied, read off with the identity as values; at most 2^26
numbers, such as 32 heads of 1024 tokens.

Examples:
  attnbench apply blockwise --q Q.npy --k K.npy --v V.npy --out O.npy
  attnbench apply naive --inputs 'x.safetensors(q=h.0.q,k=h.0.k,v=h.0.v)' --causal bottom-right --lse L.npy --out O.npy
  attnbench apply naive --q x.npz:Q --k x.npz:K --v x.npz:V --layout bnhd --klen 100,80 --weights W.npy
  attnbench apply sliding_window --q Q.npy --k K.npy --v V.npy -p window=64 --causal top-left --threads 2 --out O.npy)";

struct Options {
  std::string variant, inputs, q, k, v, mask, layout, causal = "none", window, key_lengths, out, lse, weights;
  std::optional<double> scale, softcap;
  std::vector<std::string> params, extras;
  std::optional<int> threads;
  std::uint64_t seed = 1;
  PluginOptions plugins;
};

VariantConfig select(const Options& options) {
  auto selection = parse_selection({&options.variant, 1}, known_variants());
  if (selection.size() > 1) throw UserError("apply takes one variant, not '" + options.variant + "'");
  for (const auto& setting : options.params) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) throw UserError("parameter '" + setting + "': expected NAME=VALUE, for example -p window=64");
    set_param(selection[0], setting.substr(0, equals), setting.substr(equals + 1));
  }
  return selection[0];
}

UserFiles chosen_files(const Options& options) {
  const bool separate = !options.q.empty() || !options.k.empty() || !options.v.empty();
  if (!options.inputs.empty() && separate) throw UserError("--inputs names all of Q, K and V; leave out --q, --k and --v");
  if (options.inputs.empty() && (options.q.empty() || options.k.empty() || options.v.empty()))
    throw UserError("Q, K and V are needed: give --q FILE --k FILE --v FILE, or --inputs FILE");
  UserFiles files;
  if (separate) files = {parse_array_source(options.q), parse_array_source(options.k), parse_array_source(options.v), {}, {}};
  else files = files_of(options.inputs);
  if (!options.mask.empty()) files.mask = parse_array_source(options.mask);
  if (!options.layout.empty()) files.layout = parse_layout(options.layout);
  return files;
}

Window window_of(const std::string& text) {
  if (text.find(' ') == std::string::npos) try {
      return *parse_problem("window=" + text).window;
    } catch (const UserError&) {  // said below, by the option's name
    }
  throw UserError("--window '" + text + "': expected LEFT:RIGHT keys around the diagonal, such as 127:0 or inf:0");
}

// One length for every batch entry, or one each.
std::vector<std::int64_t> key_lengths_of(const std::string& text, const Problem& problem) {
  std::vector<std::int64_t> lengths;
  for (const auto& entry : split_list(text)) {
    const auto length = parse_count(entry);
    if (!length) throw UserError("--klen '" + text + "': expected a count of keys, or one for each batch entry such as 100,80");
    lengths.push_back(*length);
  }
  if (lengths.size() == 1) lengths.resize(static_cast<std::size_t>(problem.batch), lengths[0]);
  return lengths;
}

Problem problem_of(const Options& options, const UserArrays& arrays) {
  Problem problem = arrays.problem();
  if (options.causal != "none") problem.causal = options.causal == "top-left" ? Causal::top_left : Causal::bottom_right;
  if (!options.window.empty()) problem.window = window_of(options.window);
  if (!options.key_lengths.empty()) problem.key_lengths = key_lengths_of(options.key_lengths, problem);
  problem.scale = options.scale;
  problem.softcap = options.softcap;
  validate(problem);
  return problem;
}

// An extra input of the variant: "gate [2, 2, 12, 1]".
std::string needed_text(const std::vector<InputSpec>& specs) {
  std::vector<std::string> words;
  for (const auto& spec : specs) words.push_back(spec.name + " " + shape_text(spec.shape));
  return words.empty() ? "none" : join(words, ", ") + " ([b, h, n, d]; --extra NAME=FILE)";
}

// Where --extra says that inputs lie, by name.
std::map<std::string, ArraySource> named_files(const Options& options, const VariantConfig& config,
                                               const std::vector<InputSpec>& specs) {
  std::map<std::string, ArraySource> files;
  for (const auto& text : options.extras) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UserError("--extra '" + text + "': expected NAME=FILE, for example --extra beta=beta.npy");
    const auto name = text.substr(0, equals);
    if (std::none_of(specs.begin(), specs.end(), [&](const InputSpec& spec) { return spec.name == name; }))
      throw UserError("--extra '" + text + "': " + config.label() + " has no input '" + name +
                      "'; its extra inputs: " + needed_text(specs));
    auto source = parse_array_source(text.substr(equals + 1));
    if (source.name.empty() && !source.path.ends_with(".npy")) source.name = name;
    if (!files.emplace(name, source).second) throw UserError("--extra '" + text + "': " + name + " is given twice");
  }
  return files;
}

// The extra inputs of the variant: the files that --extra names, or arrays of their names beside those of --inputs.
void load_extras(const Options& options, const VariantConfig& config, const UserArrays& arrays, const Problem& problem,
                 NamedTensors& tensors) {
  const auto specs = config.extras(problem);
  const auto files = named_files(options, config, specs);
  for (const auto& spec : specs) {
    const auto given = files.find(spec.name);
    const ArraySource beside{arrays.files.q.path, spec.name};
    if (given == files.end() && (options.inputs.empty() || !has_array(beside)))
      throw UserError(config.label() + " needs the input '" + spec.name + "'; its extra inputs: " + needed_text(specs));
    const auto& source = given == files.end() ? beside : given->second;
    const auto array = open_array(source, "--extra " + spec.name + "=");
    tensors.extras.set(spec.name, extra_part(array, spec, problem, problem, arrays.files.layout, in_quotes(source.text())));
  }
}

void require_outputs(const Options& options) {
  if (options.out.empty() && options.lse.empty() && options.weights.empty())
    throw UserError("nothing to write: give --out FILE, --lse FILE or --weights FILE");
  for (const auto& path : {options.out, options.lse, options.weights})
    if (!path.empty()) require_writable(path);
}

void require_log_sum_exp(const Variant& variant) {
  if (variant.computes == Computes::exact_softmax || variant.computes == Computes::masked_softmax) return;
  throw UserError(std::string("--lse: ") + variant.name + " has no log-sum-exp, because it does not compute a softmax of scaled " +
                  "scores over the keys (it " +
                  (variant.computes == Computes::approximates_softmax ? "approximates one" : "has a definition of its own") +
                  "); choose an exact or a sparse variant");
}

void require_weights(const Variant& variant, const Problem& p) {
  if (!(variant.laws & kWeightsReadable))
    throw UserError(std::string("--weights: the output of ") + variant.name +
                    " is not a weighted sum of the values, so it applies no matrix; choose another variant");
  const double count =
      static_cast<double>(p.batch) * static_cast<double>(p.heads_q) * static_cast<double>(p.n_q) * static_cast<double>(p.n_k);
  if (count > static_cast<double>(kMostWeights))
    throw UserError(fmt::format("--weights: {} has {:.0f} weights, more than the {} that are written; give fewer tokens or heads",
                                to_string(p), count, kMostWeights));
}

void require_possible(const VariantConfig& config, const Problem& problem, int threads) {
  const auto reasons = unsupported_reasons(*config.variant, problem, config.params);
  if (!reasons.empty())
    throw UserError(join(reasons, "; ") + " (the problem is " + to_string(problem) +
                    "); choose another variant, see attnbench list");
  if (const auto reason = too_many_threads(threads); !reason.empty()) throw UserError(reason);
  const double needed = predict(config, problem, threads).peak_bytes, available = available_memory_bytes();
  if (needed > available)
    throw UserError(
        fmt::format("{} needs {} of memory for {}, {} are available; choose a variant with less extra memory, such as blockwise",
                    config.label(), bytes_text(needed), to_string(problem), bytes_text(available)));
}

// Position of the first element that is not finite, if any.
std::optional<std::int64_t> first_not_finite(const Tensor& tensor) {
  for (std::int64_t i = 0; i < element_count(tensor.shape()); ++i)
    if (!std::isfinite(tensor.data()[i])) return i;
  return std::nullopt;
}

// Starts from NaN, so that an element the variant does not write is noticed.
Tensor run_once(const VariantConfig& config, const Problem& problem, const Inputs& inputs, std::uint64_t seed, int threads) {
  ThreadArena arena(threads);
  Tensor output(output_shape(problem));
  std::fill_n(output.data(), element_count(output.shape()), std::numeric_limits<float>::quiet_NaN());
  VariantCall(*config.variant, config.params, problem, seed, arena.parallel()).run(inputs, output.ref());
  return output;
}

void write_log_sum_exp(const Options& options, const VariantConfig& config, const Problem& p, const Inputs& inputs,
                       const UserArrays& arrays, int threads) {
  ThreadArena arena(threads);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(p.n_q));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  std::vector<double> values(static_cast<std::size_t>(p.batch * p.heads_q * p.n_q));
  const auto prepared = prepare(*config.variant, p, config.params, options.seed, threads);
  dense_log_sum_exp({p, config.params, inputs, prepared, rows, values.data(), arena.parallel()}, config.variant->attends);
  write_npy(options.lse, arrays.as_queries({p.batch, p.heads_q, p.n_q}, 1), values);
}

void write_weights(const Options& options, const VariantConfig& config, const Problem& p, const Inputs& inputs,
                   const UserArrays& arrays, int threads) {
  ThreadArena arena(threads);
  const auto weights = read_weights(config, p, inputs, options.seed, arena.parallel());
  write_npy(options.weights, arrays.as_queries({p.batch, p.heads_q, p.n_q, p.n_k}), weights);
}

int apply(const Options& options) {
  load(options.plugins);
  const auto config = select(options);
  const int threads = options.threads.value_or(usable_threads());
  require_outputs(options);
  const auto arrays = open_user_arrays(chosen_files(options));
  const auto problem = problem_of(options, arrays);
  require_possible(config, problem, threads);
  if (!options.lse.empty()) require_log_sum_exp(*config.variant);
  if (!options.weights.empty()) require_weights(*config.variant, problem);
  auto tensors = arrays.load();
  load_extras(options, config, arrays, problem, tensors);
  const auto inputs = tensors.inputs(problem);
  require_finite_where_seen(arrays, problem, inputs);
  for (const auto& hint : arrays.hints()) std::cerr << "attnbench: note: " << hint << "\n";

  const auto start = std::chrono::steady_clock::now();
  const auto output = run_once(config, problem, inputs, options.seed, threads);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (first_not_finite(output)) {
    std::cerr << "attnbench: " << config.label() << " gave a value that is not finite for " << to_string(problem)
              << "; nothing was written\n";
    return 1;
  }
  if (!options.out.empty()) {
    const auto [shape, values] = arrays.in_layout_of_queries(output);
    write_npy(options.out, shape, values);
  }
  if (!options.lse.empty()) write_log_sum_exp(options, config, problem, inputs, arrays, threads);
  if (!options.weights.empty()) write_weights(options, config, problem, inputs, arrays, threads);
  std::vector<std::string> written;
  for (const auto& path : {options.out, options.lse, options.weights})
    if (!path.empty()) written.push_back(path);
  std::cerr << fmt::format("{}: {} of {}, {} threads, {} in one unwarmed call\n", join(written, ", "), config.label(),
                           to_string(problem), threads, seconds_text(elapsed.count()));
  return 0;
}

}  // namespace

void add_apply(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("apply", "Run one variant on your own arrays and write its output.");
  command->add_option("VARIANT", options->variant, "the variant, see `attnbench list variants`")->required();
  command->add_option("--q", options->q, "queries")->type_name("FILE[:NAME]");
  command->add_option("--k", options->k, "keys")->type_name("FILE[:NAME]");
  command->add_option("--v", options->v, "values")->type_name("FILE[:NAME]");
  command
      ->add_option("--inputs", options->inputs,
                   "all three, and a mask where there is one, from one file or folder, as --dataset file: takes it")
      ->type_name("FILE[(q=NAME,...)]");
  command->add_option("--mask", options->mask, "boolean or additive mask")->type_name("FILE[:NAME]");
  command->add_option("--extra", options->extras, "an extra input of the variant, see `attnbench describe`; repeatable")
      ->type_name("NAME=FILE")
      ->allow_extra_args(false);
  command->add_option("--layout", options->layout, "order of the axes of Q, K and V: bhnd (default) or bnhd")
      ->type_name("LAYOUT")
      ->check(CLI::IsMember({"bhnd", "bnhd"}));
  command->add_option("--causal", options->causal, "top-left (row i sees keys up to i) or bottom-right (up to i + n_k - n_q)")
      ->type_name("ALIGNMENT")
      ->check(CLI::IsMember({"top-left", "bottom-right", "none"}));
  command->add_option("--window", options->window, "sliding window of LEFT:RIGHT keys around the diagonal, such as 127:0 or inf:0")
      ->type_name("LEFT:RIGHT");
  command
      ->add_option("--klen", options->key_lengths,
                   "number of keys that count: one for every batch entry, or one each, such as 100,80")
      ->type_name("COUNT[,...]");
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
  command->add_option("--out", options->out, "where to write the output")->type_name("FILE");
  command->add_option("--lse", options->lse, "where to write the log-sum-exp of the scores of every row")->type_name("FILE");
  command->add_option("--weights", options->weights, "where to write the matrix that the variant applied")->type_name("FILE");
  add_plugin_option(*command, options->plugins);
  command->footer(kFooter);
  command->callback([options, &line] { line.exit_code = apply(*options); });
}

}  // namespace attnbench
