"""Which figures a report has, in the order in which they stand: per setting, across settings, and the heat maps."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from matplotlib.figure import Figure

from attnbench.figures import (
    crossover_map,
    distribution,
    local_slope,
    memory_checked,
    quantities,
    roofline,
    threads,
    tradeoffs,
    weights,
)
from attnbench.figures.against_n import against_n, rows_against_n
from attnbench.figures.missing import Missing
from attnbench.figures.style import Looks
from attnbench.load.heatmaps import Heatmap
from attnbench.model import Report
from attnbench.stats.points import Point
from attnbench.stats.series import Panel

ACROSS = "Across settings"
# Every figure takes half a second of a core and 20 KB of the page: the first settings have all of theirs, further ones
# two each, and the rest none.
FULL_SETTINGS, MOST_SETTINGS = 2, 8
MOST_MAPS = 4
MOST_THREAD_FIGURES = 2


class Planned(NamedTuple):
    name: str  # file name without its ending
    group: str  # heading it stands under: a setting, or the problem of the heat maps
    title: str
    caption: str
    draw: Callable[[], Figure | Missing]
    data: Callable[[], list[dict]] = list  # what it shows, as rows of a table; empty where the table of cases does


def planned(report: Report, looks: Looks, everything: bool = False) -> Iterator[Planned]:
    """None is drawn yet: the caller draws, writes and closes one after the other. `everything` leaves none out."""
    full, most = (len(report.panels), len(report.panels)) if everything else (FULL_SETTINGS, MOST_SETTINGS)
    yield from _across_settings(report, looks, everything)
    panels = report.panels[:most]
    groups = [str(panel.setting) for panel in panels]
    for i, (panel, group, place) in enumerate(zip(panels, groups, _file_names(groups), strict=True)):
        yield from _of_setting(report, looks, panel, group, place, i < full)
    if len(report.panels) > full:
        why = (f"of {len(report.panels)} settings the first {full} have all figures and the next {most - full} two "
               "each; the tables hold all of them, and attnbench export RUN --format figures draws all")  # fmt: skip
        yield Planned("further_settings", ACROSS, "Further settings", "", lambda: Missing(why))
    yield from _heat_maps(report)


def _of_setting(report: Report, looks: Looks, panel: Panel, group: str, place: str, full: bool) -> Iterator[Planned]:
    sizes = len(panel.sizes)

    def against(q: quantities.Quantity) -> Planned:
        return Planned(q.name + place, group, q.heading(sizes),
                       q.explained(sizes, report.yardstick if panel.crowded else None),
                       partial(against_n, report, looks, panel, q), partial(rows_against_n, panel, q))  # fmt: skip

    yield against(quantities.TIME)
    if not full:
        yield against(quantities.speedup_over(report.yardstick))
        return
    yield Planned(f"distribution{place}", group, distribution.TITLE, distribution.caption(panel),
                  partial(distribution.distribution, report, looks, panel),
                  partial(distribution.rows, panel))  # fmt: skip
    yield Planned(f"local_slope{place}", group, local_slope.TITLE, local_slope.caption(report, panel),
                  partial(local_slope.local_slope, report, looks, panel))  # fmt: skip
    yield against(quantities.speedup_over(report.yardstick))
    for price in (tradeoffs.TIME, tradeoffs.MEMORY):
        yield Planned(price.name + place, group, price.title, price.caption(panel),
                      partial(tradeoffs.tradeoff, report, looks, panel, price),
                      partial(tradeoffs.rows, panel, price))  # fmt: skip
    yield against(quantities.MEMORY)
    yield Planned(f"roofline{place}", group, roofline.TITLE, roofline.caption(report, panel),
                  partial(roofline.roofline, report, looks, panel))  # fmt: skip
    for quantity in (quantities.SHARE, quantities.USEFUL, quantities.DENSE):
        yield against(quantity)
    yield Planned(f"memory_checked{place}", group, memory_checked.TITLE, memory_checked.caption(panel),
                  partial(memory_checked.memory_checked, report, panel))  # fmt: skip


@dataclass(frozen=True)
class Family:
    """Panels that differ in one thing only, by its value in words and in ascending order."""

    axis: str  # "" for a panel that stands alone
    rest: str  # what they share
    panels: dict[str, Panel]


AXES = {"d": "head dimension d", "heads": "heads", "batch": "batch", "threads": "threads"}


def families(panels: list[Panel]) -> list[Family]:
    """Every family of two panels and more, then the panels that belong to none."""
    found, alone = [], dict(enumerate(panels))
    for axis, name in AXES.items():
        groups: dict[tuple, dict[str, tuple[int, Panel]]] = {}
        for i, panel in enumerate(panels):
            at = _coordinates(panel)
            groups.setdefault(tuple(v for k, v in at.items() if k != axis), {})[at[axis]] = (i, panel)
        for members in groups.values():
            if len(members) > 1:
                values = sorted(members, key=lambda value: [int(number) for number in value.split(":")])
                shared = {k: v for k, v in _coordinates(next(iter(members.values()))[1]).items() if k != axis}
                found.append(Family(name, _words(shared), {value: members[value][1] for value in values}))
                for i, _ in members.values():
                    alone.pop(i, None)
    return found + [Family("", str(panel.setting), {"": panel}) for panel in alone.values()]


def _coordinates(panel: Panel) -> dict[str, str]:
    shape = panel.series[0].points[0].case.shape
    rest = [token for token in panel.setting.problem.split() if not re.match(r"[bhd]\d", token)]
    pair = {"d": ("d_qk", "d_v"), "heads": ("heads_q", "heads_kv")}
    return {
        "dataset": panel.setting.dataset, "batch": str(shape["batch"]),
        **{name: ":".join(str(v) for v in dict.fromkeys(shape[k] for k in keys)) for name, keys in pair.items()},
        "threads": str(panel.setting.threads), "mask": " ".join(rest),
        "cache": "cold cache" if panel.setting.cache == "cold" else "",
    }  # fmt: skip


def _words(shared: dict[str, str]) -> str:
    short = {"batch": "b", "d": "d", "heads": "h", "threads": "threads "}
    return " · ".join(f"{short.get(name, '')}{value}" for name, value in shared.items() if value)


def _across_settings(report: Report, looks: Looks, everything: bool) -> Iterator[Planned]:
    every = families(report.panels)
    by_threads = [f for f in every if f.axis == AXES["threads"]][: None if everything else MOST_THREAD_FIGURES]
    for i, family in enumerate(by_threads, 1):
        place = f"_{i}" if len(by_threads) > 1 else ""
        yield Planned(f"thread_scaling{place}", ACROSS, f"{threads.TITLE}: {family.rest}",
                      threads.caption(report, list(family.panels.values())),
                      partial(threads.thread_scaling, report, looks, list(family.panels.values())),
                      partial(threads.rows, list(family.panels.values())))  # fmt: skip
    if not by_threads:
        yield Planned("thread_scaling", ACROSS, threads.TITLE, threads.CAPTION, lambda: threads.WITHOUT)
    maps = [(run.label, family) for family in every for run in report.runs][: None if everything else MOST_MAPS]
    for i, (run, family) in enumerate(maps, 1):
        places = {value: _timed(panel, run) for value, panel in family.panels.items()}
        whose = f"{report.tag(run)}, " if report.several_runs else ""
        title = f"{crossover_map.TITLE} at n × {family.axis}" if family.axis else crossover_map.TITLE
        yield Planned(f"crossover_map_{i}" if len(maps) > 1 else "crossover_map", ACROSS,
                      f"{title}: {whose}{family.rest}", crossover_map.CAPTION,
                      partial(crossover_map.crossover_map, report, looks, places, family.axis))  # fmt: skip


def _timed(panel: Panel, run: str) -> list[Point]:
    return [point for series in panel.series if series.run == run for point in series.timed]


def _heat_maps(report: Report) -> Iterator[Planned]:
    """One figure per problem whose attention matrices were read off."""
    groups: dict[str, list[Heatmap]] = {}
    for item in report.heatmaps:
        groups.setdefault(f"{item.dataset} · {item.problem}", []).append(item)
    for (group, maps), place in zip(groups.items(), _file_names(list(groups)), strict=True):
        yield Planned(f"weights{place}", group, weights.TITLE, weights.caption(report, maps),
                      partial(weights.weights_figure, report, maps))  # fmt: skip


def _file_names(headings: list[str]) -> list[str]:
    """Endings that tell panels apart: none for a single one, else numbered with what they hold."""
    if len(headings) == 1:
        return [""]
    return [f"_{i}_{re.sub('[^A-Za-z0-9=.]+', '-', heading).strip('-')[:60]}" for i, heading in enumerate(headings, 1)]
