"""If these fail, no variant can be written, built and measured outside this tree, with only attnbench installed."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT, records, run


class Installed:
    """attnbench in a prefix of its own, and a user's shell that knows it."""

    def __init__(self, build: Path, prefix: Path):
        self.prefix = prefix
        installed = run("cmake", "--install", build, "--prefix", prefix)
        assert installed.returncode == 0, installed.stderr
        python = os.environ.get("ATTNBENCH_PYTHON", str(ROOT / ".venv/bin/python"))
        self.environment = os.environ | {
            "PATH": f"{prefix / 'bin'}:{os.environ['PATH']}",
            "CMAKE_PREFIX_PATH": str(prefix),
            "ATTNBENCH_PYTHON": python,
            "CMAKE_BUILD_PARALLEL_LEVEL": "2",
        }

    def ok(self, *command, cwd: Path, **variables: str) -> str:
        done = run(*command, cwd=cwd, env=self.environment | variables)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def build(self, source: Path, folder: Path, **variables: str) -> Path:
        self.ok("cmake", "-S", source, "-B", folder, cwd=ROOT, **variables)
        self.ok("cmake", "--build", folder, cwd=ROOT, **variables)
        return folder


@pytest.fixture(scope="module")
def installed(binary, tmp_path_factory) -> Installed:
    return Installed(binary.parent, tmp_path_factory.mktemp("prefix"))


def page() -> str:
    return (ROOT / "docs/add-a-variant.md").read_text()


def shell_blocks() -> list[str]:
    return re.findall(r"```sh\n(.*?)```", page(), re.DOTALL)


def snippet() -> str:
    return re.search(r"```cpp\n(.*?)```", page(), re.DOTALL).group(1)


def test_the_page_on_adding_a_variant_works_word_for_word(installed, tmp_path):
    first, second, faster = shell_blocks()
    output = installed.ok("bash", "-ec", first, cwd=tmp_path)
    assert re.search(r"\n0 of \d\d checks failed, 0 with a note", output)
    statuses = {(r["variant_name"], r["status"]) for r in records(tmp_path / "first")}
    assert statuses == {("average", "ok"), ("naive", "ok")}

    (tmp_path / "average/average.cpp").write_text(snippet())
    output = installed.ok("bash", "-ec", second, cwd=tmp_path)
    assert "Average Attention Network" in output
    assert re.search(r"\n0 of \d\d checks failed, 0 with a note", output)

    source = tmp_path / "average/average.cpp"
    source.write_text(source.read_text() + "// faster\n")
    assert "n=256:4k:x2" in faster
    small = faster.replace("n=256:4k:x2", "n=16:64:x2 -a d=8 --samples 1 --threads 1")
    small = small.replace("--out faster", "--out faster --rounds 2")
    output = installed.ok("bash", "-ec", small, cwd=tmp_path)
    assert re.search(r"^average +64 ", output, re.MULTILINE) and "3 cases:" in output
    compared = json.loads((tmp_path / "faster/comparison.json").read_text())
    assert {row["variant"] for row in compared["rows"]} == {"average"} and len(compared["rows"]) == 3


def test_the_example_in_cpp_is_the_one_on_the_page():
    assert (ROOT / "variants/plugin/example/average.cpp").read_text() == snippet()


def run_examples(installed: Installed, folder: Path, tmp_path: Path) -> None:
    """Two plugins beside a built-in variant in one sweep, and the one in C held to some of the contract."""
    plugins = [a for name in ("average", "c") for a in ("--plugin", folder / f"libexample_{name}.so")]
    out = tmp_path / "run"
    selection = ("--variants", "naive,average,two_pass", "-a", "n=17,64", "-a", "causal=none,top-left")
    brief = ("--dataset", "gaussian", "--rounds", 1, "--samples", 1, "--no-report")
    installed.ok("attnbench", "run", *plugins, *selection, *brief, "--out", out, cwd=tmp_path)
    timed = [r["variant_name"] for r in records(out) if r["kind"] == "time" and r["status"] == "ok"]
    assert sorted(timed) == sorted(["naive", "average", "two_pass"] * 4)
    checks = [a for name in ("oracle", "strides", "pairs", "growth", "heap") for a in ("--check", name)]
    installed.ok("attnbench", "plugin", "check", folder / "libexample_c.so", *checks, cwd=tmp_path)


def test_examples_and_a_source_file_of_this_tree_build_outside_and_run(installed, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.22)\nproject(outside LANGUAGES C CXX)\n"
        "find_package(attnbench CONFIG REQUIRED)\n"
        f"add_subdirectory({ROOT / 'variants/plugin/example'} examples)\n"
        "attnbench_add_plugin(copy naive.cpp PREFIX copy_of_)\n"
    )
    shutil.copy(ROOT / "variants/exact/naive.cpp", tmp_path)
    folder = installed.build(tmp_path, tmp_path / "build")
    run_examples(installed, folder / "examples", tmp_path)

    problem = ("--problem", "b2 h4:2 n33 d8 f32 causal mask=additive:h", "--dataset", "gaussian")
    selection = ("--plugin", folder / "libcopy.so", "--variants", "naive,copy_of_naive")
    verified = installed.ok("attnbench", "verify", *selection, *problem, "--json", cwd=tmp_path)
    errors = {r["variant"]: (r["status"], r["verify"]["rel_rms"]) for r in json.loads(verified)}
    assert errors["naive"][0] == "ok" and errors["naive"] == errors["copy_of_naive"]


def test_plugins_of_another_compiler_run_in_this_host(installed, tmp_path):
    if not shutil.which("clang++"):
        pytest.skip("clang++ is not installed")
    folder = installed.build(ROOT / "variants/plugin/example", tmp_path / "build", CC="clang", CXX="clang++")
    run_examples(installed, folder, tmp_path)


def test_the_plugin_header_is_plain_c_and_old_cpp(installed, tmp_path):
    source = tmp_path / "header.c"
    source.write_text('#include "attnbench/plugin.h"\n')
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", f"-I{installed.prefix / 'include'}"]
    for command in (["cc", "-std=c11"], ["c++", "-std=c++11", "-x", "c++"]):
        assert subprocess.run([*command, *strict, str(source)], capture_output=True).returncode == 0


def test_new_variant_never_overwrites_and_refuses_names_that_cannot_be(installed, tmp_path):
    installed.ok("attnbench", "new-variant", "mine", "--plugin", cwd=tmp_path)
    for name, reason in (
        ("mine", "exists already"),
        ("naive", "is there already"),
        ("My-Thing", "cannot name a variant"),
    ):
        refused = run("attnbench", "new-variant", name, "--plugin", cwd=tmp_path, env=installed.environment)
        assert refused.returncode == 2 and reason in refused.stderr
    refused = run("attnbench", "new-variant", "other", cwd=tmp_path, env=installed.environment)
    assert refused.returncode == 2 and "does not hold the sources of attnbench" in refused.stderr


def test_external_baselines_that_are_set_up_here_come_along_and_the_others_say_why_not(installed, binary, tmp_path):
    plan = ("plan", "--plan", "external", "--problem", "b1 h2 n32 d8 f32 causal", "--json")

    def statuses(attnbench: Path) -> dict[str, tuple[str, list[str]]]:
        cases = json.loads(installed.ok(attnbench, *plan, cwd=tmp_path))["cases"]
        assert len(cases) > 10
        return {case["variant"]: (case["status"], case["reasons"]) for case in cases}

    built, copied = statuses(binary), statuses(installed.prefix / "bin" / "attnbench")
    assert {v: status for v, (status, _) in built.items()} == {v: status for v, (status, _) in copied.items()}
    for _, reasons in (entry for entry in copied.values() if entry[0] == "skipped"):
        assert "is not set up: no " in reasons[0] and "\n" not in reasons[0]
