"""Figures of a run of 47 variants: by family, with names that can be read, on a page that fits a phone."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from attnbench.figures import tradeoffs, weights
from attnbench.figures.against_n import against_n
from attnbench.figures.axes import fit_labels
from attnbench.figures.catalogue import ACROSS, planned
from attnbench.figures.labels import short_names, spread
from attnbench.figures.missing import Missing
from attnbench.figures.quantities import MEMORY, TIME, speedup_over
from attnbench.figures.style import FAMILY_COLOURS, OTHERS_COLOUR, FamilyLooks, looks_of, rc_for
from attnbench.figures.tiles import by_family
from attnbench.model import Report, build_model
from attnbench.pages.headline import headline
from attnbench.stats.series import MANY
from browser_test import look
from browser_test import pytestmark as needs_browser
from conftest import Made, report_of
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from synthetic_runs import Recipe, make_run
from zoo import COUNT, EXACT, FAMILIES, RECIPE, apart, zoo


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Report:
    run = make_run(tmp_path_factory.mktemp("zoo") / "run", replace(RECIPE, threads=(1, 2)))
    apart(run)
    return build_model([run])


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    run = make_run(tmp_path_factory.mktemp("zoo") / "run", RECIPE)
    apart(run)
    return Made(run, run / "report", report_of(run))


def figures_of(report: Report, width: float | None = None) -> Iterator[tuple[str, Figure]]:
    """Those across settings and of the first setting."""
    with plt.rc_context(rc_for(report.names.values(), width)):
        for plan in planned(report, looks_of(report)):
            if plan.group in (ACROSS, str(report.panels[0].setting)) or plan.name == "weights":
                outcome = plan.draw()
                if not isinstance(outcome, Missing):
                    fit_labels(outcome)
                    outcome.draw_without_rendering()
                    yield plan.name.partition("_1_")[0], outcome
                    plt.close(outcome)


def drawn(report: Report, quantity=TIME) -> Figure:
    with plt.rc_context(rc_for(report.names.values())):
        figure = against_n(report, looks_of(report), report.panels[0], quantity)
        figure.draw_without_rendering()
        plt.close(figure)
    return figure


def tiles_of(figure: Figure) -> list:
    return [ax for ax in figure.axes if ax.get_title(loc="left").partition(",")[0] in FAMILIES]


def part(ax, gid: str) -> list:
    return [artist for artist in (*ax.lines, *ax.texts) if artist.get_gid() == gid]


def texts_of(figure: Figure) -> list[Text]:
    """Everything written in the figure; of the ticks those that are within the axes."""
    found = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for ax in figure.axes:
        found += [*ax.texts, ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label]
        found += ax.get_legend().get_texts() if ax.get_legend() else []
        found += [text for axis in (ax.xaxis, ax.yaxis) for text in tick_labels(axis)]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def tick_labels(axis: Axis) -> list[Text]:
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def test_there_is_a_tile_for_each_family_in_their_order_and_the_probed_strip_once(report):
    figure = drawn(report)
    assert [ax.get_title(loc="left") for ax in figure.axes] == [*FAMILIES, "probed multiply-add peak, GFLOP/s"]
    tiles = tiles_of(figure)
    assert len({(ax.get_xlim(), ax.get_ylim(), *ax.get_window_extent().size.round(3)) for ax in tiles}) == 1
    assert len(tiles_of(drawn(report, speedup_over("blockwise")))) == len(drawn(report, MEMORY).axes) == len(FAMILIES)


@pytest.mark.parametrize("quantity", [TIME, MEMORY, speedup_over("blockwise")])
def test_every_variant_is_named_once_at_its_line(report, quantity):
    names = {}
    for ax in tiles_of(drawn(report, quantity)):
        for text in part(ax, "name"):
            names.setdefault(text.get_text().partition(",")[0].partition(":")[0], []).append(ax.get_title(loc="left"))
    assert names == {name: [family] for family, members in FAMILIES.items() for name in members.split()}


def test_all_other_variants_are_thin_grey_lines_behind_and_the_baseline_is_black_in_every_tile(report):
    for ax in tiles_of(drawn(report)):
        members = FAMILIES[ax.get_title(loc="left")].split()
        (others,), (baseline,) = part(ax, "others"), part(ax, "baseline")
        lines = np.split(others.get_ydata(), np.flatnonzero(np.isnan(others.get_ydata())) + 1)[:-1]
        hidden = {*members, report.baseline}
        assert [len(line) for line in lines] == [5 + 1] * (COUNT - len(hidden))
        assert (others.get_color(), others.get_linewidth() < 1) == (OTHERS_COLOUR, True)
        series = part(ax, "series")
        assert len(series) == len(members)
        assert all(others.zorder < line.zorder and baseline.zorder < line.zorder for line in series)
        assert baseline.get_color() == "#000000"
        assert baseline.get_ydata()[-1] == pytest.approx(
            next(s for s in report.panels[0].series if s.variant == report.baseline).largest.time.median_s
        )


def test_names_stand_at_the_height_of_their_lines_in_their_order(report):
    for ax in tiles_of(drawn(report)):
        leaders = part(ax, "leader")[::2]  # from the line's end to the name, then along the name
        ends = [line.get_ydata()[0] for line in leaders]
        heights = [text.get_position()[1] for text in part(ax, "name")]
        assert np.argsort(ends, kind="stable").tolist() == np.argsort(heights, kind="stable").tolist()
        assert [line.get_ydata()[1] for line in leaders] == pytest.approx(heights)


@pytest.mark.parametrize("width", [None, 3.33])
def test_no_text_of_any_figure_overlaps_another_or_leaves_the_figure(report, width):
    names = []
    for name, figure in figures_of(report, width):
        texts = texts_of(figure)
        boxes = [text.get_window_extent() for text in texts]
        for text, box in zip(texts, boxes, strict=True):
            assert box.x0 >= -1 and box.y0 >= -1, (name, text, box)
            assert box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1, (name, text, box, figure.bbox)
        for (a, text), (b, other) in itertools.combinations(zip(boxes, texts, strict=True), 2):
            assert not a.padded(-1).overlaps(b.padded(-1)), (name, text, other)
        assert width is None or figure.get_figwidth() == pytest.approx(width)
        assert width is None or min(text.get_fontsize() for text in texts) >= 6.5
        names.append(name)
    assert {"time", "distribution", "local_slope", "speedup", "error_time", "error_memory", "memory", "roofline",
            "share_of_peak", "memory_checked", "thread_scaling", "crossover_map", "weights"} <= set(names)  # fmt: skip


def test_on_the_plane_of_errors_only_the_frontier_and_the_exact_ones_are_named(report):
    with plt.rc_context(rc_for(report.names.values())):
        panel = report.panels[0]
        figure = tradeoffs.tradeoff(report, looks_of(report), panel, tradeoffs.TIME)
        figure.draw_without_rendering()
        plt.close(figure)
    (ax,) = figure.axes
    n = panel.common_n()
    points = [(short_names(report)[s.variant], p.time.median_s, p.case.verify["approximation_rel_rms"], p.case.computes)
              for s, p in panel.points_at(n)]  # fmt: skip
    compared = [p for p in points if p[3] != "own_definition" and 2e-6 < p[2] < 1]
    exact = min(p[1] for p in points if p[2] <= 2e-6)
    frontier = {a[0] for a in compared if a[1] < exact and not any(b[1] < a[1] and b[2] < a[2] for b in compared)}
    said = [text.get_text() for text in ax.texts]
    assert {text for text in said if not text.startswith("exact: ")} == frontier
    (group,) = (text for text in said if text.startswith("exact: "))
    assert sorted(re.split(r",\s+", group.removeprefix("exact: "))) == sorted(EXACT)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == [*FAMILIES, "hollow: own definition", "all zeros: 100 %", "mean of V: 90.0 %"]
    marks = part(ax, "mark") + part(ax, "other")
    assert len(marks) == COUNT
    hollow = [mark for mark in marks if mark.get_markerfacecolor() == "none"]
    assert len(hollow) == sum(p[3] == "own_definition" for p in points)
    assert {to_rgb(mark.get_markeredgecolor()) for mark in part(ax, "other")} == {to_rgb("#8a8a8a")}
    boxes = [text.get_window_extent() for text in ax.texts]
    for mark in marks:
        x, y = ax.transData.transform(mark.get_xydata())[0]
        assert not any(box.x0 < x < box.x1 and box.y0 < y < box.y1 for box in boxes), mark.get_xydata()


def test_a_variant_keeps_its_look_and_no_two_look_alike(report):
    looks, (run,) = looks_of(report), (run.label for run in report.runs)
    assert isinstance(looks, FamilyLooks)
    seen = {(a.colour, a.marker, a.dash) for a in (looks.of(run, v) for v in report.variants)}
    assert len(seen) == COUNT
    assert len({looks.marker(family) for family in FAMILIES}) == len(FAMILIES)
    assert looks.of(run, report.baseline).colour == "#000000"
    line = next(t for t in tiles_of(drawn(report)) if t.get_title(loc="left") == "kernelized").lines
    colours = {v.get_color() for v in line if v.get_gid() == "series"}
    assert colours == {looks.of(run, v).colour for v in FAMILIES["kernelized"].split()}


# Machado, Oliveira & Fernandes 2009, "A physiologically-based model for simulation of color vision deficiency",
# severity 1, on linear RGB.
MACHADO = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(linear: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB under D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    t = xyz / [0.9505, 1.0, 1.089]
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", [None, *MACHADO])
def test_the_colours_of_a_family_differ_for_every_kind_of_colour_vision(vision):
    matrix = np.eye(3) if vision is None else np.array(MACHADO[vision])
    seen = []
    for colour in FAMILY_COLOURS:
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        seen.append(lab(np.clip(matrix @ linear, 0, 1)))
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 12


@pytest.mark.parametrize(("count", "crowded"), [(MANY, False), (MANY + 1, True)])
def test_up_to_fourteen_series_stay_in_one_plot_with_a_legend(tmp_path, count, crowded):
    recipe = replace(RECIPE, laws=zoo()[:count], rounds=1, weights=0)
    report = build_model([make_run(tmp_path / "run", recipe)])
    figure = drawn(report)
    assert report.crowded is crowded
    assert isinstance(looks_of(report), FamilyLooks) is crowded
    titles = [column.title for column in headline(report).columns]
    assert ("family" in titles) is crowded
    if crowded:
        assert len(tiles_of(figure)) == len({law.family for law in recipe.laws})
        assert figure.axes[0].get_legend() is None
    else:
        (ax,) = figure.axes
        assert len(ax.get_legend().get_texts()) == MANY
        assert [line.series.variant for line in headline(report).rows] == [law.label for law in recipe.laws]


def test_a_panel_of_one_size_is_rows_by_family_with_the_best_on_top(tmp_path):
    report = build_model([make_run(tmp_path / "run", replace(RECIPE, sizes=(1024,), weights=0))])
    points = {s.variant.partition("(")[0]: s.largest for s in report.panels[0].series}
    for quantity, best in ((TIME, min), (speedup_over(report.yardstick), max)):
        figure = drawn(report, quantity)
        assert [ax.get_title(loc="left") for ax in figure.axes] == list(FAMILIES)
        for ax in figure.axes:
            names = [text.get_text() for text in ax.get_yticklabels()]
            values = [quantity.value(points[name]) for name in names]
            assert values == sorted(values, reverse=best is max)
            assert sorted(names) == sorted(FAMILIES[ax.get_title(loc="left")].split())
            assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row is on top
    for name, figure in figures_of(report):
        texts = [(text, text.get_window_extent()) for text in texts_of(figure)]
        for (text, a), (other, b) in itertools.combinations(texts, 2):
            assert not a.padded(-1).overlaps(b.padded(-1)), (name, text, other)


def test_a_large_family_is_cut_and_two_runs_are_told_apart(tmp_path):
    recipe = replace(RECIPE, sizes=(512, 1024), rounds=1, weights=0)
    first = make_run(tmp_path / "a", recipe)
    report = build_model([first, make_run(tmp_path / "b", replace(recipe, run_id="second"))])
    figure = drawn(report)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[:3] == ["exact, 1 of 2", "exact, 2 of 2", "sparse"]
    names = [text.get_text() for ax in tiles_of(figure) for text in part(ax, "name")]
    assert len(names) == len(set(names)) == 2 * COUNT
    assert {"linear [A]", "linear [B]"} <= set(names)
    groups = by_family(range(31), lambda i: "one", most=14)
    assert [len(group.members) for group in groups] == [11, 11, 9]


def test_names_are_short_and_differ(tmp_path):
    laws = [replace(zoo()[0], name="sparse_window", params={"window": w, "global_tokens": 64}) for w in (16, 256)]
    report = build_model([make_run(tmp_path / "run", Recipe(laws=(*laws, zoo()[1]), sizes=(64,), rounds=1, weights=0))])
    names = list(short_names(report).values())
    assert len(set(names)) == 3
    assert names == ["sparse_window(window=16)", "sparse_window(window=256)", zoo()[1].name]


def test_spread_keeps_the_order_the_gap_and_the_bounds():
    dice = np.random.default_rng(1)
    for count in range(1, 15):
        for places in dice.uniform(0, 1, (20, count)):
            found = spread(places, 0.05, 0.0, 1.0)
            assert np.argsort(found).tolist() == np.argsort(places).tolist()
            assert min(np.diff(sorted(found)), default=1) >= 0.05 - 1e-9
            assert min(found) >= 0
            assert max(found) <= 1 + 1e-9
    assert spread([0.2, 0.5, 0.9], 0.1, 0, 1) == pytest.approx([0.2, 0.5, 0.9])
    assert spread([0.5, 0.5], 0.1, 0, 1) == pytest.approx([0.55, 0.45])  # of equals the first on top
    assert spread([0.5] * 5, 0.5, 0, 1) == pytest.approx([1, 0.75, 0.5, 0.25, 0])  # no room for the gap


def test_matrices_that_do_not_fit_are_left_out_in_words(made):
    report = build_model([made.run])
    maps = report.heatmaps
    distinct = len(weights.tiles(maps))
    assert distinct > weights.MOST_TILES
    said = weights.caption(report, maps)
    left = distinct - weights.MOST_TILES
    assert f"{left} of {distinct} different matrices are left out" in said
    assert "folder weights of the run" in said
    with plt.rc_context(rc_for(report.names.values())):
        figure = weights.weights_figure(report, maps)
        plt.close(figure)
    shown = [ax.texts[0].get_text().removesuffix(", own definition") for ax in figure.axes if ax.texts]
    assert len(shown) == weights.MOST_TILES
    assert list(dict.fromkeys(shown)) == [family for family in FAMILIES if family not in ("mixing", "composed")]


def test_a_small_matrix_of_other_parameters_than_were_timed_says_so(tmp_path):
    run = make_run(tmp_path / "run", replace(RECIPE, sizes=(64,), rounds=1))
    apart(run)
    records = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    for item in records:
        if item["kind"] == "weights" and item["variant_name"] == "sliding_window":
            item |= {"variant": "sliding_window(window=4)", "params": {"window": 4}}
    (run / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    report = build_model([run])
    said = weights.caption(report, report.heatmaps)
    assert "sliding_window(window=4) was timed with window=256, global_tokens=64." in said


def test_what_is_not_named_in_a_figure_is_in_its_table(made):
    table = pd.read_csv(made.folder / "figures" / "error_time.csv")
    assert len(table) == COUNT
    assert "Slopes and exponents are listed in the growth table." in made.html
    assert "the CSV and the table of cases name them" in made.html
    assert "The legend gives the slope" not in made.html


def test_the_page_is_small(made):
    assert len(made.html.encode()) < 3e6  # 1.8 MB on 2026-11-28, 1.0 MB of it figures


SIGHT = """<script>
const box = (element) => element.getBoundingClientRect(), page = document.documentElement;
const result = { errors, wider: page.scrollWidth - page.clientWidth };
const beyond = (element) => box(element).right > page.clientWidth + 1;
result.beyond = [...document.querySelectorAll("body *")]
  .filter((e) => beyond(e) && !e.closest(".scroll") && !e.parentElement.closest("svg"))
  .map((e) => `${e.tagName} ${e.className} ${e.id}`).slice(0, 20);
const pictures = [...document.querySelectorAll("#group-2 figure svg, #group-1 figure svg")];
result.outside = pictures.filter(beyond).map((svg) => svg.getAttribute("aria-label"));
const tiles = [...document.querySelectorAll("#figure-time .tiles svg")];
result.tiles = tiles.length;
result.row = tiles.filter((svg) => Math.abs(box(svg).top - box(tiles[0]).top) < 2).length;
const across = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left);
const down = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
Object.assign(result, { overlapping: [], clipped: [], smallest: 99 });
for (const figure of document.querySelectorAll("figure:has(.tiles, .columns)")) {
  const texts = [...figure.querySelectorAll("svg text")].filter((text) => text.textContent.trim());
  const boxes = texts.map(box), say = (i) => `${figure.id}: ${texts[i].textContent}`;
  for (let i = 0; i < boxes.length; i++) {
    result.smallest = Math.min(result.smallest, boxes[i].height);
    const frame = box(texts[i].closest("svg"));
    if (boxes[i].right > frame.right + 2 || boxes[i].left < frame.left - 2) result.clipped.push(say(i));
    for (let j = 0; j < i; j++)
      if (across(boxes[i], boxes[j]) > 2 && down(boxes[i], boxes[j]) > 3) result.overlapping.push([say(i), say(j)]);
  }
}
</script>"""


@pytest.mark.skipif(*needs_browser.args, **needs_browser.kwargs)
@pytest.mark.parametrize(("width", "row"), [(390, 1), (1280, 3)])
def test_the_tiles_fit_a_phone_and_a_laptop_and_no_text_covers_another(made, tmp_path, width, row):
    seen = look(made.html, SIGHT, tmp_path, width)
    assert seen["errors"] == []
    assert seen["wider"] <= 0, seen["beyond"]
    assert seen["outside"] == []
    assert (seen["tiles"], seen["row"]) == (len(FAMILIES) + 1, row)
    assert seen["overlapping"] == []
    assert seen["clipped"] == []
    assert seen["smallest"] >= 9
