// HelpFormatter: how --help looks. Our own so that the text, and docs/cli.md made from it, is the same with every CLI11 version:
// usage, description, options with wrapped help, subcommands, examples.
#pragma once

#include <CLI/CLI.hpp>

namespace attnbench {

class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

}  // namespace attnbench
