"""The command: python -m attnbench.doctor MEASUREMENTS.json CHECKS.json, called by attnbench doctor."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from attnbench.doctor.checks import judge_measurements
from attnbench.support.errors import run_command
from attnbench.support.json_file import read_json


def main(measurements: str, checks: str) -> int:
    return run_command(lambda: _judge(Path(measurements), Path(checks)))


def _judge(measurements: Path, checks: Path) -> int:
    judged = judge_measurements(read_json(measurements, "run attnbench doctor again"))
    checks.write_text(json.dumps([asdict(check) for check in judged], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
