"""If this fails, adding a variant takes more than adding a file, or the page that explains it is wrong.

The snippet of docs/add-a-variant.md and what new-variant writes are dropped into a copy of the sources, built, and must
appear in list, verify, run and report.
"""

import json
import os
import re
import shutil

import pytest

from .conftest import ROOT, records, run


@pytest.fixture(scope="module")
def binary_with_average(binary, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy") / "attnbench"
    for name in run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).stdout.splitlines():
        if name.split("/")[0] in ("tests", "docs", "results") or not (ROOT / name).exists():
            continue
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    snippet = re.search(r"```cpp\n(.*?)```", (ROOT / "docs/add-a-variant.md").read_text(), re.DOTALL)
    (copy / "variants/averaging").mkdir()  # a family that is not there yet
    (copy / "variants/averaging/average.cpp").write_text(snippet.group(1))
    assert run(binary, "new-variant", "fresh", cwd=copy).returncode == 0
    environment = os.environ | {"CCACHE_BASEDIR": str(copy), "CCACHE_NOHASHDIR": "1"}
    for command in (
        ["cmake", "--preset", "release", "-DATTNBENCH_TESTS=OFF"],
        ["cmake", "--build", "--preset", "release", "--target", "attnbench"],
    ):
        built = run(*command, cwd=copy, env=environment, timeout=900)
        assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    return copy / "build/attnbench"


def test_one_new_file_is_listed_verified_run_and_reported(binary_with_average, tmp_path):
    binary = binary_with_average
    assert {"average", "fresh"} <= {v["name"] for v in json.loads(run(binary, "list", "variants", "--json").stdout)}
    verified = run(
        binary, "verify", "--variants", "average,fresh", "-a", "n=1,17,64", "--dataset", "gaussian", "--json"
    )
    assert verified.returncode == 0, verified.stderr
    assert {r["status"] for r in json.loads(verified.stdout)} == {"ok"}

    directory = tmp_path / "run"
    python = {"ATTNBENCH_PYTHON": os.environ.get("ATTNBENCH_PYTHON", str(ROOT / ".venv/bin/python"))}
    selection = ("--plan", "smoke", "--variants", "average,naive")
    done = run(binary, "run", *selection, "--out", directory, env=os.environ | python)
    assert done.returncode == 0, done.stderr
    assert ("average", "time", "ok") in {(r["variant_name"], r["kind"], r["status"]) for r in records(directory)}
    assert "average" in (directory / "report/report.html").read_text()
