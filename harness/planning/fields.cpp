#include "harness/planning/fields.h"

#include <cmath>

#include "harness/support/text.h"
#include "variants/api/error.h"
#include "variants/api/number.h"

namespace attnbench {
namespace {

[[noreturn]] void reject(const char* name, std::string_view value, const char* expected) {
  throw UserError("axis value " + std::string(name) + "=" + std::string(value) + ": expected " + expected);
}

std::int64_t size(const char* name, std::string_view value) {
  const auto count = parse_count(value);
  if (!count || *count < 1) reject(name, value, "a count from 1 up, such as 512 or 4k");
  return *count;
}

double real(const char* name, std::string_view value) {
  const auto number = parse_number<double>(value);
  if (!number || !std::isfinite(*number)) reject(name, value, "a finite number, or none");
  return *number;
}

void set_heads(Problem& p, std::string_view value) {
  const auto colon = value.find(':');
  p.heads_q = size("h", value.substr(0, colon));
  p.heads_kv = colon == std::string_view::npos ? p.heads_q : size("h", value.substr(colon + 1));
}

void set_causal(Problem& p, std::string_view value) {
  if (value == "none") p.causal = Causal::none;
  else if (value == "top-left") p.causal = Causal::top_left;
  else if (value == "bottom-right") p.causal = Causal::bottom_right;
  else reject("causal", value, "none, top-left or bottom-right");
}

// The problem string knows how to read these; only `none` is the axes' own.
template <class Field>
void set_from_token(Problem& p, Field Problem::*field, const char* name, std::string_view value, const char* expected) {
  p.*field = {};
  if (value == "none") return;
  if (value.find(' ') != std::string_view::npos) reject(name, value, expected);
  try {
    p.*field = parse_problem(std::string(name) + "=" + std::string(value)).*field;
  } catch (const UserError&) {
    reject(name, value, expected);
  }
}

void set_window(Problem& p, std::string_view value) {
  set_from_token(p, &Problem::window, "window", value, "LEFT:RIGHT keys around the diagonal, such as 127:0 or inf:0, or none");
}

void set_mask(Problem& p, std::string_view value) {
  set_from_token(p, &Problem::mask, "mask", value, "none, bool or additive, with :b, :h or :bh where it differs per batch or head");
}

// One length for every batch entry, whatever order the axes come in.
void set_key_length(Problem& p, std::string_view value) {
  p.key_lengths.clear();
  if (value == "none") return;
  const auto length = parse_count(value);
  if (!length) reject("klen", value, "a count of keys, or none");
  if (p.batch > 65536) reject("klen", value, "a batch of at most 65536");
  p.key_lengths.assign(static_cast<std::size_t>(p.batch), *length);
}

void set_scale(Problem& p, std::string_view value) {
  p.scale.reset();
  if (value != "none") p.scale = real("scale", value);
}

void set_softcap(Problem& p, std::string_view value) {
  p.softcap.reset();
  if (value != "none") p.softcap = real("softcap", value);
}

constexpr ProblemField kFields[] = {
    {"b", "COUNT", "batch", [](Problem& p, std::string_view v) { p.batch = size("b", v); }, true, true},
    {"h", "COUNT | Q:KV", "heads; 32:8 is 32 query heads over 8 key/value heads", set_heads, true, true},
    {"n", "COUNT", "sequence length, of queries and keys", [](Problem& p, std::string_view v) { p.n_q = p.n_k = size("n", v); },
     true, true},
    {"d", "COUNT", "head dimension, of queries, keys and values",
     [](Problem& p, std::string_view v) { p.d_qk = p.d_v = size("d", v); }, true, true},
    {"nq", "COUNT", "number of queries", [](Problem& p, std::string_view v) { p.n_q = size("nq", v); }, false, true},
    {"nk", "COUNT", "number of keys", [](Problem& p, std::string_view v) { p.n_k = size("nk", v); }, false, true},
    {"dqk", "COUNT", "dimension of queries and keys", [](Problem& p, std::string_view v) { p.d_qk = size("dqk", v); }, false, true},
    {"dv", "COUNT", "dimension of values", [](Problem& p, std::string_view v) { p.d_v = size("dv", v); }, false, true},
    {"causal", "none | top-left | bottom-right", "causal mask and where its diagonal starts", set_causal, false},
    {"window", "LEFT:RIGHT | none", "sliding window of the problem itself, such as 127:0", set_window, false},
    {"klen", "COUNT | none", "number of keys that count, in every batch entry", set_key_length, false},
    {"mask", "none | bool | additive", "dense mask, with :b, :h or :bh where it differs per batch or head", set_mask, false},
    {"scale", "REAL | none", "scale of the scores; none is 1/sqrt(d)", set_scale, false},
    {"softcap", "REAL | none", "cap c of the scores: c tanh(s/c)", set_softcap, false},
};

}  // namespace

std::span<const ProblemField> problem_fields() { return kFields; }

const ProblemField* find_problem_field(std::string_view name) {
  for (const auto& field : kFields)
    if (name == field.name) return &field;
  return nullptr;
}

}  // namespace attnbench
