#include "variants/api/problem.h"

#include <algorithm>
#include <cmath>

#include "variants/api/error.h"
#include "variants/api/number.h"

namespace attnbench {
namespace {

constexpr double kMaxElements = 1099511627776.0;    // 2^40, of one tensor
constexpr double kMaxScores = 72057594037927936.0;  // 2^56, all (query, key) pairs: their bytes still fit 64 bits

std::string pair_text(std::int64_t a, std::int64_t b) {
  return a == b ? std::to_string(a) : std::to_string(a) + ":" + std::to_string(b);
}

std::string bound_text(std::int64_t bound) { return bound == Window::kUnbounded ? "inf" : std::to_string(bound); }

[[noreturn]] void reject(std::string_view token, const std::string& expected) {
  throw UserError("problem: cannot read '" + std::string(token) + "'; expected " + expected);
}

template <class T>
T parse(std::string_view text, std::string_view token, const char* expected) {
  const auto value = parse_number<T>(text);
  if (!value) reject(token, expected);
  return *value;
}

// "a" or "a:b" after a one-letter name.
void parse_pair(std::string_view token, std::int64_t& a, std::int64_t& b, const char* expected) {
  const auto text = token.substr(1);
  const auto colon = text.find(':');
  a = parse<std::int64_t>(text.substr(0, colon), token, expected);
  b = colon == std::string_view::npos ? a : parse<std::int64_t>(text.substr(colon + 1), token, expected);
}

std::int64_t parse_bound(std::string_view text, std::string_view token) {
  if (text == "inf") return Window::kUnbounded;
  const auto bound = parse<std::int64_t>(text, token, "window=LEFT:RIGHT, each a count >= 0 or inf");
  if (bound < 0) reject(token, "window=LEFT:RIGHT, each a count >= 0 or inf");
  return bound;
}

Window parse_window(std::string_view value, std::string_view token) {
  const auto colon = value.find(':');
  if (colon == std::string_view::npos) reject(token, "window=LEFT:RIGHT, each a count >= 0 or inf");
  return {parse_bound(value.substr(0, colon), token), parse_bound(value.substr(colon + 1), token)};
}

DenseMask parse_mask(std::string_view value, std::string_view token) {
  constexpr const char* kExpected = "mask=bool or mask=additive, with :b, :h or :bh where it differs per batch or head";
  const auto colon = value.find(':');
  const auto kind = value.substr(0, colon);
  const auto axes = colon == std::string_view::npos ? std::string_view{} : value.substr(colon + 1);
  DenseMask mask;
  mask.kind = kind == "bool" ? MaskKind::boolean : kind == "additive" ? MaskKind::additive : MaskKind::none;
  mask.per_batch = axes == "b" || axes == "bh";
  mask.per_head = axes == "h" || axes == "bh";
  const bool axes_known = axes.empty() ? colon == std::string_view::npos : mask.per_batch || mask.per_head;
  if (mask.kind == MaskKind::none || !axes_known) reject(token, kExpected);
  return mask;
}

std::vector<std::int64_t> parse_lengths(std::string_view value, std::string_view token) {
  std::vector<std::int64_t> lengths;
  while (true) {
    const auto comma = value.find(',');
    lengths.push_back(parse<std::int64_t>(value.substr(0, comma), token, "klen=L0,L1,... with one key length per batch entry"));
    if (comma == std::string_view::npos) return lengths;
    value.remove_prefix(comma + 1);
  }
}

void parse_setting(Problem& p, std::string_view token) {
  const auto equals = token.find('=');
  const auto name = token.substr(0, equals);
  const auto value = token.substr(equals + 1);
  if (name == "window") p.window = parse_window(value, token);
  else if (name == "klen") p.key_lengths = parse_lengths(value, token);
  else if (name == "mask") p.mask = parse_mask(value, token);
  else if (name == "scale") p.scale = parse<double>(value, token, "scale=REAL");
  else if (name == "softcap") p.softcap = parse<double>(value, token, "softcap=REAL above 0");
  else reject(token, "one of window= klen= mask= scale= softcap=");
}

// The usual words for how many key/value heads there are. The string of a problem has the numbers instead.
bool is_head_sharing(std::string_view token) { return token == "mha" || token == "gqa" || token == "mqa"; }

void apply_head_sharing(Problem& p, std::string_view word) {
  if (word == "mqa" && p.heads_kv == p.heads_q) p.heads_kv = 1;
  const bool agrees = word == "mha" ? p.heads_kv == p.heads_q : word == "mqa" ? p.heads_kv == 1 : p.heads_kv < p.heads_q;
  if (agrees) return;
  const char* expected = word == "mha"   ? "one key/value head per query head, as in h32"
                         : word == "mqa" ? "one key/value head, as in h32 or h32:1"
                                         : "fewer key/value heads than query heads, as in h32:8";
  reject(word, expected + std::string(", not h") + pair_text(p.heads_q, p.heads_kv));
}

constexpr const char* kTokens =
    "bN hN nN dN mha gqa mqa f32 bf16 f16 f64 causal causal-top-left causal-bottom-right window= klen= mask= scale= softcap=";

void parse_token(Problem& p, std::string_view token) {
  if (const auto dtype = parse_float_dtype(token)) p.dtype = *dtype;
  else if (is_head_sharing(token)) return;  // applied once the heads are known
  else if (token == "causal" || token == "causal-top-left") p.causal = Causal::top_left;
  else if (token == "causal-bottom-right") p.causal = Causal::bottom_right;
  else if (token.find('=') != std::string_view::npos) parse_setting(p, token);
  else if (token[0] == 'b') p.batch = parse<std::int64_t>(token.substr(1), token, "bN");
  else if (token[0] == 'h') parse_pair(token, p.heads_q, p.heads_kv, "hN or hQUERY:KEY_VALUE");
  else if (token[0] == 'n') parse_pair(token, p.n_q, p.n_k, "nN or nQUERY:KEY");
  else if (token[0] == 'd') parse_pair(token, p.d_qk, p.d_v, "dN or dQK:V");
  else reject(token, kTokens);
}

// What a token sets: two tokens that set the same are a contradiction.
std::string_view subject_of(std::string_view token) {
  if (is_head_sharing(token)) return "mha, gqa or mqa";
  if (token.starts_with("causal")) return "causal";
  const auto equals = token.find('=');
  if (equals != std::string_view::npos) return token.substr(0, equals);
  return parse_float_dtype(token) ? "element type" : token.substr(0, 1);
}

void require(bool condition, const std::string& message) {
  if (!condition) throw UserError("problem: " + message);
}

}  // namespace

double Problem::effective_scale() const { return scale ? *scale : 1.0 / std::sqrt(static_cast<double>(d_qk)); }

std::string to_string(const Problem& p) {
  std::string text = "b" + std::to_string(p.batch) + " h" + pair_text(p.heads_q, p.heads_kv) + " n" + pair_text(p.n_q, p.n_k) +
                     " d" + pair_text(p.d_qk, p.d_v) + " " + name_of(p.dtype);
  if (p.causal != Causal::none) text += p.n_q == p.n_k ? std::string(" causal") : std::string(" causal-") + name_of(p.causal);
  if (p.window) text += " window=" + bound_text(p.window->left) + ":" + bound_text(p.window->right);
  if (!p.key_lengths.empty()) {
    text += " klen=";
    for (std::size_t i = 0; i < p.key_lengths.size(); ++i) text += (i ? "," : "") + std::to_string(p.key_lengths[i]);
  }
  if (p.mask.kind != MaskKind::none) {
    text += p.mask.kind == MaskKind::boolean ? " mask=bool" : " mask=additive";
    if (p.mask.per_batch || p.mask.per_head)
      text += std::string(":") + (p.mask.per_batch ? "b" : "") + (p.mask.per_head ? "h" : "");
  }
  if (p.scale) text += " scale=" + number_text(*p.scale);
  if (p.softcap) text += " softcap=" + number_text(*p.softcap);
  return text;
}

Problem parse_problem(std::string_view text) {
  Problem p;
  bool bare_causal = false;
  std::string_view head_sharing;
  std::vector<std::string_view> subjects;
  while (!text.empty()) {
    const auto space = text.find(' ');
    const auto token = text.substr(0, space);
    if (!token.empty()) {
      parse_token(p, token);
      if (std::find(subjects.begin(), subjects.end(), subject_of(token)) != subjects.end())
        reject(token, std::string(subject_of(token)) + " to be given once");
      subjects.push_back(subject_of(token));
    }
    bare_causal |= token == "causal";
    if (is_head_sharing(token)) head_sharing = token;
    if (space == std::string_view::npos) break;
    text.remove_prefix(space + 1);
  }
  if (!head_sharing.empty()) apply_head_sharing(p, head_sharing);
  if (bare_causal && p.n_q != p.n_k) reject("causal", "causal-top-left or causal-bottom-right, because n_q and n_k differ");
  if (p.causal != Causal::none && p.n_q == p.n_k) p.causal = Causal::top_left;  // the alignments agree; keep one
  validate(p);
  return p;
}

void validate(const Problem& p) {
  const auto positive = [](const char* name, std::int64_t value) {
    require(value >= 1, std::string(name) + " is " + std::to_string(value) + "; it must be at least 1");
  };
  positive("batch", p.batch);
  positive("heads", p.heads_q);
  positive("key/value heads", p.heads_kv);
  positive("n_q", p.n_q);
  positive("n_k", p.n_k);
  positive("d_qk", p.d_qk);
  positive("d_v", p.d_v);
  require(p.heads_q % p.heads_kv == 0,
          "heads h" + pair_text(p.heads_q, p.heads_kv) + ": the key/value heads must divide the query heads");
  const double rows = static_cast<double>(p.batch) * p.heads_q * std::max(p.n_q, p.n_k);
  require(rows * std::max(p.d_qk, p.d_v) <= kMaxElements,
          "a tensor of " + to_string(p) + " would have more than 2^40 elements; choose smaller sizes");
  require(rows * static_cast<double>(p.n_k) <= kMaxScores,
          to_string(p) + " has more than 2^56 (query, key) pairs; choose smaller sizes");
  // A bound is added to positions, so it may not come near the end of 64 bits.
  const auto is_bound = [](std::int64_t bound) {
    return (bound >= 0 && static_cast<double>(bound) <= kMaxElements) || bound == Window::kUnbounded;
  };
  require(!p.window || (is_bound(p.window->left) && is_bound(p.window->right)),
          "window bounds must be counts from 0 to 2^40, or inf for none");
  require(
      p.key_lengths.empty() || static_cast<std::int64_t>(p.key_lengths.size()) == p.batch,
      std::to_string(p.key_lengths.size()) + " key lengths for batch " + std::to_string(p.batch) + "; give one per batch entry");
  for (const auto length : p.key_lengths)
    require(length >= 0 && length <= p.n_k, "key length " + std::to_string(length) + " lies outside 0.." + std::to_string(p.n_k));
  require(!p.scale || std::isfinite(*p.scale), "scale is not finite; give a finite number");
  require(!p.softcap || (std::isfinite(*p.softcap) && *p.softcap > 0), "softcap must be a finite number above 0");
}

KeyRange visible_keys(const Problem& p, std::int64_t batch, std::int64_t row) {
  KeyRange keys{0, p.n_k};
  const auto position = p.position(row);
  if (p.causal != Causal::none) keys.end = std::min(keys.end, position + 1);
  if (p.window && p.window->left != Window::kUnbounded) keys.begin = std::max(keys.begin, position - p.window->left);
  if (p.window && p.window->right != Window::kUnbounded) keys.end = std::min(keys.end, position + p.window->right + 1);
  keys.end = std::min(keys.end, p.key_count(batch));
  return keys.begin < keys.end ? keys : KeyRange{};
}

double visible_pairs(const Problem& p) {
  if (p.causal == Causal::none && !p.window && p.key_lengths.empty())
    return static_cast<double>(p.batch) * p.heads_q * p.n_q * p.n_k;
  const std::int64_t distinct = p.key_lengths.empty() ? 1 : p.batch;
  double pairs = 0;
  for (std::int64_t b = 0; b < distinct; ++b)
    for (std::int64_t i = 0; i < p.n_q; ++i) pairs += static_cast<double>(visible_keys(p, b, i).size());
  return pairs * p.heads_q * (p.batch / distinct);
}

double compulsory_bytes(const Problem& p) {
  const double queries = static_cast<double>(p.batch) * p.heads_q * p.n_q * (p.d_qk + p.d_v);
  const double keys = static_cast<double>(p.batch) * p.heads_kv * p.n_k * (p.d_qk + p.d_v);
  double mask = 0;
  if (p.mask.kind != MaskKind::none)
    mask = static_cast<double>(p.mask.per_batch ? p.batch : 1) * (p.mask.per_head ? p.heads_q : 1) * p.n_q * p.n_k *
           static_cast<double>(element_size(p.mask.kind == MaskKind::additive ? DType::f32 : DType::u8));
  return static_cast<double>(element_size(p.dtype)) * (queries + keys) + mask;
}

double dense_flops(const Problem& p) { return 2.0 * p.batch * p.heads_q * p.n_q * p.n_k * (p.d_qk + p.d_v); }

const char* name_of(Causal causal) {
  return causal == Causal::none ? "none" : causal == Causal::top_left ? "top-left" : "bottom-right";
}

}  // namespace attnbench
