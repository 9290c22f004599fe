// The subcommands of attnbench, one file each. add_x() declares the options of x and what it does; what it does leaves its exit
// code in `exit_code` and throws UserError for a mistake of the user's.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace attnbench {

constexpr int kInterrupted = 130;  // exit code after Ctrl-C or SIGTERM, as a shell gives it

/// What every command gets.
struct CommandLine {
  std::vector<std::string> arguments;  // argv
  int exit_code = 0;
};

void add_list(CLI::App& app, CommandLine& line);
void add_describe(CLI::App& app, CommandLine& line);
void add_plan(CLI::App& app, CommandLine& line);
void add_run(CLI::App& app, CommandLine& line);
void add_verify(CLI::App& app, CommandLine& line);
void add_apply(CLI::App& app, CommandLine& line);
void add_profile(CLI::App& app, CommandLine& line);
void add_runs(CLI::App& app, CommandLine& line);
void add_report(CLI::App& app, CommandLine& line);
void add_compare(CLI::App& app, CommandLine& line);
void add_export(CLI::App& app, CommandLine& line);
void add_merge(CLI::App& app, CommandLine& line);
void add_plugin(CLI::App& app, CommandLine& line);
void add_new_variant(CLI::App& app, CommandLine& line);
void add_calibrate(CLI::App& app, CommandLine& line);
void add_doctor(CLI::App& app, CommandLine& line);
void add_worker(CLI::App& app, CommandLine& line);
void add_add_round(CLI::App& app, CommandLine& line);

/// Parses the arguments and carries out the command. Returns the exit code: 0 ok, 1 a case failed, 2 a mistake in the
/// arguments or inputs, 3 what --fail-on asked for, 130 interrupted.
int run_command_line(int argc, char** argv);

}  // namespace attnbench
