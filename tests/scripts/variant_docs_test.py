"""If these fail, README.md or docs/variants.md says other things of the variants than their descriptors."""

import os
import re
import subprocess
import sys
from pathlib import Path

import make_variant_docs
import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("ATTNBENCH_BINARY", ROOT / "build/attnbench")).resolve()
VARIANT = {
    "name": "quick", "family": "sparse", "summary": "a | b", "paper": "Doe & Roe 2020, Quick, section 3; Poe 2021",
    "equation": "o = q", "computes": "masked_softmax", "time_label": "O(n sqrt(n) d)", "memory_label": "O(d^2)",
    "supports": ["causal", "n_q != n_k"], "needs": ["causal"], "laws": ["score_shift"],
    "params": [{"name": "keep", "help": "keys | kept", "type": "integer", "default": 64.0, "min": 1.0, "max": 4e9}],
    "extras": [{"name": "beta", "shape": [1, 8, 1024, 1], "fill": "sigmoid(0)", "help": "write strength"}],
}  # fmt: skip
OTHER = VARIANT | {"name": "plain", "family": "exact", "needs": [], "params": [], "extras": []}


def test_the_readme_has_a_line_per_family_in_a_fixed_order():
    variants = [VARIANT, OTHER, OTHER | {"name": "also", "family": "zeta"}]
    lines = make_variant_docs.readme_table(variants).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == ["| exact", "| sparse", "| zeta"]
    assert lines[1].endswith("| [`quick`](docs/variants.md#quick) |")


def test_only_the_table_between_its_marks_is_replaced():
    page = f"before\n{make_variant_docs.BEGIN}old\n{make_variant_docs.END}after\n"
    made = make_variant_docs.with_table(page, [VARIANT])
    assert made.startswith("before\n") and made.endswith("after\n") and "old" not in made and "`quick`" in made
    assert make_variant_docs.with_table(made, [VARIANT]) == made
    with pytest.raises(SystemExit):
        make_variant_docs.with_table("no marks", [VARIANT])


def test_the_page_says_what_the_descriptor_says():
    page = make_variant_docs.page([VARIANT])
    assert "| [`quick`](#quick) | sparse | O(n √n d) | O(d²) |  | yes |  | yes | Doe & Roe 2020 |" in page
    assert "### quick\n\na | b\n\n```\no = q\n```\n" in page
    assert "| `keep` | 64 | 1 or more | keys \\| kept |" in page
    assert "| `beta` | sigmoid(0) | write strength |" in page
    for line in ("- Needs: causal", "- Laws: score_shift", "- Paper: Doe & Roe 2020, Quick, section 3; Poe 2021"):
        assert line in page.splitlines()


def test_a_law_without_a_meaning_is_refused():
    with pytest.raises(SystemExit, match="no meaning for odd"):
        make_variant_docs.page([VARIANT | {"laws": ["odd"]}])


def test_the_figure_is_made_from_a_stored_run(tmp_path):
    make = "import pathlib, synthetic_runs; synthetic_runs.make_run(pathlib.Path('run'))"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests/reports")}
    subprocess.run([sys.executable, "-c", make], cwd=tmp_path, env=environment, check=True)
    call = [ROOT / "scripts/make-readme-figure.sh", tmp_path / "run", tmp_path / "time.svg"]
    environment = os.environ | {"ATTNBENCH_BINARY": str(BINARY)}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figure = (tmp_path / "time.svg").read_text(encoding="utf-8")
    assert figure.startswith("<?xml") and re.search(r">\s*blockwise: ", figure)
