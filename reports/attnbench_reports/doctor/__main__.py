"""The command: python -m attnbench_reports.doctor MEASUREMENTS.json CHECKS.json, called by attnbench doctor."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from attnbench_reports.doctor.checks import judge_measurements


def main(measurements: str, checks: str) -> int:
    judged = judge_measurements(json.loads(Path(measurements).read_text()))
    Path(checks).write_text(json.dumps([asdict(check) for check in judged], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
