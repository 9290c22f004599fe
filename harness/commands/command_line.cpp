#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>

#include "harness/commands/commands.h"
#include "harness/commands/help_formatter.h"
#include "harness/support/build_info.h"
#include "harness/support/json.h"
#include "harness/support/plain_output.h"
#include "harness/support/text.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr const char* kFooter = R"(Start here:
  attnbench run                                     the default comparison, with its report
  attnbench plan                                    what that would do, and how long it would take
  attnbench run --variants naive,blockwise,linear -a n=256:16384:x2 --dataset text
  attnbench describe sliding_window                 one variant: equation, cost, parameters
  attnbench report @last --open                     the newest run's report, in the browser
  attnbench compare @last~1 @last                   what became faster or slower
  attnbench apply blockwise --q Q.npy --k K.npy --v V.npy --out O.npy

Exit codes: 0 ok; 1 a case failed; 2 a mistake in the arguments or inputs; 3 what --fail-on asked for; 130 interrupted.
`attnbench COMMAND --help` explains a command.)";

std::string version_text() {
  const auto& info = build_info();
  return std::string("attnbench ") + info.version + " (git " + std::string(info.git_sha).substr(0, 12) +
         (info.git_dirty ? ", modified" : "") + "; " + info.compiler + "; " + info.build_type + ")";
}

// One line on standard error, whatever characters the user's value carried.
void complain(const std::string& message) {
  std::string line = "attnbench: " + message;
  for (char& c : line)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  std::cerr << line << std::endl;
}

std::vector<std::string> long_options(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// The innermost command the user typed ("plugin check "), or the program itself.
struct Chosen {
  const CLI::App& command;
  std::string path;
  std::size_t words = 0;
};

Chosen chosen(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  if (commands.empty()) return {app, "", 0};
  const auto inner = chosen(*commands.front());
  return {inner.command, commands.front()->get_name() + " " + inner.path, inner.words + 1};
}

std::string usage_message(const CLI::App& app, const CommandLine& line, const CLI::ParseError& error) {
  const auto& [command, path, words] = chosen(app);
  const auto help = "see attnbench " + path + "--help";
  std::vector<std::string> commands;
  for (const auto* c : command.get_subcommands([](const CLI::App* c) { return !c->get_group().empty(); }))
    commands.push_back(c->get_name());
  const auto typed = line.arguments.size() > words + 1 ? line.arguments[words + 1] : "";
  if (!commands.empty() && !typed.empty() && !typed.starts_with("-"))
    return "unknown command '" + typed + "'" + suggestion(typed, commands) + " (" + help + ")";
  if (!commands.empty() && typed.empty()) return "give a command: " + join(commands, ", ") + " (" + help + ")";
  for (const auto& argument : line.arguments) {
    if (argument == "--") break;
    const auto name = argument.substr(0, argument.find('='));
    const auto known = long_options(command);
    if (!name.starts_with("--") || name == "--" || std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto nearest = nearest_name(name, known);
    return "unknown option " + name + (nearest.empty() ? "" : "; did you mean " + nearest + "?") + " (" + help + ")";
  }
  return std::string(error.what()) + " (" + help + ")";
}

void add_commands(CLI::App& app, CommandLine& line) {
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "print this help and exit");
  app.set_version_flag("--version", version_text, "print version, commit and compiler, and exit");
  app.get_option("--version")->type_size(0);
  app.require_subcommand(1);
  app.footer(kFooter);
  add_list(app, line);
  add_describe(app, line);
  add_plan(app, line);
  add_run(app, line);
  add_verify(app, line);
  add_apply(app, line);
  add_profile(app, line);
  add_runs(app, line);
  add_report(app, line);
  add_compare(app, line);
  add_export(app, line);
  add_merge(app, line);
  add_plugin(app, line);
  add_new_variant(app, line);
  add_calibrate(app, line);
  add_doctor(app, line);
  add_worker(app, line);
  add_add_round(app, line);
}

// What follows -- in `compare ... -- OPTIONS` is for the commands that compare starts.
int count_to_parse(const std::vector<std::string>& arguments) {
  const bool passes_on = arguments.size() > 1 && arguments[1] == "compare";
  const auto end = passes_on ? std::find(arguments.begin(), arguments.end(), "--") : arguments.end();
  return static_cast<int>(end - arguments.begin());
}

int parse_and_run(CLI::App& app, CommandLine& line, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return line.exit_code;
  } catch (const CLI::Success& help_or_version) {
    return app.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    complain(usage_message(app, line, error));
    return kUsage;
  }
}

int carry_out(int argc, char** argv) {
  CommandLine line{.arguments = {argv, argv + argc}};
  try {
    CLI::App app("attnbench measures attention variants: which is right, how fast, with how much memory, at which length.",
                 "attnbench");
    add_commands(app, line);
    return parse_and_run(app, line, count_to_parse(line.arguments), argv);
  } catch (const UserError& error) {
    complain(error.what());
    return kUsage;
  } catch (const std::filesystem::filesystem_error& error) {  // a name too long, a folder that may not be entered
    complain("cannot use " + error.path1().string() + ": " + error.code().message());
    return kUsage;
  } catch (const std::bad_alloc&) {
    complain("out of memory; choose smaller sizes");
  } catch (const Json::type_error& error) {
    constexpr int kNotUtf8 = 316;  // nlohmann::json's number of that error
    if (error.id == kNotUtf8) {
      complain("a name holds bytes that are not UTF-8, which no stored run can hold; choose other names");
      return kUsage;
    }
    complain(std::string("internal error: ") + error.what());
  } catch (const std::exception& error) {
    complain(std::string("internal error: ") + error.what());
  }
  return kFailed;
}

// Whether everything printed has arrived; a full disk shows when the buffer is written out.
bool output_arrived() {
  const bool printed = std::cout.flush().good();
  return std::fflush(stdout) == 0 && printed && std::ferror(stdout) == 0;
}

// A standard stream that the caller has closed would be the number of the next file that is opened, and what is printed would land
// in that file. /dev/null takes its place, opened so that using it is an error.
void occupy_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  occupy_standard_streams();
  const PlainOutput output(std::cout), errors(std::cerr);
  ::signal(SIGXFSZ, SIG_IGN);  // a file at the limit of `ulimit -f` is an error of that write, not the end of the process
  const int code = carry_out(argc, argv);
  if (output_arrived()) return code;
  complain(std::string("cannot write to standard output: ") + std::strerror(errno));
  return code == 0 ? kFailed : code;
}

}  // namespace attnbench
