"""Draws every figure of a report and writes each as SVG, PNG and PDF."""

import re
from collections.abc import Callable, Iterator
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


@dataclass(frozen=True)
class Drawn:
    name: str  # file name without its ending
    group: str  # heading it stands under: a setting, or the problem of the heat maps
    title: str
    caption: str
    svg: str


def draw_all(report: Report, folder: Path) -> list[Drawn]:
    folder.mkdir(parents=True)
    looks = Looks(report.variants, [run.label for run in report.runs])
    drawn = []
    with plt.rc_context(RC):
        for name, group, title, caption, make in _figures(report, looks):
            figure = make()
            if figure is not None:
                drawn.append(Drawn(name, group, title, caption, _write(figure, folder, name)))
    return drawn


def _figures(report: Report, looks: Looks) -> Iterator[tuple[str, str, str, str, Callable[[], Figure | None]]]:
    names = _file_names([str(panel.setting) for panel in report.panels])
    for panel, place in zip(report.panels, names, strict=True):
        group = str(panel.setting)
        for q in (quantities.TIME, quantities.SPEEDUP, quantities.MEMORY, quantities.USEFUL, quantities.DENSE):
            yield f"{q.name}{place}", group, q.title, q.caption, lambda p=panel, q=q: against_n(report, looks, p, q)
        for module, name, make in (
            (error_time, "error_time", error_time.error_time),
            (local_slope, "local_slope", local_slope.local_slope),
        ):
            yield f"{name}{place}", group, module.TITLE, module.CAPTION, lambda p=panel, m=make: m(report, looks, p)
    groups: dict[tuple[str, str], list[Heatmap]] = {}
    for item in report.heatmaps:
        groups.setdefault((item.dataset, item.problem), []).append(item)
    names = _file_names([f"{dataset} · {problem}" for dataset, problem in groups])
    for ((dataset, problem), maps), place in zip(groups.items(), names, strict=True):
        yield (f"weights{place}", f"{dataset} · {problem}", "Attention weights", weights.CAPTION,
               lambda m=maps: weights.weights_figure(report, m))  # fmt: skip


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
