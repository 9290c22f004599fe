"""If these fail, README.md shows another table or figure than the suite makes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import make_readme_table
import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("ATTNBENCH_BINARY", ROOT / "build/attnbench")).resolve()
VARIANT = {
    "name": "quick", "family": "sparse", "summary": "a | b", "paper": "Doe & Roe 2020, Quick, section 3; Poe 2021",
    "time_label": "O(n sqrt(n) d)", "memory_label": "O(d^2)",
}  # fmt: skip


def test_a_row_says_what_the_descriptor_says():
    (row,) = make_readme_table.table([VARIANT]).splitlines()[2:]
    assert row == "| sparse | `quick` | a \\| b | Doe & Roe 2020 | O(n √n d) | O(d²) |"


def test_only_the_table_between_its_marks_is_replaced():
    page = f"before\n{make_readme_table.BEGIN}old\n{make_readme_table.END}after\n"
    made = make_readme_table.with_table(page, [VARIANT])
    assert made.startswith("before\n") and made.endswith("after\n") and "old" not in made and "`quick`" in made
    assert make_readme_table.with_table(made, [VARIANT]) == made
    with pytest.raises(SystemExit):
        make_readme_table.with_table("no marks", [VARIANT])


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
