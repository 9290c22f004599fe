"""attnbench calibrate and doctor as a user calls them; budgets are too small for numbers to mean more than order."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "harness/schema/calibration.schema.json").read_text())
SMALL = ("--problem", "b1 h1 n16 d8 f32", "--variants", "naive", "--profile", "quick", "--no-report")


@pytest.fixture(scope="module")
def binary() -> Path:
    return Path(os.environ.get("ATTNBENCH_BINARY", ROOT / "build" / "attnbench")).resolve()


@pytest.fixture(scope="module")
def ceilings(tmp_path_factory, binary) -> dict:
    """One calibration for the tests that only read it."""
    path = tmp_path_factory.mktemp("ceilings") / "c.json"
    subprocess.run(
        [binary, "calibrate", "--quick", "--seconds", "0.01", "--out", path],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return json.loads(path.read_text())


def quiet(ceilings: dict) -> dict:
    """The same as of a machine that did nothing else: a hundredth of a second is too short for peaks that agree."""
    peaks = [{**peak, "gflops": 100.0 * peak["threads"], "spread": 0.0} for peak in ceilings["fma_peak"]]
    return ceilings | {"load_1m": 0.0, "other_work_cores": 0.0, "fma_peak": peaks}


def test_the_stored_calibration_follows_its_schema(ceilings):
    jsonschema.validate(ceilings, SCHEMA)
    assert ceilings["profile"] == "quick"


def test_every_ceiling_is_there_and_above_zero(ceilings):
    threads = {1, ceilings["cores"]}
    for member, rate in (("fma_peak", "gflops"), ("sgemm", "gflops"), ("bandwidth", "gbytes_per_s")):
        assert {entry["threads"] for entry in ceilings[member]} == threads
        # A burst whose threads did not come together on a busy machine leaves a 0, but not with one thread.
        assert all(entry[rate] > 0 for entry in ceilings[member] if entry["threads"] == 1)
    assert ceilings["worker_overhead_s"] > 0 and ceilings["clock_resolution_s"] > 0


def test_bandwidth_runs_from_l1_to_beyond_the_last_cache(ceilings):
    for kind in ("read", "triad"):
        sizes = [b["working_set_bytes"] for b in ceilings["bandwidth"] if (b["kind"], b["threads"]) == (kind, 1)]
        assert sizes == sorted(set(sizes))
        assert sizes[0] <= 16 * 1024
    assert len({b["working_set_bytes"] for b in ceilings["bandwidth"] if b["kind"] == "read"}) >= 4


def test_calibrate_prints_tables_with_units_and_where_it_keeps_them(attnbench, tmp_path):
    said = attnbench.ok("calibrate", "--quick", "--seconds", "0.01", ATTNBENCH_CALIBRATION=str(tmp_path / "kept.json"))
    for words in ("GFLOP/s", "GB/s", "WORKING SET", "1 THREAD", f"kept in {tmp_path / 'kept.json'}"):
        assert words in said
    jsonschema.validate(json.loads((tmp_path / "kept.json").read_text()), SCHEMA)


def test_calibrate_json_is_what_it_stores(attnbench, tmp_path):
    said = attnbench.ok("calibrate", "--quick", "--seconds", "0.01", "--json", "--out", tmp_path / "c.json")
    assert json.loads(said) == json.loads((tmp_path / "c.json").read_text())


def test_mistakes_are_refused_before_anything_is_measured(attnbench):
    assert "--seconds" in attnbench.refused("calibrate", "--seconds", "-1")
    assert "--scale" in attnbench.refused("doctor", "--scale", "0")


def test_a_run_takes_the_kept_calibration(attnbench, tmp_path, ceilings):
    kept = tmp_path / "c.json"
    high = quiet(ceilings)
    for peak in high["fma_peak"]:
        peak["gflops"] *= 1e3  # no probe exceeds it
    kept.write_text(json.dumps(high))
    done = attnbench("run", *SMALL, "--out", "r", ATTNBENCH_CALIBRATION=str(kept))
    assert done.returncode == 0, done.stderr
    assert "measuring its ceilings" not in done.stderr
    assert json.loads((tmp_path / "r/run.json").read_text())["calibration"] == high
    assert kept.exists()


def test_a_run_whose_probes_exceed_the_calibrated_peak_says_so_and_keeps_it_no_longer(attnbench, tmp_path, ceilings):
    kept = tmp_path / "c.json"
    low = quiet(ceilings)
    for peak in low["fma_peak"]:
        peak["gflops"] *= 1e-3
    kept.write_text(json.dumps(low))
    done = attnbench("run", *SMALL, "--out", "r", ATTNBENCH_CALIBRATION=str(kept))
    assert done.returncode == 0, done.stderr
    assert "the calibration is invalid: the peak probed beside" in done.stderr
    assert not kept.exists()


def test_a_kept_calibration_that_contradicts_itself_is_measured_again(attnbench, tmp_path, ceilings):
    kept = tmp_path / "c.json"
    starved = quiet(ceilings)
    first = starved["fma_peak"][0]
    peaks = [first | {"threads": 1, "gflops": 118.2}, first | {"threads": 4, "gflops": 117.6}]
    starved |= {"cores": 4, "physical_cores": 4, "fma_peak": peaks}
    kept.write_text(json.dumps(starved))
    done = attnbench("run", *SMALL, "--out", "r", ATTNBENCH_CALIBRATION=str(kept))
    assert done.returncode == 0, done.stderr
    assert "the stored calibration is invalid" in done.stderr
    assert "gave 117.6 GFLOP/s on 4 threads and 118.2 on 1 thread: measuring its ceilings" in done.stderr


def test_a_run_measures_the_ceilings_when_none_are_kept_or_they_are_stale(attnbench, tmp_path, ceilings):
    kept = tmp_path / "c.json"
    kept.write_text(json.dumps(quiet(ceilings) | {"created": "2020-01-01T00:00:00Z"}))
    done = attnbench("run", *SMALL, "--out", "r", ATTNBENCH_CALIBRATION=str(kept))
    assert done.returncode == 0, done.stderr
    assert "days old: measuring its ceilings" in done.stderr
    stored = json.loads((tmp_path / "r/run.json").read_text())["calibration"]
    if "not used" in done.stderr:  # the machine that tests this may be busy
        assert stored is None
    elif "not kept" in done.stderr or "no longer kept" in done.stderr:
        assert stored["created"] > "2020-01-02"
    else:
        assert stored == json.loads(kept.read_text())
        assert stored["created"] > "2020-01-02"


def test_a_run_goes_without_ceilings_when_told_to(attnbench, tmp_path):
    done = attnbench("run", *SMALL, "--out", "r", "--no-calibrate", ATTNBENCH_CALIBRATION=str(tmp_path / "none.json"))
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "r/run.json").read_text())["calibration"] is None
    assert not (tmp_path / "none.json").exists()


def test_an_interrupt_while_a_run_calibrates_stops_the_run(binary, tmp_path):
    environment = os.environ | {"ATTNBENCH_CALIBRATION": str(tmp_path / "none.json")}
    command = [binary, "run", *SMALL, "--out", "r"]
    run = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    while "measuring its ceilings" not in run.stderr.readline():
        assert run.poll() is None
    os.kill(run.pid, signal.SIGINT)
    assert run.wait(timeout=60) == 130
    assert json.loads((tmp_path / "r/run.json").read_text())["status"] == "interrupted"
    assert (tmp_path / "r/records.jsonl").read_text() == ""


def test_doctor_judges_machine_clock_noise_and_statistics(attnbench):
    done = attnbench("doctor", "--quick", "--json", "--scale", "0.1")
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(done.stdout)
    checks = said["checks"]
    assert [group for group in dict.fromkeys(c["group"] for c in checks)] == ["machine", "clock", "noise", "statistics"]
    assert {c["health"] for c in checks} <= {"OK", "WARN", "FAIL"}
    assert done.returncode == (1 if any(c["health"] == "FAIL" for c in checks) else 0)
    assert all(c["advice"] for c in checks if c["health"] == "FAIL")
    names = {c["name"] for c in checks}
    assert {"governor", "load", "monotonic", "A/A false positives", "twice is twice", "exponent of n^2"} <= names
    assert all(length["medians"] for length in said["measurements"]["noise"])


def test_doctor_says_so_when_it_has_no_statistics(attnbench):
    done = attnbench("doctor", "--quick", "--scale", "0.05", ATTNBENCH_PYTHON="/nonexistent/python")
    assert done.returncode == 1
    assert "FAIL  reports package" in done.stdout
    assert f"{ROOT}/scripts/setup.sh" in done.stdout


def test_doctor_stops_at_an_interrupt(binary, tmp_path):
    doctor = subprocess.Popen(
        [binary, "doctor"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while "measuring" not in doctor.stderr.readline():
        time.sleep(0.01)
    os.kill(doctor.pid, signal.SIGINT)
    assert doctor.wait(timeout=60) == 130
    assert doctor.stdout.read() == ""


def test_doctor_writes_a_script_that_tunes_the_machine_and_measures_nothing(attnbench):
    done = attnbench("doctor", "--tune")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith("#!/bin/sh\n")
    assert subprocess.run(["sh", "-n"], input=done.stdout, text=True).returncode == 0
    assert "--tune" in attnbench.refused("doctor", "--tune", "--quick")
