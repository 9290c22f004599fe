#!/usr/bin/env python3
"""Writes README.md's table of variants from what their descriptors say.

scripts/make_readme_table.py build/attnbench            writes the table
scripts/make_readme_table.py build/attnbench --check    exits 1 when the table is out of date
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "README.md"
BEGIN = "<!-- variants: written by scripts/make_readme_table.py; do not edit -->\n"
END = "<!-- end of variants -->\n"
HEAD = "| family | variant | what it does | paper | time | extra memory |\n|---|---|---|---|---|---|\n"


def short_paper(text: str) -> str:
    """`Dao et al. 2022` of `Dao et al. 2022, FlashAttention, algorithm 1; ...`: the first authors and the year."""
    found = re.match(r".*?\d{4}", text)
    return found[0] if found else text


def formula(label: str) -> str:
    """`O(n² d)` of `O(n^2 d)`, `n √n` of `n sqrt(n)`."""
    return re.sub(r"sqrt\((\w+)\)", r"√\1", label).replace("^2", "²")


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def table(variants: list[dict]) -> str:
    """One line per variant, family by family, both in the order of their names."""
    rows = [
        (v["family"], f"`{v['name']}`", cell(v["summary"]), cell(short_paper(v["paper"])), formula(v["time_label"]),
         formula(v["memory_label"]))
        for v in sorted(variants, key=lambda v: (v["family"], v["name"]))
    ]  # fmt: skip
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_table(page: str, variants: list[dict]) -> str:
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE.name} lacks the lines {BEGIN.strip()!r} and {END.strip()!r} around its table")
    return before + begin + table(variants) + end + after


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=Path, help="the built attnbench")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    listed = subprocess.run([options.binary, "list", "variants", "--json"], capture_output=True, text=True, check=True)
    page = PAGE.read_text(encoding="utf-8")
    wanted = with_table(page, json.loads(listed.stdout))
    if not options.check:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    if page == wanted:
        return 0
    print(f"{PAGE} is out of date; run scripts/make_readme_table.py {options.binary}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
