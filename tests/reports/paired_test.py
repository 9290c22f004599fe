"""If these fail, paired measuring pairs wrong rounds, stops badly, or leaves half a measurement that looks whole."""

import fcntl
import itertools
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from attnbench.compare.__main__ import main as compare
from attnbench.load.cases import cases_of
from attnbench.load.run import load_runs
from attnbench.measure.execution import parse_command
from attnbench.measure.pairing import PairingFolder, read_pairing
from attnbench.measure.turns import order
from synthetic_runs import LAWS, Recipe, make_run

TESTS = Path(__file__).parent
ROOT = TESTS.parents[1]
BINARY = Path(os.environ.get("ATTNBENCH_BINARY", ROOT / "build" / "attnbench")).resolve()  # stores the rounds


def main(arguments: list[str]) -> int:
    """As the binary calls it."""
    return compare([f"--attnbench={BINARY}", *arguments])


@pytest.fixture
def build(tmp_path):
    """Makes a folder with a stand-in for the binary; `slow10` is 10 % slower than `slow0`."""

    def make(name: str, folder: Path = tmp_path) -> Path:
        binary = folder / name / "attnbench"
        binary.parent.mkdir(parents=True)
        binary.write_text(f"#!{sys.executable} -S\n" + (TESTS / "fake_attnbench.py").read_text())
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
        slower = 1 + int(name.rpartition("slow")[2]) / 100
        laws = tuple(replace(law, seconds=slower * law.seconds) for law in (LAWS[0], LAWS[5]))
        make_run(binary.parent / "run", Recipe(laws=laws, sizes=(128, 256), rounds=1, weights=0, noise=0))
        return binary

    return make


@pytest.fixture
def builds(build) -> tuple[Path, Path]:
    return build("slow0"), build("slow10")


SEED = "3"  # the sides that go first are then B A B A A B A A ...


def measure(builds, out, *more) -> int:
    return main(["--builds", *map(str, builds), "--out", str(out), "--seed", SEED, *more])


def started(tmp_path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def in_order(rounds: int) -> list[str]:
    """What is started in `rounds` rounds of seed SEED."""
    names = ("slow0", "slow10")
    return [names[side] for number in range(rounds) for side in order(int(SEED), number)]


def test_rounds_come_in_random_order_and_out_paired(capsys, builds, tmp_path):
    assert measure(builds, tmp_path / "out", "--rounds", "8", "--format", "json") == 0
    assert started(tmp_path) == in_order(8)
    found = json.loads(capsys.readouterr().out)
    assert found["design"] == "paired" and found["counts"]["SLOWER"] == 4
    assert {row["base_rounds"] for row in found["rows"]} == {8}
    assert all(0.07 < row["ratio"] - 1 < 0.13 for row in found["rows"])


def test_both_sides_become_ordinary_runs(builds, tmp_path):
    assert measure(builds, tmp_path / "out", "--rounds", "3") == 0
    schemas = {
        name: json.loads((ROOT / f"harness/schema/{name}.schema.json").read_text()) for name in ("run", "record")
    }
    for run in load_runs([tmp_path / "out" / "base", tmp_path / "out" / "new"]):
        jsonschema.validate(run.meta, schemas["run"])
        for record in run.records:
            jsonschema.validate(record, schemas["record"])
        assert [sorted(case.times) for case in cases_of(run)] == [[0, 1, 2]] * 4
        assert run.meta["plan"]["rounds"] == len(run.meta["sessions"]) == 3
    assert not (tmp_path / "out" / ".round").exists()


def test_a_stored_pairing_is_compared_again(capsys, builds, tmp_path):
    assert measure(builds, tmp_path / "out", "--rounds", "6", "--format", "json") == 0
    first = json.loads(capsys.readouterr().out)
    assert main([str(tmp_path / "out"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == first


def test_without_rounds_there_are_enough_to_decide_the_table(builds, tmp_path):
    assert measure(builds, tmp_path / "out") == 0
    assert read_pairing(tmp_path / "out").done == 10


def test_a_regression_fails_a_paired_comparison_too(capsys, builds, tmp_path):
    assert measure(builds, tmp_path / "out", "--rounds", "8", "--fail-on", "regression=5%") == 3
    assert "regression: blockwise" in capsys.readouterr().err


def test_a_coin_decides_who_goes_first_and_is_recorded(builds, tmp_path):
    firsts = [[order(seed, number)[0] for number in range(40)] for seed in range(50)]
    assert 0.45 < sum(map(sum, firsts)) / 2000 < 0.55
    repeats = [sum(a == b for a, b in itertools.pairwise(first)) for first in firsts]
    assert 0.45 < sum(repeats) / (50 * 39) < 0.55  # neither alternating nor sticking
    assert [order(None, number) for number in range(3)] == [(0, 1), (1, 0), (0, 1)]  # a pairing of earlier versions
    assert measure(builds, tmp_path / "out", "--rounds", "4") == 0
    stored = json.loads((tmp_path / "out" / "pairing.json").read_text())
    assert stored["seed"] == int(SEED) and len(set(stored["first"])) == 2
    assert stored["first"] == ["AB"[order(int(SEED), number)[0]] for number in range(4)]


def test_a_seed_is_drawn_where_none_is_given(builds, tmp_path):
    seeds = set()
    for place in range(3):
        assert main(["--paired", "true", "true", "--rounds", "1", "--out", str(tmp_path / f"{place}")]) == 0
        seeds.add(read_pairing(tmp_path / f"{place}").seed)
    assert len(seeds) > 1


def test_old_pairings_of_a_fixed_order_can_be_read_and_say_so(capsys, builds, tmp_path):
    out = tmp_path / "out"
    assert measure(builds, out, "--rounds", "3") == 0
    stored = json.loads((out / "pairing.json").read_text())
    del stored["seed"], stored["first"]
    (out / "pairing.json").write_text(json.dumps(stored))
    capsys.readouterr()
    assert main([str(out)]) == 0
    assert "rounds were measured A B B A" in capsys.readouterr().out


def test_unequal_errors_are_refused_after_the_first_round(capsys, builds, tmp_path):
    """F20: not after an hour of rounds."""
    records = builds[1].parent / "run" / "records.jsonl"
    changed = [json.loads(line) for line in records.read_text().splitlines()]
    for record in changed:
        if record["kind"] == "verify":
            record["verify"]["approximation_rel_rms"] = 0.3
    records.write_text("".join(json.dumps(r) + "\n" for r in changed))
    out = tmp_path / "out"
    assert measure(builds, out, "--rounds", "6") == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "not equally accurate (exact against error 3.0e-01)" in message and "--allow-different-errors" in message
    assert len(started(tmp_path)) == 2 and read_pairing(out).done == 1
    resume = ["--resume", str(out), "--run-stored-commands"]
    assert main(resume) == 2 and len(started(tmp_path)) == 2
    assert main([*resume, "--allow-different-errors"]) == 0
    assert read_pairing(out).done == 6


def test_what_will_not_be_compared_is_said_after_the_first_round(capsys, builds, tmp_path):
    records = builds[1].parent / "run" / "records.jsonl"
    lines = records.read_text().splitlines()
    records.write_text("".join(line + "\n" for line in lines if '"variant": "naive"' not in line))
    assert measure(builds, tmp_path / "out", "--rounds", "2") == 0
    said = capsys.readouterr().err
    assert said.index("naive, b1 h8 n128 d64 f32 will not be compared: only in base") < said.index("round 2 of 2")


def test_stored_commands_run_only_when_the_user_says_so(capsys, tmp_path):
    """F41: a folder from somebody else may store anything."""
    out = tmp_path / "out"
    assert main(["--paired", "true", f"touch {tmp_path}/ran", "--rounds", "1", "--out", str(out)]) == 0
    (tmp_path / "ran").unlink()
    stored = json.loads((out / "pairing.json").read_text())
    (out / "pairing.json").write_text(json.dumps(stored | {"rounds": 2, "status": "interrupted"}))
    capsys.readouterr()
    assert main(["--resume", str(out)]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and f"B: 'touch {tmp_path}/ran'" in message and "--run-stored-commands" in message
    assert not (tmp_path / "ran").exists()
    assert main(["--resume", str(out), "--run-stored-commands"]) == 0
    assert (tmp_path / "ran").exists() and read_pairing(out).done == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"commands": "true"}, "commands is 'true'"),
        ({"commands": ["true"]}, "commands is"),
        ({"commands": [1, 2]}, "commands is"),
        ({"labels": None}, "labels is"),
        ({"rounds": "many"}, "rounds is 'many'"),
        ({"done": -1}, "done is '-1'"),
        ({"seconds": [[1.0]]}, "seconds is"),
        ({"seconds": [["a", "b"]]}, "seconds is"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"paired_version": 7}, "has version 7"),
        (None, "has version None"),
    ],
)
def test_a_damaged_pairing_is_one_line(capsys, tmp_path, change, said):
    out = tmp_path / "out"
    assert main(["--paired", "true", "true", "--rounds", "1", "--out", str(out)]) == 0
    stored = json.loads((out / "pairing.json").read_text())
    (out / "pairing.json").write_text(json.dumps(stored | change) if change else "[1]")
    capsys.readouterr()
    for call in ([str(out)], ["--resume", str(out), "--run-stored-commands"]):
        assert main(call) == 2
        message = capsys.readouterr().err
        assert said in message and message.count("\n") == 1


@pytest.fixture
def plugins(builds, tmp_path) -> list[str]:
    """A stand-in for attnbench that lists what a plugin file says and runs `slow0` or `slow10` by its name."""
    attnbench = tmp_path / "attnbench"
    attnbench.write_text(f"""#!/bin/sh
case "$1 $*" in
  list*--plugin*bad.so*) echo "attnbench: bad.so: cannot be loaded" >&2; exit 2;;
  list*--plugin*other.so*) echo '[{{"name": "naive"}}, {{"name": "other"}}]';;
  list*--plugin*) echo '[{{"name": "naive"}}, {{"name": "mine"}}]';;
  list*) echo '[{{"name": "naive"}}]';;
  run*old.so*--variants*mine*) exec {builds[0]} "$@";;
  run*new.so*--variants*mine*) exec {builds[1]} "$@";;
  add-round*) exec {BINARY} "$@";;
esac
""")
    attnbench.chmod(0o755)
    for name in ("old.so", "new.so", "other.so", "bad.so"):
        (tmp_path / name).touch()
    return ["--attnbench", str(attnbench), "--plugins"]


def test_two_builds_of_a_plugin_are_compared_by_their_common_variants(capsys, plugins, tmp_path):
    old, new = str(tmp_path / "old.so"), str(tmp_path / "new.so")
    assert main([*plugins, old, new, "--rounds", "8", "--format", "json", "--out", str(tmp_path / "out")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["design"] == "paired" and found["counts"]["SLOWER"] == 4
    assert f"--plugin {old} --variants mine" in found["base"]["command"]
    assert "old.so" in found["base"]["label"] and "new.so" in found["new"]["label"]


def test_plugins_that_cannot_be_compared_are_one_line(capsys, plugins, tmp_path):
    for name, said in (
        ("absent.so", "does not exist"),
        ("other.so", "share no variant"),
        ("bad.so", "cannot be loaded"),
    ):
        assert main([*plugins, str(tmp_path / "old.so"), str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
        message = capsys.readouterr().err
        assert said in message and message.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_a_build_that_is_not_attnbench_is_one_line(capsys, builds, tmp_path):
    """F48: this ended in FileNotFoundError."""
    for name, text in (("other", "#!/bin/sh\necho hello\n"), ("binary", "not a program"), ("nowhere", "#!/nowhere\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
        assert main(["--builds", str(builds[0]), str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
        message = capsys.readouterr().err
        assert "is not attnbench" in message and message.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_whole_processes_of_other_commands_are_timed(capsys, tmp_path):
    commands = ["true", f"sleep 0.05; echo {tmp_path}"]
    assert main(["--paired", *commands, "--rounds", "6", "--out", str(tmp_path / "out"), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["rows"]
    assert found["new"]["command"] == commands[1] and len(found["new"]["label"]) < 50
    assert row["variant"] == "whole process" and row["new_s"] >= 0.05 and row["base_rounds"] == 6
    assert str(tmp_path) in (tmp_path / "out" / "log.txt").read_text()


def test_what_counts_as_a_run_of_attnbench():
    assert parse_command("X=1 old/attnbench run --variants 'naive,linear(a=b)'").words[:3] == (
        "env",
        "X=1",
        "old/attnbench",
    )
    assert parse_command("taskset -c 0 ./attnbench run -a n=8").is_run
    assert not parse_command("./attnbench run | tee log").is_run
    assert not parse_command("./attnbench list").is_run


def test_calls_that_cannot_work_are_one_line_and_leave_nothing(capsys, builds, build, tmp_path):
    def refused(*arguments) -> str:
        assert main([*map(str, arguments), "--out", str(tmp_path / "out")]) == 2
        assert not (tmp_path / "out").exists()
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        return message

    assert "cases cannot be compared with a whole process" in refused("--paired", f"{builds[0]} run", "true")
    assert "leave it out" in refused("--paired", f"{builds[0]} run --rounds 3", f"{builds[1]} run")
    assert "mind the quotes" in refused("--paired", "echo 'a", "true")
    assert "is not a program" in refused("--builds", builds[0], tmp_path / "nothing")
    usage = build("slow5")
    (usage.parent / "usage").touch()
    assert "unknown variant 'nonsense'" in refused("--builds", usage, usage)
    assert "cannot start '/nowhere/attnbench'" in refused(
        "--paired", "/nowhere/attnbench run", "/nowhere/attnbench run"
    )


def test_a_folder_with_something_in_it_is_not_measured_into(capsys, builds, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    assert measure(builds, tmp_path / "out") == 2
    assert "is not empty" in capsys.readouterr().err and (tmp_path / "out" / "thesis.tex").exists()


def test_a_command_that_breaks_keeps_the_whole_rounds(capsys, builds, tmp_path, monkeypatch):
    from attnbench.measure import turns as module

    def break_after_two(*arguments):
        if arguments[3].done == 2:
            (builds[1].parent / "fail").touch()
        return original(*arguments)

    original = module._round
    monkeypatch.setattr(module, "_round", break_after_two)
    assert measure(builds, tmp_path / "out", "--rounds", "5") == 1
    assert "exit code 70: attnbench: internal error: it broke" in capsys.readouterr().err
    pairing = read_pairing(tmp_path / "out")
    assert (pairing.status, pairing.done) == ("interrupted", 2)
    assert main([str(tmp_path / "out")]) == 0
    assert "2 of 5 rounds measured; carry on with" in capsys.readouterr().out
    (builds[1].parent / "fail").unlink()
    monkeypatch.setattr(module, "_round", original)
    assert main(["--resume", str(tmp_path / "out"), "--run-stored-commands"]) == 0
    assert read_pairing(tmp_path / "out").done == 5
    assert started(tmp_path)[-6:] == in_order(5)[-6:]


@pytest.mark.parametrize("rounds_before", [0, 1])
def test_ctrl_c_ends_with_130_and_leaves_nothing_that_looks_whole(builds, tmp_path, rounds_before):
    out, hanging = tmp_path / "out", builds[0].parent / "hanging"
    call = [sys.executable, "-m", "attnbench.compare", f"--attnbench={BINARY}"]
    if rounds_before:
        assert measure(builds, out, "--rounds", "1") == 0
        call += ["--resume", str(out), "--run-stored-commands", "--rounds", "3"]
    else:
        call += ["--builds", *map(str, builds), "--out", str(out)]
    (builds[0].parent / "hang").touch()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "reports")}
    child = subprocess.Popen(call, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not hanging.exists() and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[1]
    assert child.returncode == 130, said
    assert "Traceback" not in said
    if rounds_before == 0:
        assert not out.exists() and "nothing is kept" in said
        return
    assert (read_pairing(out).status, read_pairing(out).done) == ("interrupted", 1)
    assert not (out / ".round").exists() and f"--resume {out}" in said
    assert [sorted(c.times) for run in load_runs([out / "base", out / "new"]) for c in cases_of(run)] == [[0]] * 8


def test_rounds_are_kept_with_the_checksums_of_the_store(builds, tmp_path):
    assert measure(builds, tmp_path / "out", "--rounds", "2") == 0
    for name in ("base", "new"):
        lines = (tmp_path / "out" / name / "records.jsonl").read_text().splitlines()
        assert lines and all(re.search(r',"check":"[0-9a-f]{8}"}$', line) for line in lines)


def test_a_second_measurement_into_a_folder_is_refused(capsys, builds, tmp_path):
    out = tmp_path / "out"
    assert measure(builds, out, "--rounds", "1") == 0
    capsys.readouterr()
    with PairingFolder(out, BINARY).locked():
        assert main(["--resume", str(out), "--run-stored-commands", "--rounds", "2"]) == 2
        message = capsys.readouterr().err
        assert "is in use by another attnbench" in message and message.count("\n") == 1
    with (out / "base" / ".lock").open() as lock:  # somebody carries on one side as a run of its own
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["--resume", str(out), "--run-stored-commands", "--rounds", "2"]) == 2
        assert "base is in use by another attnbench" in capsys.readouterr().err
    assert read_pairing(out).done == 1
    assert main(["--resume", str(out), "--run-stored-commands", "--rounds", "2"]) == 0
    assert read_pairing(out).done == 2


def test_a_round_that_only_one_side_kept_is_measured_again(builds, tmp_path):
    """As after a power failure between the two sides: what was kept of the round is of another moment."""

    def samples(number: int) -> list:
        runs = load_runs([out / "base", out / "new"])
        return [case.times[number]["samples_s"] for run in runs for case in cases_of(run)]

    out = tmp_path / "out"
    assert measure(builds, out, "--rounds", "2") == 0
    first, second = samples(0), samples(1)
    stored = json.loads((out / "pairing.json").read_text())
    kept = {name: stored[name][:1] for name in ("seconds", "first")}
    (out / "pairing.json").write_text(json.dumps(stored | kept | {"done": 1, "status": "interrupted"}))
    assert main(["--resume", str(out), "--run-stored-commands"]) == 0
    assert samples(0) == first
    assert all(before != after for before, after in zip(second, samples(1), strict=True))
    for run in load_runs([out / "base", out / "new"]):
        assert [sorted(case.times) for case in cases_of(run)] == [[0, 1]] * 4 and len(run.meta["sessions"]) == 2


def test_a_case_that_fails_in_a_later_round_has_failed(builds, tmp_path):
    out = tmp_path / "out"
    assert measure(builds, out, "--rounds", "1") == 0
    records = builds[1].parent / "run" / "records.jsonl"
    changed = [json.loads(line) for line in records.read_text().splitlines()]
    for record in changed:
        if record["kind"] == "verify" and record["variant"] == "naive":
            record |= {"status": "mismatch", "reasons": ["off by one"]}
    records.write_text("".join(json.dumps(r) + "\n" for r in changed))
    main(["--resume", str(out), "--run-stored-commands", "--rounds", "2"])
    (run,) = load_runs([out / "new"])
    verified = {(r["variant"], r["status"], r["session"]) for r in run.records if r["kind"] == "verify"}
    assert verified == {("naive", "mismatch", 1), ("blockwise", "ok", 0)}


@pytest.fixture
def repository(build, tmp_path, monkeypatch) -> Path:
    """A repository whose build script puts the stand-in in its place; two commits, the second 10 % slower."""
    source = tmp_path / "repository"
    (source / "scripts").mkdir(parents=True)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(source)]
    subprocess.run([*git, "init", "-q"], check=True)
    for name in ("slow0", "slow10"):
        binary = build(f"made/{name}")
        start = f"printf '#!/bin/sh\\nexec {binary} \"$@\"'"
        script = f"#!/bin/sh\nmkdir -p build\n{start} > build/attnbench\nchmod +x build/attnbench\n"
        (source / "scripts" / "build.sh").write_text(script)
        (source / "scripts" / "build.sh").chmod(0o755)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", name], check=True)
    monkeypatch.chdir(source)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return source


def test_two_revisions_are_built_once_in_the_cache_and_compared(capsys, repository, tmp_path):
    call = ["--revisions", "HEAD~1", "HEAD", "--rounds", "8", "--format", "json", "--out"]
    assert main([*call, str(tmp_path / "first")]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out)["counts"]["SLOWER"] == 4 and output.err.count("building") == 2
    assert main([*call, str(tmp_path / "second")]) == 0
    assert "building" not in capsys.readouterr().err
    assert not (repository / "build").exists()


def test_revisions_that_do_not_exist_or_build_are_one_line(capsys, repository, tmp_path, monkeypatch):
    assert main(["--revisions", "HEAD", "nothing"]) == 2
    assert "no commit 'nothing'" in capsys.readouterr().err
    assert main(["--revisions", "HEAD", "HEAD"]) == 2
    assert "same commit" in capsys.readouterr().err
    (repository / "scripts" / "build.sh").write_text("#!/bin/sh\necho 'error: no compiler' >&2\nexit 1\n")
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "broken"], check=True)
    assert main(["--revisions", "HEAD~1", "HEAD"]) == 2
    assert "does not build: error: no compiler" in capsys.readouterr().err
    monkeypatch.chdir("/")
    assert main(["--revisions", "HEAD~1", "HEAD"]) == 2
    assert "no git repository here" in capsys.readouterr().err
