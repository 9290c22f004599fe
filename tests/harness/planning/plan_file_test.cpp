// If these fail, a plan file is read as something else than it says, or a slip in one goes unnoticed.
#include "harness/planning/plan_file.h"

#include <algorithm>

#include "harness/planning/case.h"
#include "harness/planning/plan.h"
#include "harness/planning/plan_builder.h"
#include "harness/support/text.h"
#include "tests/catch.h"
#include "variants/api/error.h"

using namespace attnbench;

namespace {

std::string message(const char* toml) {
  try {
    parse_plan(toml, "mine.toml");
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

constexpr const char* kEverySetting = R"(
name = "mine"
summary = "a plan with every key"
profile = "standard"
cache = "cold"
seed = 7
rounds = 4
samples = 5
min_sample_seconds = 0.001
warmup_seconds = 0
cap_seconds = 9.5
timeout_seconds = 60
max_call_seconds = 1
memory_budget = "2g"
weights = false
datasets = ["gaussian"]
variants = ["naive"]
axes = ["n=4,8"]

[[sweep]]
problems = ["b1 h2 n4 d4 f32"]

[[sweep]]
variants = ["linear", "naive"]
axes = ["d=4"]
)";

}  // namespace

TEST_CASE("every key of a plan file is read") {
  const auto spec = parse_plan(kEverySetting, "mine.toml");
  CHECK(spec.name == "mine");
  CHECK(spec.summary == "a plan with every key");
  CHECK(spec.profile == Profile::standard);
  CHECK(spec.cache == CacheMode::cold);
  CHECK(spec.seed == 7);
  CHECK(spec.rounds == 4);
  CHECK(spec.samples == 5);
  CHECK(spec.min_sample_seconds == 0.001);
  CHECK(spec.warmup_seconds == 0.0);
  CHECK(spec.cap_seconds == 9.5);
  CHECK(spec.timeout_seconds == 60.0);
  CHECK(spec.max_call_seconds == 1.0);
  CHECK(spec.memory_budget == 2147483648.0);
  CHECK_FALSE(spec.weights);
}

TEST_CASE("a sweep takes from the top of the file what it leaves out") {
  const auto spec = parse_plan(kEverySetting, "mine.toml");
  REQUIRE(spec.sweeps.size() == 2);
  CHECK(spec.sweeps[0].variants == std::vector<std::string>{"naive"});
  CHECK(spec.sweeps[0].axes == std::vector<std::string>{"n=4,8"});
  CHECK(spec.sweeps[0].problems == std::vector<std::string>{"b1 h2 n4 d4 f32"});
  CHECK(spec.sweeps[1].variants == std::vector<std::string>{"linear", "naive"});
  CHECK(spec.sweeps[1].axes == std::vector<std::string>{"d=4"});
  CHECK(spec.sweeps[1].datasets == std::vector<std::string>{"gaussian"});
}

TEST_CASE("a file without sweep tables is one sweep") {
  const auto spec = parse_plan("axes = [\"n=1\"]", "mine.toml");
  REQUIRE(spec.sweeps.size() == 1);
  CHECK(spec.sweeps[0].axes == std::vector<std::string>{"n=1"});
}

TEST_CASE("a spec written as TOML parses back to itself") {
  const auto once = to_toml(parse_plan(kEverySetting, "mine.toml"));
  CHECK(to_toml(parse_plan(once, "again")) == once);
  CHECK(once.find("a plan with every key") != std::string::npos);
}

TEST_CASE("a text of a plan keeps every newline it has") {
  const auto spec = parse_plan("summary = \"\\nmine\\n\"\nproblems = [\"b1 h1 n8 d8 f32\"]\n", "mine.toml");
  REQUIRE(spec.summary == "\nmine\n");
  CHECK(parse_plan(to_toml(spec), "again").summary == spec.summary);
}

TEST_CASE("a plan names the plugins its variants come from, and keeps them") {
  const auto spec = parse_plan("plugins = [\"external\"]\nvariants = [\"numpy_sdpa\"]", "mine.toml");
  CHECK(spec.plugins == std::vector<std::string>{"external"});
  const auto plan = build_plan(spec);
  REQUIRE(plan.cases().size() == 1);
  CHECK(parse_plan(plan.resolved_toml, "again").plugins == spec.plugins);

  PlanSpec unknown = spec;
  unknown.plugins = {"no_such"};
  CHECK_THROWS_WITH(build_plan(unknown), Catch::Matchers::StartsWith("no plugin 'no_such' is shipped with this attnbench"));
  unknown.plugins = {"/nowhere/libfoo.so"};
  CHECK_THROWS_WITH(build_plan(unknown), Catch::Matchers::StartsWith("plan mine.toml would load the plugin /nowhere/libfoo.so; "));
  unknown.trust_plugins = true;
  CHECK_THROWS_WITH(build_plan(unknown), Catch::Matchers::StartsWith("plugin /nowhere/libfoo.so: "));
}

TEST_CASE("mistakes in a plan file are one line naming the key and the remedy") {
  CHECK(message("varants = [\"naive\"]").find("plan mine.toml: unknown key 'varants'; known: variants, datasets") == 0);
  CHECK(message("[[sweep]]\nrounds = 3").find("unknown key 'rounds'; known: variants, datasets, problems, axes") !=
        std::string::npos);
  CHECK(message("name = \"a\nb\"").find("plan mine.toml, line 1: ") == 0);
  CHECK(message("\n\nname =").find("plan mine.toml, line 3: ") == 0);
  for (const char* header : {"[{", "[[=", "[[[1]]]"})  // where toml++ up to 3.4 breaks an assertion of its own
    CHECK(message(header).find("plan mine.toml") == 0);
  CHECK(message("axes = \"n=1\"").find("axes must be a list of strings") != std::string::npos);
  CHECK(message("axes = [1]").find("axes must be a string") != std::string::npos);
  CHECK(message("rounds = 0").find("rounds must be a whole number from 1") != std::string::npos);
  CHECK(message("rounds = 2.5").find("rounds must be a whole number") != std::string::npos);
  CHECK(message("warmup_seconds = -1").find("warmup_seconds must be a number from 0") != std::string::npos);
  CHECK(message("warmup_seconds = inf").find("warmup_seconds must be a number from 0") != std::string::npos);
  CHECK(message("weights = \"yes\"").find("weights must be true or false") != std::string::npos);
  CHECK(message("memory_budget = \"lots\"").find("memory_budget must be bytes") != std::string::npos);
  CHECK(message("profile = \"fast\"").find("unknown profile 'fast'; choose quick, standard or rigorous") != std::string::npos);
  CHECK(message("sweep = 3").find("[[sweep]]") != std::string::npos);
  CHECK(message("seed = -1").find("seed must be a whole number") != std::string::npos);
}

TEST_CASE("a plan's name is the name of a folder, not a path") {
  for (const std::string name : {"x/../../../y", "..", ".", "", "/", "a\\u001b[31m", "a\\nb"})
    CHECK_THROWS_WITH(parse_plan("name = \"" + name + "\"", "mine.toml"),
                      Catch::Matchers::StartsWith("plan mine.toml: name must be a name of at most 100 bytes"));
  CHECK_THROWS_AS(parse_plan("name = \"" + std::string(101, 'x') + "\"", "mine.toml"), UserError);
  CHECK(parse_plan("name = \"llama 3, 8b\"", "mine.toml").name == "llama 3, 8b");
}

TEST_CASE("seconds and bytes beyond all use are refused") {
  for (const char* key : {"cap_seconds", "timeout_seconds", "warmup_seconds", "min_sample_seconds", "max_call_seconds"})
    CHECK_THROWS_AS(parse_plan(std::string(key) + " = 1e308", "mine.toml"), UserError);
  CHECK_THROWS_AS(parse_plan("memory_budget = 1e308", "mine.toml"), UserError);
  CHECK_THROWS_AS(parse_plan("memory_budget = \"1e30t\"", "mine.toml"), UserError);
}

TEST_CASE("a plan that is not a file is refused, not waited for") {
  CHECK_THROWS_WITH(load_plan("/dev/zero"), Catch::Matchers::StartsWith("cannot read /dev/zero: it is not a regular file"));
}

TEST_CASE("an unknown plan names the nearest, an unreadable file its path") {
  CHECK_THROWS_WITH(load_plan("defualt"), "unknown plan 'defualt'; did you mean 'default'?");
  CHECK_THROWS_WITH(load_plan("/nowhere/plan.toml"),
                    "cannot read /nowhere/plan.toml: No such file or directory; give a TOML file or a shipped plan's name");
  CHECK_THROWS_AS(load_plan("/"), UserError);
}

TEST_CASE("every shipped plan is named after its file, explained, and has cases to run") {
  const auto plans = shipped_plans();
  for (const char* promised : {"default",
                               "smoke",
                               "scaling",
                               "heads",
                               "bert-base",
                               "gpt2-prefill",
                               "gpt2-decode",
                               "transformer-base",
                               "vit-b16",
                               "wav2vec2-base",
                               "longformer-4096",
                               "zoo",
                               "table-1",
                               "survey",
                               "mha",
                               "gqa",
                               "mqa",
                               "llama3-8b-prefill",
                               "llama3-8b-decode",
                               "kernels",
                               "external"}) {
    INFO(promised);
    CHECK(std::find(plans.begin(), plans.end(), promised) != plans.end());
  }
  for (const auto& name : plans) {
    INFO(name);
    auto spec = load_plan(name);
    CHECK(spec.name == name);
    CHECK(spec.summary.size() > 20);
    spec.memory_budget = 1e12;
    const auto plan = build_plan(spec);
    const auto cases = plan.cases();
    const auto planned =
        std::count_if(cases.begin(), cases.end(), [](const Case* one) { return one->status == CaseStatus::planned; });
    CHECK(planned >= 4);
  }
}
