// If these fail, a name in a stored run or a plugin's text commands the user's terminal.
#include "harness/support/plain_output.h"

#include <sstream>

#include "tests/catch.h"

namespace attnbench {
namespace {

// What a stream prints of these pieces.
template <class... Pieces>
std::string printed(const Pieces&... pieces) {
  std::ostringstream stream;
  {
    const PlainOutput plain(stream);
    (void)(stream << ... << pieces);
  }
  return stream.str();
}

TEST_CASE("control and direction characters are written out, and everything else stays") {
  CHECK(printed("a\x1b[2Jb\x07\r\n\tc\x7f") == "a\\u001b[2Jb\\u0007\\u000d\n\tc\\u007f");
  CHECK(printed("\xc2\x9b"
                "31m") == "\\u009b31m");
  CHECK(printed("\xe2\x80\xae"
                "gpj") == "\\u202egpj");
  CHECK(printed("naïve 3 µs \xf0\x9f\x98\x80", 42, 'x') ==
        "naïve 3 µs \xf0\x9f\x98\x80"
        "42x");
}

TEST_CASE("bytes that are not UTF-8 are question marks: a terminal in another encoding obeys some of them") {
  CHECK(printed("a\x9b"
                "b\xff") == "a?b?");
}

TEST_CASE("a character that comes in pieces is one character") {
  CHECK(printed('\xc2', '\x9b') == "\\u009b");
  CHECK(printed("\xe2\x82", "\xac") == "\xe2\x82\xac");
  CHECK(printed("\xc2", "a") == "?a");
}

TEST_CASE("a stream is itself again afterwards, and its errors stay") {
  std::ostringstream stream;
  {
    const PlainOutput plain(stream);
    stream.setstate(std::ios::badbit);
  }
  CHECK(stream.bad());
  stream.clear();
  stream << "\x1b";
  CHECK(stream.str() == "\x1b");
}

}  // namespace
}  // namespace attnbench
