"""Draws every figure of a report and writes each as SVG, PNG and PDF."""

import os
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from html import escape
from multiprocessing import get_context
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from attnbench_reports.figures import weights
from attnbench_reports.figures.catalogue import Planned, planned
from attnbench_reports.figures.missing import Missing
from attnbench_reports.figures.style import RC, Looks
from attnbench_reports.model import Report

# Fixed, so that the same data gives the same bytes.
METADATA = {
    "svg": {"Date": None, "Creator": "attnbench"},
    "png": {"Software": "attnbench"},
    "pdf": {"CreationDate": None},
}
PNG_DPI = 150
WIDE_PT = 670
MOST_PROCESSES, WORTH_A_PROCESS = 8, 8  # figures for which starting another process pays


@dataclass(frozen=True)
class Drawn:
    name: str  # file name without its ending
    group: str  # heading it stands under: a setting, or the problem of the heat maps
    title: str
    caption: str
    svg: str

    @property
    def wide(self) -> bool:
        """Too wide to be read in half the page."""
        return float(re.search(r'<svg[^>]*?\bwidth="([\d.]+)pt"', self.svg)[1]) > WIDE_PT

    @property
    def shows_weights(self) -> bool:
        return self.title == weights.TITLE


@dataclass(frozen=True)
class NotDrawn:
    """A figure that has no data: what is lacking, what to run, and under which headings."""

    title: str
    why: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    drawn: list[Drawn]
    missing: list[NotDrawn]


def draw_all(report: Report, folder: Path) -> Figures:
    """Drawing takes half a second each, so several processes share them where there are many."""
    folder.mkdir(parents=True)
    looks = Looks(report.variants, [run.label for run in report.runs])
    plans = list(planned(report, looks))
    shares = min(os.cpu_count() or 1, MOST_PROCESSES, 1 + len(plans) // WORTH_A_PROCESS)
    if shares == 1:
        outcomes = [_draw(plan, folder) for plan in plans]
    else:
        with ProcessPoolExecutor(shares, get_context("fork"), _inherit, (plans, folder)) as pool:
            outcomes = list(pool.map(_draw_inherited, range(len(plans))))
    missing: dict[tuple[str, str], list[str]] = {}
    for plan, outcome in zip(plans, outcomes, strict=True):
        if isinstance(outcome, Missing):
            missing.setdefault((plan.title, outcome.why), []).append(plan.group)
    not_drawn = [NotDrawn(*what, tuple(dict.fromkeys(groups))) for what, groups in missing.items()]
    return Figures([outcome for outcome in outcomes if isinstance(outcome, Drawn)], not_drawn)


_inherited: tuple[list[Planned], Path]  # of a forked process: plans hold functions, which no pickle carries


def _inherit(plans: list[Planned], folder: Path) -> None:
    global _inherited
    _inherited = plans, folder


def _draw_inherited(place: int) -> Drawn | Missing:
    plans, folder = _inherited
    return _draw(plans[place], folder)


def _draw(plan: Planned, folder: Path) -> Drawn | Missing:
    with plt.rc_context(RC):
        outcome = plan.draw()
        if isinstance(outcome, Missing):
            return outcome
        return Drawn(plan.name, plan.group, plan.title, plan.caption, _write(outcome, folder, plan.name))


def _write(figure: Figure, folder: Path, name: str) -> str:
    for ending, metadata in METADATA.items():
        figure.savefig(folder / f"{name}.{ending}", metadata=metadata, dpi=PNG_DPI, facecolor="white")
    plt.close(figure)
    return (folder / f"{name}.svg").read_text(encoding="utf-8")


def inline_svg(drawn: Drawn) -> str:
    """The SVG element for a page: no prolog, scalable, named for screen readers, ids of its own."""
    svg = drawn.svg[drawn.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    # Images are named by their content, which equal matrices share; nothing refers to them.
    svg = re.sub(r'(<image [^>]*?)\bid="[^"]*"', r"\1", svg, flags=re.S)
    svg = re.sub(r'(\bid="|url\(#|xlink:href="#)', lambda m: f"{m.group(1)}{drawn.name}-", svg)
    label = escape(f"{drawn.title}, {drawn.group}")
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
