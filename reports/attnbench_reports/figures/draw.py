"""Draws every figure of a report and writes each as SVG, PNG and PDF."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from attnbench_reports.figures import error_time, local_slope, quantities, weights
from attnbench_reports.figures.against_n import against_n
from attnbench_reports.figures.style import RC, Looks
from attnbench_reports.load.heatmaps import Heatmap
from attnbench_reports.model import Report

# Fixed, so that the same data gives the same bytes.
METADATA = {
    "svg": {"Date": None, "Creator": "attnbench"},
    "png": {"Software": "attnbench"},
    "pdf": {"CreationDate": None},
}
PNG_DPI = 150


QUANTITIES = (quantities.TIME, quantities.SPEEDUP, quantities.MEMORY, quantities.USEFUL, quantities.DENSE)


@dataclass(frozen=True)
class Drawn:
    name: str  # file name without its ending
    group: str  # heading it stands under: a setting, or the problem of the heat maps
    title: str
    caption: str
    svg: str

    @property
    def shows_weights(self) -> bool:
        return self.title == weights.TITLE


def draw_all(report: Report, folder: Path) -> list[Drawn]:
    folder.mkdir(parents=True)
    looks = Looks(report.variants, [run.label for run in report.runs])
    with plt.rc_context(RC):
        figures = itertools.chain(_panel_figures(report, looks), _weights_figures(report))
        return [
            Drawn(name, group, title, caption, _write(figure, folder, name))
            for name, group, title, caption, figure in figures
            if figure is not None
        ]


# name, group, title, caption, and the figure or None where there is nothing to show.
Planned = tuple[str, str, str, str, Figure | None]


def _panel_figures(report: Report, looks: Looks) -> Iterator[Planned]:
    groups = [str(panel.setting) for panel in report.panels]
    for panel, group, place in zip(report.panels, groups, _file_names(groups), strict=True):
        sizes = len(panel.sizes)
        for q in QUANTITIES:
            yield q.name + place, group, q.heading(sizes), q.explained(sizes), against_n(report, looks, panel, q)
        yield (f"error_time{place}", group, error_time.TITLE, error_time.CAPTION,
               error_time.error_time(report, looks, panel))  # fmt: skip
        yield (f"local_slope{place}", group, local_slope.TITLE, local_slope.CAPTION,
               local_slope.local_slope(report, looks, panel))  # fmt: skip


def _weights_figures(report: Report) -> Iterator[Planned]:
    """One figure per problem whose attention matrices were read off."""
    groups: dict[str, list[Heatmap]] = {}
    for item in report.heatmaps:
        groups.setdefault(f"{item.dataset} · {item.problem}", []).append(item)
    for (group, maps), place in zip(groups.items(), _file_names(list(groups)), strict=True):
        yield f"weights{place}", group, weights.TITLE, weights.CAPTION, weights.weights_figure(report, maps)


def _file_names(headings: list[str]) -> list[str]:
    """Endings that tell panels apart: none for a single one, else numbered with what they hold."""
    if len(headings) == 1:
        return [""]
    return [f"_{i}_{re.sub('[^A-Za-z0-9=.]+', '-', heading).strip('-')[:60]}" for i, heading in enumerate(headings, 1)]


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
