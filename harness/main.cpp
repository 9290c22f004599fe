// attnbench: see harness/commands/commands.h for the command line.
#include "harness/commands/commands.h"

int main(int argc, char** argv) { return attnbench::run_command_line(argc, argv); }
