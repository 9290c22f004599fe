"""A stand-in for the attnbench binary: `attnbench run --out DIR ...` copies the run of one round that lies beside it,
its times with fresh noise of 0.5 %. Files named `fail`, `usage` or `hang` beside it make it end badly or wait.

Standard library only: it is started a hundred times.
"""

import json
import random
import sys
import time
from pathlib import Path

if sys.argv[1:] == ["--version"]:
    print("attnbench 0.0.0 (stand-in)")
    sys.exit(0)
here = Path(__file__).resolve().parent
calls = Path(*here.parts[: here.parts.index("made")] if "made" in here.parts else here.parent.parts) / "calls"
with calls.open("a") as file:
    file.write(here.name + "\n")
if (here / "hang").exists():
    (here / "hanging").touch()
    time.sleep(60)
if (here / "usage").exists():
    print("attnbench: unknown variant 'nonsense'; see attnbench list", file=sys.stderr)
    sys.exit(2)
if (here / "fail").exists():
    print("attnbench: internal error: it broke", file=sys.stderr)
    sys.exit(70)

arguments = sys.argv[1:]
assert arguments[0] == "run" and arguments[arguments.index("--rounds") + 1] == "1", arguments
noise = random.Random(len(calls.read_text()))
out = Path(arguments[arguments.index("--out") + 1])
out.mkdir()
(out / "run.json").write_text((here / "run" / "run.json").read_text())
with (out / "records.jsonl").open("w") as file:
    for line in (here / "run" / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        if "time" in record:
            record["time"]["samples_s"] = [noise.gauss(1, 0.005) * s for s in record["time"]["samples_s"]]
        file.write(json.dumps(record) + "\n")
