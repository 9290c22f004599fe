"""The comparison in the terminal: what differs around it, one aligned block per setting, and what it comes to."""

from attnbench.compare.model import Compared, Mean, Row
from attnbench.compare.table import DESIGNS, counts, ratio_interval, rounds
from attnbench.pages.columns import Column, Table, number
from attnbench.pages.terminal import table_text
from attnbench.pages.view import NOTHING, View
from attnbench.stats.intervals import Interval
from attnbench.support import units
from attnbench.support.text import aligned, plain

COLOURS = {"SLOWER": "31", "FASTER": "32", "UNDECIDED": "33", "SAME": "2"}  # ANSI: red, green, yellow, faint
MOST_MEANS = 12  # variants whose own means are listed beside the overall one
MOST_LEFT = 8  # cases that are not compared are listed up to here


def terminal(found: Compared, colour: bool = False, view: View | None = None) -> str:
    """A view arranges the rows of each block; what the comparison comes to is said of all rows."""
    blocks = [plain(_head(found))]
    if found.environment:
        blocks.append(_environment(found))
    tables = []
    for setting in dict.fromkeys(row.key.setting for row in found.rows):
        rows = [row for row in found.rows if row.key.setting == setting]
        if block := _block(rows, view or View(), colour):
            tables.append((f"{plain(setting)}\n" if setting else "") + block)
    blocks += tables or [NOTHING] * bool(found.rows)
    blocks.append(plain(_foot(found)))
    return "\n\n".join(blocks)


def _head(found: Compared) -> str:
    return f"base  {found.base.label}\nnew   {found.new.label}\n{DESIGNS[found.design]}"


def _environment(found: Compared) -> str:
    lines = [["different", "base", "new"], *([d.name, d.base, d.new] for d in found.environment)]
    return aligned(lines, "lll")


def terminal_columns() -> list[Column]:
    """What a comparison prints of each row, whatever is compared."""
    return [
        Column("variant", lambda r: r.key.variant),
        number("n", lambda n: units.DASH if n is None else str(n), lambda r: r.key.n),
        Column("base", lambda r: _time(r.measured.base_s, r.base_interval), lambda r: r.measured.base_s, unit="s"),
        Column("new", lambda r: _time(r.measured.new_s, r.new_interval), lambda r: r.measured.new_s, unit="s"),
        number("ratio", units.ratio_text, lambda r: r.measured.ratio),
        Column("95 % interval", lambda r: ratio_interval(r.measured.interval)),
        Column("change", lambda r: units.change(r.measured.ratio), lambda r: r.measured.ratio - 1, unit="%"),
        Column("verdict", lambda r: str(r.judged.verdict)),
        number("detectable", units.percent, lambda r: r.minimum_effect),
        Column("rounds", rounds, lambda r: min(r.measured.rounds)),
    ]


def _block(rows: list[Row], view: View, colour: bool) -> str:
    """The rows of one setting; "" where the view shows none."""
    table = Table("comparison", terminal_columns(), rows)
    sized = any(row.key.n is not None for row in rows)
    shown = view.arranged(table, [c for c in table.columns if c.title != "n" or sized])
    return table_text(shown, _painted if colour else None) if shown.rows else ""


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
