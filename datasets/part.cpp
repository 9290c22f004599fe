#include "datasets/part.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

namespace attnbench {
namespace {

std::vector<std::string> tokens_of(std::string_view text) {
  std::vector<std::string> tokens;
  while (!text.empty()) {
    const auto space = std::min(text.find(' '), text.size());
    if (space > 0) tokens.emplace_back(text.substr(0, space));
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return tokens;
}

std::string joined(const std::vector<std::string>& tokens) {
  std::string text;
  for (const auto& token : tokens) text += (text.empty() ? "" : " ") + token;
  return text;
}

// "b", "h", "n" or "d" for a size such as h32:8, "mask" for a dense mask, "" for anything else.
std::string_view size_or_mask(std::string_view token) {
  if (token.starts_with("mask=")) return "mask";
  const bool size = token.size() > 1 && std::string_view("bhnd").find(token[0]) != std::string_view::npos &&
                    std::isdigit(static_cast<unsigned char>(token[1]));
  return size ? token.substr(0, 1) : std::string_view();
}

// "h=32:8", "n=512", "mask=bool:b": a token of a problem as the value of an axis.
std::string as_axis(std::string_view token) {
  const auto name = size_or_mask(token);
  return name == "mask" ? std::string(token) : std::string(name) + "=" + std::string(token.substr(1));
}

std::string token_of(const Problem& p, std::string_view name) {
  for (const auto& token : tokens_of(to_string(p)))
    if (size_or_mask(token) == name) return token;
  return std::string(name) + "=none";  // no dense mask
}

// Asks and remedies of one misfit, collected.
struct Differences {
  std::string asked, remedy;

  void add(const std::string& ask, const std::string& flags) {
    asked += (asked.empty() ? "" : ", ") + ask;
    remedy += (remedy.empty() ? "" : " ") + flags;
  }
};

bool whole_groups(const Problem& held, const Problem& asked) {
  return asked.heads_kv <= held.heads_kv && asked.heads_q % asked.heads_kv == 0 &&
         asked.heads_q / asked.heads_kv == held.heads_q / held.heads_kv;
}

// The heads of the file nearest to those asked for, in whole groups: "h=8:2".
std::string nearest_heads(const Problem& held, const Problem& asked) {
  const auto group = held.heads_q / held.heads_kv;
  Problem near = held;
  near.heads_kv = std::clamp((asked.heads_q + group / 2) / group, std::int64_t{1}, held.heads_kv);
  near.heads_q = near.heads_kv * group;
  return as_axis(token_of(near, "h"));
}

void compare_dims(const Problem& held, const Problem& asked, Differences& found) {
  if (asked.d_qk == held.d_qk && asked.d_v == held.d_v) return;
  const bool equal = held.d_qk == held.d_v;
  found.add(as_axis(token_of(asked, "d")), equal ? "-a d=" + std::to_string(held.d_qk)
                                                 : "-a dqk=" + std::to_string(held.d_qk) + " -a dv=" + std::to_string(held.d_v));
}

// What is there, where the file has fewer tokens than asked for.
void compare_tokens(const Problem& held, const Problem& asked, Differences& found) {
  if (asked.n_q <= held.n_q && asked.n_k <= held.n_k) return;
  const auto n_q = std::min(asked.n_q, held.n_q), n_k = std::min(asked.n_k, held.n_k);
  found.add(as_axis(token_of(asked, "n")),
            n_q == n_k ? "-a n=" + std::to_string(n_q) : "-a nq=" + std::to_string(n_q) + " -a nk=" + std::to_string(n_k));
}

}  // namespace

std::optional<Misfit> misfit_of(const Problem& held, const Problem& asked, const std::string& dataset) {
  Differences found;
  std::string why;
  if (asked.batch > held.batch) found.add("b=" + std::to_string(asked.batch), "-a b=" + std::to_string(held.batch));
  if (!whole_groups(held, asked)) {
    found.add(as_axis(token_of(asked, "h")), "-a h=" + nearest_heads(held, asked).substr(2));
    const auto group = held.heads_q / held.heads_kv;
    if (group > 1) why = " (groups of " + std::to_string(group) + " query heads share a key head and stay whole)";
  }
  compare_dims(held, asked, found);
  if (asked.mask.kind != MaskKind::none && held.mask.kind != MaskKind::none && !(asked.mask == held.mask))
    found.add(token_of(asked, "mask"), "-a " + token_of(held, "mask"));
  const bool only_tokens = found.asked.empty();
  compare_tokens(held, asked, found);
  if (found.asked.empty()) return std::nullopt;
  return Misfit{dataset + " holds " + sizes_text(held) + why + ", the problem asks for " + found.asked + "; use " + found.remedy,
                only_tokens};
}

std::string cut_text(const Problem& held, const Problem& asked) {
  const auto part = [](std::int64_t used, std::int64_t all, const char* what) {
    return std::to_string(used) + " of " + std::to_string(all) + " " + what;
  };
  std::string text;
  if (asked.heads_q != held.heads_q) text = part(asked.heads_q, held.heads_q, "query heads");
  if (asked.heads_kv != held.heads_kv && held.heads_kv != held.heads_q)
    text += (text.empty() ? "" : ", ") + part(asked.heads_kv, held.heads_kv, "key heads");
  if (asked.batch != held.batch) text += (text.empty() ? "" : ", ") + part(asked.batch, held.batch, "batch entries");
  return text;
}

std::string sizes_text(const Problem& problem) {
  std::vector<std::string> tokens;
  for (const auto& token : tokens_of(to_string(problem)))
    if (!size_or_mask(token).empty()) tokens.push_back(token);
  return joined(tokens);
}

std::string completed(const std::string& problem_text, const Problem& held) {
  auto tokens = tokens_of(problem_text);
  const auto given = tokens;
  for (const auto& token : tokens_of(sizes_text(held))) {
    const auto sets_the_same = [&](const std::string& other) { return size_or_mask(other) == size_or_mask(token); };
    if (std::none_of(given.begin(), given.end(), sets_the_same)) tokens.push_back(token);
  }
  return joined(tokens);
}

std::string without_sizes(const std::string& problem_text) {
  auto tokens = tokens_of(problem_text);
  std::erase_if(tokens, [](const std::string& token) {
    const auto name = size_or_mask(token);
    return !name.empty() && name != "mask";
  });
  return joined(tokens);
}

}  // namespace attnbench
