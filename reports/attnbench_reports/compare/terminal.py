"""The comparison in the terminal: what differs around it, one aligned block per setting, and what it comes to."""

import re
from collections.abc import Callable

from attnbench_reports import units
from attnbench_reports.compare.model import Compared, Left, Row
from attnbench_reports.compare.table import DESIGNS, counts, ratio, ratio_interval, rounds
from attnbench_reports.stats.intervals import Interval

COLOURS = {"SLOWER": "31", "FASTER": "32", "UNDECIDED": "33", "SAME": "2"}  # ANSI: red, green, yellow, faint
MOST_LEFT = 8  # cases that are not compared are listed up to here


def terminal(found: Compared, colour: bool = False) -> str:
    blocks = [_head(found)]
    if found.environment:
        blocks.append(_environment(found))
    place = {mean.variant: i for i, mean in enumerate(found.means)}  # variants together, each in the order of its cases
    settings = list(dict.fromkeys(row.key.setting for row in found.rows))
    for setting in settings:
        rows = [row for row in found.rows if row.key.setting == setting]
        rows.sort(key=lambda row: place[row.key.variant])
        blocks.append((f"{setting}\n" if setting else "") + _block(rows, colour))
    blocks.append(_foot(found))
    return "\n\n".join(blocks)


def _head(found: Compared) -> str:
    return f"base  {found.base.label}\nnew   {found.new.label}\n{DESIGNS[found.design]}"


def _environment(found: Compared) -> str:
    lines = [["different", "base", "new"], *([d.name, d.base, d.new] for d in found.environment)]
    return _aligned(lines, "lll")


def _block(rows: list[Row], colour: bool) -> str:
    lines = [["variant", "n", "base", "new", "ratio", "95 % interval", "verdict", "detectable", "rounds"]]
    for row in rows:
        m = row.measured
        lines.append([
            row.key.variant, units.DASH if row.key.n is None else str(row.key.n),
            _time(m.base_s, row.base_interval), _time(m.new_s, row.new_interval), ratio(m.ratio),
            ratio_interval(m.interval), str(row.judged.verdict), units.percent(row.minimum_effect), rounds(row),
        ])  # fmt: skip
    if all(row.key.n is None for row in rows):
        lines = [[line[0], *line[2:]] for line in lines]
        return _aligned(lines, "lllrllrr", _painted if colour else None)
    return _aligned(lines, "lrllrllrr", _painted if colour else None)


def _time(median: float, interval: Interval | None) -> str:
    """1.23 ms ±1.4 %: half the width of the interval; the pages print both ends."""
    if interval is None:
        return units.seconds(median)
    return f"{units.seconds(median)} ±{units.percent((interval.high - interval.low) / 2 / median)}"


def _foot(found: Compared) -> str:
    lines = [f"{counts(found)}; {found.margin}."]
    means = ", ".join(f"{mean.variant} {ratio(mean.ratio)}" for mean in found.means)
    lines.append(f"Geometric mean of the ratios: {means}.")
    if found.left:
        lines.append(f"{units.plural(len(found.left), 'case')} not compared:")
        lines += [f"  {_case(x)}: {x.why}" for x in found.left[:MOST_LEFT]]
        if len(found.left) > MOST_LEFT:
            lines.append(f"  and {len(found.left) - MOST_LEFT} more")
    return "\n".join(lines + [f"warning: {line}" for line in found.warnings])


def _case(left: Left) -> str:
    return f"{left.key.variant}, {left.key.problem}" if left.key.problem else left.key.variant


def _painted(text: str) -> str:
    code = COLOURS.get(text.strip())
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


def _aligned(lines: list[list[str]], sides: str, paint: Callable[[str], str] | None = None) -> str:
    """`sides`: l or r for each column."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        [text.rjust(w) if side == "r" else text.ljust(w) for text, w, side in zip(line, widths, sides, strict=True)]
        for line in [lines[0], ["─" * w for w in widths], *lines[1:]]
    ]
    text = "\n".join("  ".join(map(paint, line) if paint else line) for line in padded)
    return re.sub(r" +$", "", text, flags=re.MULTILINE)
