// What the fuzz targets share. A target (<name>_fuzz.cpp) feeds bytes to one parser and states what must hold for whatever it
// accepts; an input that breaks an invariant, or that makes anything but a UserError escape, ends the process and is kept.
//
// Built by clang with libFuzzer (preset `fuzz`, scripts/fuzz.sh), or by any compiler with replay_main.cpp, which runs the committed
// corpus through the same checks as an ordinary test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "variants/api/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace attnbench::fuzz {

/// Ends the process unless the invariant holds.
inline void require(bool holds, const char* invariant) {
  if (holds) return;
  std::fprintf(stderr, "broken invariant: %s\n", invariant);
  std::abort();
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

/// What f returns; nothing when it refuses its input with a UserError that says why.
template <class F>
auto accepted(F&& f) -> std::optional<decltype(f())> {
  try {
    return f();
  } catch (const UserError& error) {
    require(*error.what() != '\0', "a refusal says why");
    return std::nullopt;
  }
}

}  // namespace attnbench::fuzz
