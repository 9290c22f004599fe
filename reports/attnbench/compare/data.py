"""comparison.json: the comparison as data (reports/comparison.schema.json), times in seconds; and its CSV."""

import csv
import io

from attnbench.compare.model import Compared, Mean, Row
from attnbench.compare.sides import Side
from attnbench.stats.intervals import Interval
from attnbench.support.tables import safe_cell
from attnbench.support.text import plain_json

COMPARISON_VERSION = 1


def as_json(found: Compared) -> dict:
    return {
        "comparison_version": COMPARISON_VERSION,
        "design": found.design,
        "base": _side(found.base),
        "new": _side(found.new),
        "environment_differences": [{"name": d.name, "base": d.base, "new": d.new} for d in found.environment],
        "warnings": found.warnings,
        "counts": {str(verdict): count for verdict, count in found.counts.items()},
        "geometric_mean": _mean(found.overall),
        "geometric_means": [{"variant": m.variant, **_mean(m)} for m in found.means],
        "rows": [_row(row) for row in found.rows],
        "not_compared": [
            {**_key(x), "why": x.why, "lost": x.lost is not None, "loss": x.lost and str(x.lost)} for x in found.left
        ],
    }


def json_text(found: Compared) -> str:
    return plain_json(as_json(found), indent=1) + "\n"


def csv_text(found: Compared) -> str:
    """One line per row, the values of comparison.json; intervals spread over two columns."""
    lines = [_flat(_row(row)) for row in found.rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, lines[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: safe_cell(value) for name, value in line.items()} for line in lines)
    return text.getvalue()


def _side(side: Side) -> dict:
    return {"label": side.label, "created": side.created, "command": side.command, "machine": side.machine,
            "fresh_processes": side.fresh_processes, "starts": [part.label for part in side.parts or (side,)],
            "random_order": side.random_order}  # fmt: skip


def _mean(mean: Mean) -> dict:
    return {"ratio": mean.ratio, "interval": _ends(mean.interval), "rows": mean.rows}


def _key(row) -> dict:
    return {name: getattr(row.key, name) for name in ("dataset", "problem", "variant", "threads", "cache")}


def _row(row: Row) -> dict:
    m, judged = row.measured, row.judged
    return {
        **_key(row), "n": row.key.n,
        "base_s": m.base_s, "base_interval_s": _ends(row.base_interval),
        "new_s": m.new_s, "new_interval_s": _ends(row.new_interval),
        "ratio": m.ratio, "ratio_interval": _ends(m.interval), "adjusted_interval": _ends(judged.adjusted),
        "p_value": m.p_value, "p_adjusted": judged.p_adjusted, "margin": judged.margin,
        "verdict": str(judged.verdict), "reason": judged.reason, "minimum_effect": row.minimum_effect,
        "base_rounds": m.rounds[0], "new_rounds": m.rounds[1],
        "base_starts": m.starts[0], "new_starts": m.starts[1],
        "base_reproducer": row.base.reproducer, "new_reproducer": row.new.reproducer,
    }  # fmt: skip


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _flat(row: dict) -> dict:
    flat = {}
    for name, value in row.items():
        if "interval" in name:
            stem = name.replace("_s", "") if name.endswith("_s") else name
            flat[f"{stem}_low"], flat[f"{stem}_high"] = value or ("", "")
        else:
            flat[name] = "" if value is None else value
    return flat
