"""Runs the real binary, from a plan to a report, as a user would."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def binary() -> Path:
    path = Path(os.environ.get("ATTNBENCH_BINARY", ROOT / "build" / "attnbench"))
    if not path.exists():
        pytest.fail(f"{path} is not built; run scripts/build.sh or set ATTNBENCH_BINARY")
    return path


def run(*command, timeout=300, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout, **options)


def records(directory: Path) -> list[dict]:
    return [json.loads(line) for line in (directory / "records.jsonl").read_text().splitlines()]
