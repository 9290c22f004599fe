"""If these fail, a plugin's variant is not treated like one of ours, or a bad plugin costs more than its own cases."""

import json
import shlex
import signal
import subprocess
import time

import pytest

PROBLEM = ("--problem", "b1 h2 n33 d8 f32 causal", "--dataset", "gaussian")


@pytest.fixture
def plugin(attnbench):
    return lambda name: attnbench.binary.parent / "tests" / "plugins" / f"lib{name}.so"


def test_variants_of_a_plugin_join_the_plans_that_name_no_others(attnbench, plugin):
    planned = json.loads(attnbench.ok("plan", "--json", "--plugin", plugin("plugged")))
    listed = json.loads(attnbench.ok("list", "variants", "--json", "--plugin", plugin("plugged")))
    of_plugin = {v["name"] for v in listed if v["plugin"]}
    assert of_plugin and of_plugin < {case["variant"] for case in planned["cases"]}
    message = attnbench.refused("plan", "--variants", "plugin:other", "--plugin", plugin("plugged"))
    assert "no plugin 'other' is loaded; load it with --plugin FILE" in message


def test_plugin_variants_are_listed_described_and_planned(attnbench, plugin):
    load = ("--plugin", plugin("plugged"), "--plugin", plugin("patterned"))
    assert "plugged_naive" not in attnbench.ok("list")
    names = {v["name"] for v in json.loads(attnbench.ok("list", "variants", "--json", *load))}
    assert {"naive", "plugged_naive", "patterned"} <= names
    text = attnbench.ok("describe", "patterned(every=5)", *load)
    assert "every" in text and "From" in text and "libpatterned.so" in text
    plan = json.loads(attnbench.ok("plan", "--json", "--variants", "plugged_*", *PROBLEM, *load))
    assert {c["variant"] for c in plan["cases"]} == {"plugged_naive"}


def test_plugins_on_the_path_need_no_option(attnbench, plugin, tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine.so").symlink_to(plugin("plugged"))
    assert "plugged_naive" in attnbench.ok("list", ATTNBENCH_PLUGIN_PATH=str(tmp_path / "plugins"))


def test_apply_runs_a_plugin_variant(attnbench, plugin, tmp_path):
    import numpy

    for name in "qkv":
        numpy.save(tmp_path / f"{name}.npy", numpy.random.default_rng(1).standard_normal((2, 9, 4), dtype="float32"))
    arrays = [a for name in "qkv" for a in (f"--{name}", f"{name}.npy")]
    outputs = []
    for variant in ("naive", "plugged_naive"):
        attnbench.ok("apply", variant, *arrays, "--out", f"{variant}.npy", "--plugin", plugin("plugged"))
        outputs.append(numpy.load(tmp_path / f"{variant}.npy"))
    assert (outputs[0] == outputs[1]).all()


def test_what_a_plugin_does_wrong_is_a_status_of_its_own_case(attnbench, plugin):
    done = attnbench(
        "verify", *PROBLEM, "--variants", "naive,plugged_naive,family:fault", "--json",
        "--plugin", plugin("plugged"), "--plugin", plugin("misbehaves"),
    )  # fmt: skip
    assert done.returncode == 1
    records = {r["variant_name"]: r for r in json.loads(done.stdout)}
    assert {name: r["status"] for name, r in records.items()} == {
        "naive": "ok",
        "plugged_naive": "ok",
        "crashes_in_run": "crashed",
        "scribbles": "mismatch",
        "fails_in_run": "crashed",
        "is_wrong": "mistrusted",
        "takes_too_much": "mismatch",
        "exhausts_memory": "out_of_memory",
        "is_missing": "skipped",
    }
    assert any("wrote past the end of row" in reason for reason in records["scribbles"]["reasons"])
    assert any("kernel 5 said no" in reason for reason in records["fails_in_run"]["reasons"])
    assert records["is_missing"]["reasons"] == ["is_missing is not available here: libneeded.so.3 is not installed"]


def test_a_run_records_the_file_its_hash_who_timed_and_what_ran(attnbench, plugin, tmp_path):
    load = ("--plugin", plugin("plugged"), "--plugin", plugin("patterned"))
    attnbench.ok("run", "--variants", "naive,plugged_naive,patterned", *PROBLEM, *load, "--rounds", 1, "--samples", 1,
                 "--out", "run", "--no-report", "--no-weights")  # fmt: skip
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    plugins = {v["name"]: v["plugin"] for v in run["variants"]}
    assert plugins["naive"] is None
    assert plugins["plugged_naive"]["file"] == str(plugin("plugged")) and len(plugins["plugged_naive"]["hash"]) == 16
    records = [json.loads(line) for line in (tmp_path / "run" / "records.jsonl").read_text().splitlines()]
    times = {r["variant_name"]: r["time"] for r in records if r["kind"] == "time"}
    assert times["plugged_naive"]["timed_by"] == "harness" and "implementation" not in times["plugged_naive"]
    assert times["patterned"]["timed_by"] == "variant"
    assert times["patterned"]["implementation"]["library"] == "patterned 2.1"
    reproducer = next(r["reproducer"] for r in records if r["variant_name"] == "patterned")
    assert reproducer.endswith(f"--plugin {plugin('patterned')}")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("throws_in_entry", "threw an exception: no luck today"),
        ("crashes_in_entry", "ended by signal 9"),
        ("wrong_abi", "is of plugin ABI 2"),
        ("no_entry", "has no entry point"),
        ("duplicate", "a variant 'naive' is there already"),
        ("nonexistent", "no such file"),
    ],
)
def test_a_bad_plugin_is_one_line_before_anything_runs(attnbench, plugin, name, reason, tmp_path):
    message = attnbench.refused("run", *PROBLEM, "--out", "run", "--plugin", plugin(name))
    assert reason in message and f"lib{name}.so" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hangs_at_load", "a process that loaded it was still not done after 1 s"),
        ("hangs_in_host", "was not done after 1 s while it was loaded"),
        ("crashes_in_host", "raised signal 6 (Aborted) while it was loaded"),
        ("exits_in_host", "called exit() while it was loaded"),
        ("bad_utf8", "is not valid UTF-8"),
        ("escape_sequence", "has a control character"),
    ],
)
@pytest.mark.parametrize("command", [("list", "--json"), ("describe", "naive"), ("plan", "--json", *PROBLEM)])
def test_a_plugin_that_hangs_or_crashes_at_load_is_one_line_for_every_command(attnbench, plugin, command, name, reason):
    message = attnbench.refused(*command, "--plugin", plugin(name), ATTNBENCH_PLUGIN_TIMEOUT="1")
    assert reason in message and f"lib{name}.so" in message and message.isprintable()


def test_a_hanging_plugin_on_the_path_is_left_out(attnbench, plugin, tmp_path):
    (tmp_path / "plugins").mkdir()
    for name in ("hangs_at_load", "plugged"):
        (tmp_path / "plugins" / f"{name}.so").symlink_to(plugin(name))
    done = attnbench("list", ATTNBENCH_PLUGIN_PATH=str(tmp_path / "plugins"), ATTNBENCH_PLUGIN_TIMEOUT="1")
    assert done.returncode == 0 and "plugged_naive" in done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert "still not done after 1 s" in done.stderr and "left out" in done.stderr


def test_a_plugin_that_sets_flush_to_zero_changes_nothing_for_others_and_is_named(attnbench, plugin, tmp_path):
    import numpy

    random = numpy.random.default_rng(5)
    numpy.save(tmp_path / "q.npy", random.standard_normal((1, 1, 6, 8)).astype("float32"))
    numpy.save(tmp_path / "k.npy", random.standard_normal((1, 1, 6, 8)).astype("float32"))
    numpy.save(tmp_path / "v.npy", (random.standard_normal((1, 1, 6, 4)) * 1e-41).astype("float32"))
    arrays = ("--q", "q.npy", "--k", "k.npy", "--v", "v.npy")
    attnbench.ok("apply", "naive", *arrays, "--out", "alone.npy")
    attnbench.ok("apply", "naive", *arrays, "--out", "beside.npy", "--plugin", plugin("float_faults"))
    alone = numpy.load(tmp_path / "alone.npy")
    assert (alone != 0).all()
    assert (numpy.load(tmp_path / "beside.npy") == alone).all()

    for variant, line in (
        ("flushes_at_load", "sets flush-to-zero at load"),
        ("flushes_in_run", "leaves the floating-point environment changed after run: flush-to-zero"),
        ("rounds_down", "the rounding mode"),
    ):
        code, found = verdicts(attnbench, plugin("float_faults"), variant, "float_environment")
        assert code == 0 and found["float_environment"]["verdict"] == "note"
        assert any(line in text for text in found["float_environment"]["lines"])


def verdicts(attnbench, plugin, variant, *checks):
    options = [a for check in checks for a in ("--check", check)]
    done = attnbench("plugin", "check", plugin, "--variant", variant, *options, "--json")
    return done.returncode, {v["check"]: v for v in json.loads(done.stdout)}


def test_plugin_check_passes_a_variant_that_keeps_the_contract(attnbench, plugin):
    checks = ("descriptor", "parameters", "growth", "workspace", "lowest_mask", "heap")
    code, found = verdicts(attnbench, plugin("patterned"), "patterned", *checks)
    assert code == 0
    assert {name: v["verdict"] for name, v in found.items()} == {
        "descriptor": "pass",
        "parameters": "pass",
        "growth": "pass",
        "workspace": "pass",
        "lowest_mask": "-",
        "heap": "pass",
    }


def test_plugin_check_says_what_is_broken_and_survives_a_crash(attnbench, plugin):
    code, found = verdicts(attnbench, plugin("misbehaves"), "scribbles", "strides", "descriptor")
    assert code == 1
    assert found["descriptor"]["verdict"] == "pass"
    assert found["strides"]["verdict"] == "FAIL" and found["strides"]["findings"] > 5 == len(found["strides"]["lines"])

    code, found = verdicts(attnbench, plugin("misbehaves"), "crashes_in_run", "batch", "refusals")
    assert code == 1
    assert "ended the process by signal 9" in found["batch"]["lines"][0]
    assert found["refusals"]["verdict"] == "pass"

    table = attnbench("plugin", "check", plugin("misbehaves"), "--variant", "fails_in_run", "--check", "batch")
    assert table.returncode == 1
    assert "kernel 5 said no" in table.stdout and "1 of 1 checks failed" in table.stdout


def test_mistakes_below_a_command_are_explained_for_that_command(attnbench):
    assert "give a command: check (see attnbench plugin --help)" in attnbench.refused("plugin")
    assert "unknown command 'chek'" in attnbench.refused("plugin", "chek")
    message = attnbench.refused("plugin", "check", "x.so", "--varient", "y")
    assert "did you mean --variant?" in message and "see attnbench plugin check --help" in message


def test_plugin_check_refuses_what_it_cannot_check(attnbench, plugin):
    assert "no such file" in attnbench.refused("plugin", "check", "nothing.so")
    wrong = attnbench.refused("plugin", "check", plugin("patterned"), "--variant", "paterned")
    assert "did you mean 'patterned'" in wrong
    assert "unknown check 'oracles'" in attnbench.refused("plugin", "check", plugin("patterned"), "--check", "oracles")


def test_a_run_with_plugins_is_resumed_with_them_and_refused_when_they_changed(attnbench, plugin, tmp_path):
    mine = tmp_path / "libmine.so"
    mine.write_bytes(plugin("plugged").read_bytes())
    choice = ("--variants", "plugged_naive", *PROBLEM, "--rounds", 1, "--samples", 1, "--no-report", "--no-weights")
    attnbench.ok("run", *choice, "--plugin", mine, "--out", "run")
    attnbench.ok("run", "--resume", "run", "--no-report", "--plugin", mine)
    attnbench.ok("run", "--resume", "run", "--no-report", "--trust-plugins")
    with mine.open("ab") as file:
        file.write(b"\0")
    message = attnbench.refused("run", "--resume", "run", "--no-report", "--trust-plugins")
    assert "is not the one that was measured" in message


def test_a_stored_run_loads_no_plugin_without_the_users_word(attnbench, plugin, tmp_path):
    mine = tmp_path / "libmine.so"
    mine.write_bytes(plugin("plugged").read_bytes())
    choice = ("--variants", "plugged_naive", *PROBLEM, "--rounds", 1, "--samples", 1, "--no-report", "--no-weights")
    folder = str(tmp_path)
    attnbench.ok("run", *choice, "--plugin", mine, "--out", "named")
    mine.rename(tmp_path / "found.so")
    (tmp_path / "path").mkdir()
    mine = tmp_path / "path" / "libmine.so"
    (tmp_path / "found.so").rename(mine)
    attnbench.ok("run", *choice, "--out", "on_path", ATTNBENCH_PLUGIN_PATH=f"{folder}/path")
    mine.unlink()
    (tmp_path / "libmine.so").write_bytes(plugin("crashes_in_entry").read_bytes())
    mine.write_bytes(plugin("crashes_in_entry").read_bytes())
    for run, file in (("named", tmp_path / "libmine.so"), ("on_path", mine)):
        for arguments in ((), ("--dry-run",), ("--allow-mixed",)):
            message = attnbench.refused("run", "--resume", run, "--no-report", *arguments)
            assert f"{run}/run.json would load the plugin {file}; " in message
            assert f"--plugin {file} or --trust-plugins" in message
        trusted = attnbench.refused("run", "--resume", run, "--dry-run", "--trust-plugins")
        assert "a process that loaded it was ended by signal" in trusted


@pytest.mark.parametrize("command", [["plan"], ["plan", "--json"], ["run", "--dry-run"], ["run"], ["verify"]])
def test_a_plan_loads_no_plugin_without_the_users_word(attnbench, plugin, tmp_path, command):
    (tmp_path / "external").mkdir()
    for file in (tmp_path / "libmine.so", tmp_path / "external" / "attnbench_external.so"):  # named like a shipped one
        file.write_bytes(plugin("crashes_in_entry").read_bytes())
        (tmp_path / "plan.toml").write_text(f'plugins = ["{file}"]\nproblems = ["b1 h1 n8 d8 f32"]\n')
        message = attnbench.refused(*command, "--plan", "plan.toml")
        assert f"plan plan.toml would load the plugin {file}; " in message
        assert f"--plugin {file} or --trust-plugins" in message
        assert "ended by signal" in attnbench.refused(*command, "--plan", "plan.toml", "--trust-plugins")


def test_a_plan_loads_the_plugin_that_the_user_names_too(attnbench, plugin, tmp_path):
    (tmp_path / "libmine.so").symlink_to(plugin("plugged"))
    (tmp_path / "plan.toml").write_text(
        'plugins = ["libmine.so"]\nvariants = ["plugged_naive"]\nproblems = ["b1 h1 n8 d8 f32"]\n'
    )
    assert "would load" in attnbench.refused("plan", "--plan", "plan.toml")
    for word in (["--plugin", plugin("plugged")], ["--plugin", "libmine.so"], ["--trust-plugins"]):
        plan = json.loads(attnbench.ok("plan", "--plan", "plan.toml", "--json", *word))
        assert {c["variant"] for c in plan["cases"]} == {"plugged_naive"}


def test_the_command_that_carries_on_names_the_plugins(attnbench, plugin):
    arguments = ("--variants", "plugged_naive", *PROBLEM, "--rounds", "10000", "--no-calibrate")
    command = [str(a) for a in (attnbench.binary, "run", *arguments, "--plugin", plugin("plugged"), "--out", "run")]
    with subprocess.Popen(command, cwd=attnbench.folder, stderr=subprocess.PIPE, text=True) as process:
        records = attnbench.folder / "run" / "records.jsonl"
        while process.poll() is None and not (records.exists() and records.read_text().count("\n") >= 3):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    (line,) = (text for text in said.splitlines() if "carry on with: " in text)
    again = shlex.split(line.split("carry on with: ")[1])
    assert again[:4] == ["attnbench", "run", "--resume", "run"] and again[4] == "--plugin"
    attnbench.ok(*again[1:], "--dry-run")
