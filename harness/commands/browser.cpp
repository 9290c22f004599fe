#include "harness/commands/browser.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace attnbench {

void open_in_browser(const std::string& page) {
  const char* chosen = std::getenv("BROWSER");
  std::string program = chosen && *chosen ? chosen : "xdg-open";
  std::string path = std::filesystem::absolute(page).string();
  char* arguments[] = {program.data(), path.data(), nullptr};
  pid_t child = 0;
  int status = 0;
  const bool opened = ::posix_spawnp(&child, program.c_str(), nullptr, nullptr, arguments, environ) == 0 &&
                      ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!opened)
    std::cerr << "attnbench: could not start a browser with '" << program << "'; open " << path
              << " yourself, or set BROWSER to a program that can\n";
}

}  // namespace attnbench
