"""Libraries taken away one after the other. If this fails, a missing library takes more than its own rows along, or its
rows do not say why.

No library is needed: whether one is there is told by its metadata folder and its backend, so empty ones do for a plan.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .run_test import BINARY

PLUGIN = BINARY.resolve().parent / "external" / "attnbench_external.so"
PYTHON_PACKAGES = ("torch", "onnxruntime", "onnx", "openvino", "jax", "jaxlib", "numpy")
BACKENDS = ("torch", "onednn")
TORCH_ADAPTERS = {"torch_mha", "torch_flex"}
TORCH = {"torch_sdpa", "torch_sdpa_flash", "torch_sdpa_math", *TORCH_ADAPTERS}
ONNX_RUNTIME = {"ort_attention", "ort_mha", "ort_gqa"}
ROWS = {
    "package torch": ("PyTorch", TORCH),
    "package onnxruntime": ("ONNX Runtime", ONNX_RUNTIME),
    "package onnx": ("ONNX Runtime", ONNX_RUNTIME),
    "package openvino": ("OpenVINO", {"openvino_sdpa"}),
    "package jax": ("JAX", {"jax_sdpa"}),
    "package jaxlib": ("JAX", {"jax_sdpa"}),
    "backend torch": ("PyTorch", TORCH - TORCH_ADAPTERS),
    "backend onednn": ("oneDNN", {"onednn_sdpa"}),
}


def metadata(home: Path, package: str) -> Path:
    return home / "venv" / "lib" / "python3.11" / "site-packages" / f"{package}-1.2.3.dist-info"


def backend(home: Path, name: str) -> Path:
    return home / "backends" / f"{name}.so"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The plugin in a folder of its own, where everything seems to be set up."""
    shutil.copy(PLUGIN, tmp_path)
    for package in PYTHON_PACKAGES:
        metadata(tmp_path, package).mkdir(parents=True)
    for path in (tmp_path / "venv/bin/python", *(backend(tmp_path, name) for name in BACKENDS)):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "plan.toml").write_text(
        f'plugins = ["{tmp_path / PLUGIN.name}"]\n'
        'variants = ["naive", "family:external"]\n'
        'problems = ["b1 h8 n64 d64 f32 causal"]\n'
    )
    return tmp_path


def cases(home: Path) -> dict[str, dict]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATTNBENCH_")}
    command = [str(BINARY), "plan", "--plan", "plan.toml", "--json", "--trust-plugins"]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {case["variant"]: case for case in json.loads(done.stdout)["cases"]}


def take_away(home: Path, what: str) -> None:
    kind, name = what.split()
    if kind == "package":
        metadata(home, name).rmdir()
    else:
        backend(home, name).unlink()


def test_all_rows_are_planned_when_all_is_there(home):
    planned = cases(home)
    assert {case["status"] for case in planned.values()} == {"planned"}
    assert set().union(*(rows for _, rows in ROWS.values())) | {"naive", "numpy_sdpa"} == planned.keys()


@pytest.mark.parametrize("what", ROWS)
def test_one_that_is_missing_changes_only_its_rows(home, what):
    library, rows = ROWS[what]
    before = cases(home)
    take_away(home, what)
    after = cases(home)
    assert {variant for variant in after if after[variant] != before[variant]} == rows
    for variant in rows:
        assert after[variant]["status"] == "skipped"
        (reason,) = after[variant]["reasons"]
        assert reason.startswith(f"{variant} is not available here: {library} is not set up: no ")
        assert what.split()[1] in reason and "scripts/external.sh" in reason and "\n" not in reason


def test_the_script_is_named_where_it_is(home, tmp_path):
    shutil.rmtree(home / "venv")
    installed = cases(home)["jax_sdpa"]["reasons"][0]
    assert "set it up by scripts/external.sh in the sources of attnbench" in installed
    build = tmp_path / "tree/build/external"
    build.mkdir(parents=True)
    shutil.copy(PLUGIN, build)
    script = tmp_path / "tree/scripts/external.sh"
    script.parent.mkdir()
    script.touch()
    plan = home / "plan.toml"
    plan.write_text(plan.read_text().replace(str(tmp_path / PLUGIN.name), str(build / PLUGIN.name)))
    assert f"; {script} sets up what can be had" in cases(home)["jax_sdpa"]["reasons"][0]


def test_without_an_environment_only_what_needs_none_is_left(home):
    shutil.rmtree(home / "venv")
    after = cases(home)
    assert {variant for variant, case in after.items() if case["status"] == "planned"} == {"naive", "onednn_sdpa"}
    assert "venv/bin/python" in after["jax_sdpa"]["reasons"][0]
