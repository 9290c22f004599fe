#!/usr/bin/env python3
"""Writes docs/variants.md and README.md's table of variants from what the descriptors say.

scripts/make_variant_docs.py build/attnbench            writes both
scripts/make_variant_docs.py build/attnbench --check    exits 1 when one of them is out of date
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README, PAGE = ROOT / "README.md", ROOT / "docs/variants.md"
BEGIN = "<!-- variants: written by scripts/make_variant_docs.py; do not edit -->\n"
END = "<!-- end of variants -->\n"

FAMILIES = {
    "exact": "every query meets every key it may see",
    "sparse": "a fixed pattern of keys for each query",
    "selection": "keys chosen from the data for each query",
    "low_rank": "keys or weights through a few landmarks",
    "kernelized": "a feature map in place of the exponential, so that sums over keys come first",
    "recurrent": "a state of fixed size, read and updated position by position",
    "composed": "a whole layer around attention",
    "mixing": "no attention at all: what it is compared with",
}
COMPUTES = {
    "exact_softmax": "exact softmax attention",
    "masked_softmax": "softmax attention under a pattern of its own",
    "approximates_softmax": "an approximation of softmax attention",
    "own_definition": "a function of its own, not softmax attention",
}
LAWS = {
    "row_stochastic": "weights of a row sum to 1",
    "key_permutation": "permuting keys and values together changes nothing",
    "independent_heads": "a head depends on its own inputs only",
    "score_shift": "a constant added to all scores changes nothing",
    "weights_readable": "linear in V, so that V = I gives the weights",
    "causal_to_rounding": "less than is asked of all others: the future may change the past by rounding errors",
    "constant_row_sum": "V = 1 gives one and the same number on every row",
    "scale_invariance": "the length of a query or a key changes nothing",
}
PROBLEMS = {
    "self": frozenset(),
    "causal self": frozenset({"causal"}),
    "cross": frozenset({"n_q != n_k"}),
    "causal cross": frozenset({"causal", "n_q != n_k"}),
}
INTRODUCTION = f"""# Variants

{BEGIN}
Every variant of this build, family by family: what it computes, what it costs, what it can do and which laws its
output keeps. `attnbench describe NAME` prints the same with the cost at a problem of your choice. Letters: n positions,
d the dimension of a head, q_i, k_j and v_j the rows of Q, K and V, s_ij = q_i . k_j / sqrt(d) unless said otherwise.

*Computes* says what the output is judged against: the float64 softmax, the same under the variant's pattern, or the
variant's own float64 oracle. *Laws* are tested for every variant that claims them:

"""


def short_paper(text: str) -> str:
    """`Dao et al. 2022` of `Dao et al. 2022, FlashAttention, algorithm 1; ...`: the first authors and the year."""
    found = re.match(r".*?\d{4}", text)
    return found[0] if found else text


def formula(label: str) -> str:
    """`O(n² d)` of `O(n^2 d)`, `n √n` of `n sqrt(n)`."""
    return re.sub(r"sqrt\((\w+)\)", r"√\1", label).replace("^2", "²").replace("^3", "³")


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def by_family(variants: list[dict]) -> list[tuple[str, list[dict]]]:
    """Families in the order above, new ones behind; in each the variants by name."""
    known = list(FAMILIES)
    names = {v["family"] for v in variants}
    order = sorted(names, key=lambda f: (known.index(f) if f in known else len(known), f))
    return [(f, sorted((v for v in variants if v["family"] == f), key=lambda v: v["name"])) for f in order]


def link(variant: dict, page: str = "") -> str:
    return f"[`{variant['name']}`]({page}#{variant['name']})"


def readme_table(variants: list[dict]) -> str:
    """A line per family."""
    rows = [
        f"| {family} | {FAMILIES.get(family, '')} | {', '.join(link(v, 'docs/variants.md') for v in members)} |\n"
        for family, members in by_family(variants)
    ]
    return "| family | idea | variants |\n|---|---|---|\n" + "".join(rows)


def with_table(page: str, variants: list[dict]) -> str:
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{README.name} lacks the lines {BEGIN.strip()!r} and {END.strip()!r} around its table")
    return before + begin + readme_table(variants) + end + after


def overview(variants: list[dict]) -> str:
    """One line per variant: cost, paper and which of the four common problems it can run."""
    head = ["variant", "family", "time", "extra memory", *PROBLEMS, "paper"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for family, members in by_family(variants):
        for v in members:
            can = ["yes" if runs(v, needed) else "" for needed in PROBLEMS.values()]
            cost = [formula(v["time_label"]), formula(v["memory_label"])]
            lines.append("| " + " | ".join([link(v), family, *cost, *can, cell(short_paper(v["paper"]))]) + " |")
    return "\n".join(lines) + "\n"


def runs(variant: dict, needed: frozenset[str]) -> bool:
    return needed <= set(variant["supports"]) and set(variant["needs"]) <= needed


def number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e9 else f"{value:g}"


def default(param: dict) -> str:
    return param["default"] if param["type"] == "choice" else number(param["default"])


def values(param: dict) -> str:
    if param["type"] == "choice":
        return cell(param["choices"]) if param["choices"] else "text"
    low, high = param["min"], param["max"]
    return f"{number(low)} or more" if high >= 1e9 else f"{number(low)} to {number(high)}"


def parameters(variant: dict) -> str:
    if not variant["params"]:
        return ""
    rows = [f"| `{p['name']}` | {default(p)} | {values(p)} | {cell(p['help'])} |\n" for p in variant["params"]]
    return "\n| parameter | default | values | meaning |\n|---|---|---|---|\n" + "".join(rows)


def extra_inputs(variant: dict) -> str:
    if not variant["extras"]:
        return ""
    rows = [f"| `{e['name']}` | {e['fill']} | {cell(e['help'])} |\n" for e in variant["extras"]]
    return "\n| extra input | filled with | meaning |\n|---|---|---|\n" + "".join(rows)


def section(variant: dict) -> str:
    facts = {
        "Computes": COMPUTES[variant["computes"]],
        "Time": formula(variant["time_label"]),
        "Extra memory": formula(variant["memory_label"]),
        "Supports": ", ".join(variant["supports"]),
        "Needs": ", ".join(variant["needs"]),
        "Laws": ", ".join(variant["laws"]),
        "Paper": variant["paper"],
    }
    equation = f"```\n{variant['equation']}\n```\n\n" if variant["equation"] else ""
    lines = "".join(f"- {name}: {text}\n" for name, text in facts.items() if text)
    head = f"### {variant['name']}\n\n{variant['summary']}\n\n{equation}"
    return head + lines + parameters(variant) + extra_inputs(variant) + "\n"


def page(variants: list[dict]) -> str:
    unknown = {law for v in variants for law in v["laws"]} - LAWS.keys()
    if unknown:
        raise SystemExit(f"no meaning for {', '.join(sorted(unknown))}; add it to LAWS in {Path(__file__).name}")
    laws = "".join(f"- `{name}`: {meaning}\n" for name, meaning in LAWS.items())
    text = INTRODUCTION + laws + "\n" + overview(variants) + "\n"
    for family, members in by_family(variants):
        title = f"## {family}" + (f": {FAMILIES[family]}" if family in FAMILIES else "")
        text += title + "\n\n" + "".join(section(v) for v in members)
    return text.rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=Path, help="the built attnbench")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    listed = subprocess.run([options.binary, "list", "variants", "--json"], capture_output=True, text=True, check=True)
    variants = json.loads(listed.stdout)
    wanted = {README: with_table(README.read_text(encoding="utf-8"), variants), PAGE: page(variants)}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if options.check:
            print(f"{path} is out of date; run scripts/make_variant_docs.py {options.binary}", file=sys.stderr)
        else:
            path.write_text(wanted[path], encoding="utf-8")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
