"""The comparison in the terminal: what differs around it, one aligned block per setting, and what it comes to."""

import re
from collections.abc import Callable

from attnbench_reports import units
from attnbench_reports.compare.model import Compared, Mean, Row
from attnbench_reports.compare.table import DESIGNS, counts, ratio_interval, rounds
from attnbench_reports.stats.intervals import Interval
from attnbench_reports.text import plain

COLOURS = {"SLOWER": "31", "FASTER": "32", "UNDECIDED": "33", "SAME": "2"}  # ANSI: red, green, yellow, faint
MOST_MEANS = 12  # variants whose own means are listed beside the overall one
MOST_LEFT = 8  # cases that are not compared are listed up to here


def terminal(found: Compared, colour: bool = False) -> str:
    blocks = [plain(_head(found))]
    if found.environment:
        blocks.append(_environment(found))
    settings = list(dict.fromkeys(row.key.setting for row in found.rows))
    for setting in settings:
        rows = [row for row in found.rows if row.key.setting == setting]
        blocks.append((f"{plain(setting)}\n" if setting else "") + _block(rows, colour))
    blocks.append(plain(_foot(found)))
    return "\n\n".join(blocks)


def _head(found: Compared) -> str:
    return f"base  {found.base.label}\nnew   {found.new.label}\n{DESIGNS[found.design]}"


def _environment(found: Compared) -> str:
    lines = [["different", "base", "new"], *([d.name, d.base, d.new] for d in found.environment)]
    return _aligned(lines, "lll")


def _block(rows: list[Row], colour: bool) -> str:
    lines = [["variant", "n", "base", "new", "ratio", "95 % interval", "change", "verdict", "detectable", "rounds"]]
    for row in rows:
        m = row.measured
        lines.append([
            row.key.variant, units.DASH if row.key.n is None else str(row.key.n),
            _time(m.base_s, row.base_interval), _time(m.new_s, row.new_interval),
            units.ratio_text(m.ratio), ratio_interval(m.interval), units.change(m.ratio), str(row.judged.verdict),
            units.percent(row.minimum_effect), rounds(row),
        ])  # fmt: skip
    if all(row.key.n is None for row in rows):
        lines = [[line[0], *line[2:]] for line in lines]
        return _aligned(lines, "lllrlrlrr", _painted if colour else None)
    return _aligned(lines, "lrllrlrlrr", _painted if colour else None)


def _time(median: float, interval: Interval | None) -> str:
    """1.23 ms ±1.4 %: half the width of the interval; the pages print both ends."""
    if interval is None:
        return units.seconds(median)
    return f"{units.seconds(median)} ±{units.percent((interval.high - interval.low) / 2 / median)}"


def _foot(found: Compared) -> str:
    lines = [f"{counts(found)}; {found.margin}."]
    means = [found.overall, *(found.means if len(found.means) <= MOST_MEANS else [])]
    lines.append(
        f"Geometric mean of the ratios: {', '.join(map(_mean, means if len(found.means) > 1 else means[:1]))}."
    )
    if found.left:
        lines.append(f"{units.plural(len(found.left), 'case')} not compared:")
        lines += [f"  {x.key.name}: {x.why}" for x in found.left[:MOST_LEFT]]
        if len(found.left) > MOST_LEFT:
            lines.append(f"  and {len(found.left) - MOST_LEFT} more")
    return "\n".join(lines + [f"warning: {line}" for line in found.warnings])


def _mean(mean: Mean) -> str:
    return f"{mean.variant} {units.ratio_text(mean.ratio)} {ratio_interval(mean.interval)}".removesuffix(
        f" {units.DASH}"
    )


def _painted(text: str) -> str:
    code = COLOURS.get(text.strip())
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


def _aligned(lines: list[list[str]], sides: str, paint: Callable[[str], str] | None = None) -> str:
    """`sides`: l or r for each column."""
    lines = [[plain(text) for text in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        [text.rjust(w) if side == "r" else text.ljust(w) for text, w, side in zip(line, widths, sides, strict=True)]
        for line in [lines[0], ["─" * w for w in widths], *lines[1:]]
    ]
    text = "\n".join("  ".join(map(paint, line) if paint else line) for line in padded)
    return re.sub(r" +$", "", text, flags=re.MULTILINE)
