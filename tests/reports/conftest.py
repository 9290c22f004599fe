"""Reports made once and looked at by many tests."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from attnbench.__main__ import main
from attnbench.model import Report, build_model
from synthetic_runs import ALL_STATUSES, LAWS, Law, Recipe, make_run

HOSTILE = "</script><script>alert(1)</script>"
DATASET = 'text:"><img src=x onerror=alert(1)>.txt'


@dataclass(frozen=True)
class Made:
    run: Path
    folder: Path
    stdout: str

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    @property
    def html(self) -> str:
        return self.read("report.html")

    @property
    def summary(self) -> dict:
        return json.loads(self.read("summary.json"))


def report_of(*arguments: Path | str) -> str:
    """Runs the command and returns what it printed."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        assert main([str(a) for a in arguments]) == 0
    return output.getvalue()


@pytest.fixture(scope="session")
def full(tmp_path_factory) -> Made:
    """Ten variants, every status, heat maps with words; made without --out."""
    run = make_run(tmp_path_factory.mktemp("full") / "run", Recipe(bad=ALL_STATUSES))
    return Made(run, run / "report", report_of(run))


@pytest.fixture(scope="session")
def compared(tmp_path_factory) -> Made:
    """Two runs of few rounds and sizes, one size in the second; names that are markup; heat maps without words."""
    folder = tmp_path_factory.mktemp("compared")
    laws = (LAWS[0], Law(f"odd{HOSTILE}|$x^2$", "exact_softmax", 2, 0.01, 1, 1e-7))
    recipe = Recipe(laws=laws, dataset=DATASET, sizes=(128, 256, 512), rounds=3, weights=0)
    first = make_run(folder / "first", recipe)
    second = make_run(
        folder / "second", Recipe(run_id="second", laws=laws[:1], dataset=DATASET, sizes=(256,), rounds=3, labels=False)
    )
    text = (second / "run.json").read_text().replace('"g++ 12.2"', '"g++ 13.1"')
    (second / "run.json").write_text(text)
    return Made(first, folder / "out", report_of(first, second, "--out", folder / "out"))


@pytest.fixture(scope="session")
def standard(tmp_path_factory) -> Report:
    """Ten rounds of 1 % noise from process to process, half of them in a second session; one sample far off."""
    recipe = Recipe(laws=(LAWS[0], LAWS[5], LAWS[9]), weights=0, sessions=2)
    run = make_run(tmp_path_factory.mktemp("standard") / "run", recipe)
    records = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    for item in records:
        if item["kind"] == "time" and item["variant"] == "naive" and item["problem"].split()[2] == "n1024":
            item["time"]["stop"] = "narrow" if item["round"] == 9 else None
            if item["round"] == 4:
                item["time"]["samples_s"][1] *= 3
    (run / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    return build_model([run])
