// Plain output: names, reasons and paths come from files and plugins and may hold anything; a terminal obeys escape sequences.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace attnbench {

/// The text with control and direction characters written out, "\u001b", and '?' for bytes that are not UTF-8. Line feeds and tabs
/// stay. What JSON strings may hold stays the same JSON.
std::string printable(std::string_view text);

/// While it lives, everything that a stream prints goes through printable().
class PlainOutput {
 public:
  explicit PlainOutput(std::ostream& stream);
  ~PlainOutput();
  PlainOutput(const PlainOutput&) = delete;
  PlainOutput& operator=(const PlainOutput&) = delete;

 private:
  class Buffer : public std::streambuf {
   public:
    explicit Buffer(std::streambuf* target) : target_(target) {}
    std::streambuf* target() const { return target_; }

   protected:
    int_type overflow(int_type c) override;
    std::streamsize xsputn(const char* text, std::streamsize size) override;
    int sync() override { return target_->pubsync(); }

   private:
    std::streambuf* target_;
    std::string begun_;  // the first bytes of a character whose others are still to come
  };

  std::ostream& stream_;
  Buffer buffer_;
};

}  // namespace attnbench
