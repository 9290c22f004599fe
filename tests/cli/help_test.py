"""If these fail, a newcomer finds no way in, or docs/cli.md describes another program."""

import json
import re
import subprocess
import sys

import pytest

from .conftest import ROOT

COMMANDS = re.findall(r"add_(\w+)\(CLI::App", (ROOT / "harness/commands/commands.h").read_text())
HIDDEN = ("worker", "add-round")  # what attnbench starts itself
COMMANDS = [command for name in COMMANDS if (command := name.replace("_", "-")) not in HIDDEN]


def test_overview_names_every_command_and_how_to_start(attnbench):
    text = attnbench.ok("--help")
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\w", text, re.MULTILINE)
    assert "attnbench run " in text and "Exit codes" in text
    assert not any(re.search(rf"^  {command} ", text, re.MULTILINE) for command in HIDDEN)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(attnbench, command):
    text = attnbench.ok(command, "--help")
    assert text.startswith(f"Usage: attnbench {command}")
    assert f"  attnbench {command}" in text.split("Examples:")[1]


def test_names_of_arguments_are_single_words():
    """CLI11 since 2.4 (Debian 13) refuses any other name of a positional, and then no command works at all."""
    usages = re.findall(r"^Usage: .*", (ROOT / "docs/cli.md").read_text(), re.MULTILINE)
    assert len(usages) > len(COMMANDS)
    for usage in usages:
        for name in re.findall(r"\[(.*?)\]", usage):
            assert re.fullmatch(r"[A-Za-z][\w-]*(\.\.\.)?", name), usage


def test_help_of_run_explains_axes_and_variants(attnbench):
    text = attnbench.ok("run", "--help")
    for word in ("-a n=256:16384:x2", "sliding_window(window=256)", "family:", "--resume", "--profile", "softcap"):
        assert word in text


def test_version_names_commit_and_compiler(attnbench):
    assert re.match(r"attnbench \d+\.\d+\.\d+ \(git \w+.*; (GNU|Clang|AppleClang) .*\)", attnbench.ok("--version"))


def test_cli_reference_is_up_to_date(attnbench):
    check = [sys.executable, ROOT / "scripts/make_cli_reference.py", attnbench.binary, "--check"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_pages_of_variants_say_what_the_descriptors_say(attnbench):
    check = [sys.executable, ROOT / "scripts/make_variant_docs.py", attnbench.binary, "--check"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_list_names_variants_datasets_and_plans(attnbench):
    text = attnbench.ok("list")
    for name in ("naive", "blockwise", "text", "gaussian", "default", "bert-base"):
        assert re.search(rf"^{name} ", text, re.MULTILINE)
    assert "gaussian" not in attnbench.ok("list", "variants")


def test_list_json_describes_every_variant(attnbench):
    listed = json.loads(attnbench.ok("list", "--json"))
    assert listed.keys() == {"variants", "datasets", "plans"}
    by_name = {v["name"]: v for v in listed["variants"]}
    families = {v["family"] for v in listed["variants"]}
    assert {p.stem for f in families for p in (ROOT / "variants" / f).glob("*.cpp")} == by_name.keys()
    assert by_name["naive"]["needs"] == by_name["naive"]["extras"] == []
    window = next(p for p in by_name["sliding_window"]["params"] if p["name"] == "window")
    assert window["type"] == "integer" and window["min"] <= window["default"] <= window["max"]
    assert "softcap" in by_name["naive"]["supports"]
    assert json.loads(attnbench.ok("list", "plans", "--json")) == listed["plans"]


def test_describe_shows_paper_cost_parameters_and_limits(attnbench):
    text = attnbench.ok("describe", "sliding_window(window=64)", "--problem", "b1 h2 n512 d32 f32")
    for word in (
        "Longformer",
        "window",
        "multiply-adds",
        "Cannot do",
        "b1 h2 n512 d32 f32",
        "sliding_window(window=64)",
    ):
        assert word in text
    assert "softcap" in re.search(r"Cannot do +(.*)", attnbench.ok("describe", "linear")).group(1)


def test_describe_shows_the_equation_of_every_variant(attnbench):
    for variant in json.loads(attnbench.ok("list", "variants", "--json")):
        assert variant["equation"], variant["name"]
        for line in variant["equation"].splitlines():
            assert f"\n  {line}\n" in attnbench.ok("describe", variant["name"])


def test_describe_prints_ranges_in_words(attnbench):
    text = attnbench.ok("describe", "sliding_window")
    assert re.search(r"window +128 \(0 or more\)", text)
    for name in json.loads(attnbench.ok("list", "variants", "--json")):
        assert "e+" not in attnbench.ok("describe", name["name"]).split("Parameters")[-1]


def test_help_shows_the_whole_value_of_an_option(attnbench):
    assert re.search(r"--q FILE\[:NAME\] +queries", attnbench.ok("apply", "--help"))
    assert re.search(r"--rounds COUNT +fresh processes", attnbench.ok("run", "--help"))


@pytest.mark.parametrize("command", ["run", "report"])
def test_help_names_the_value_of_fail_on(attnbench, command):
    assert "--fail-on complexity" in attnbench.ok(command, "--help")


def test_describe_states_the_cost_the_variant_declares(attnbench):
    # 2 heads x 512 x 512 pairs x (32 + 32) multiply-adds
    assert "33.6 M" in attnbench.ok("describe", "naive", "--problem", "b1 h2 n512 d32 f32")


def test_describe_says_from_which_length_on_a_variant_does_less_than_blockwise(attnbench):
    # 2 n d d_v + 2 n d multiply-adds against 2 n^2 d
    assert "fewer than blockwise from n = 65 on" in attnbench.ok("describe", "linear")
    assert "fewer than" not in attnbench.ok("describe", "naive") + attnbench.ok("describe", "blockwise")


def test_describe_says_why_a_problem_is_impossible(attnbench):
    assert "does not support softcap" in attnbench.ok("describe", "linear", "--problem", "b1 h1 n8 d8 f32 softcap=3")


def test_describe_knows_datasets_and_plans(attnbench):
    assert "clusters=" in attnbench.ok("describe", "clustered")
    assert "[[sweep]]" in attnbench.ok("describe", "kernels")
    assert json.loads(attnbench.ok("describe", "naive", "--json"))["name"] == "naive"
