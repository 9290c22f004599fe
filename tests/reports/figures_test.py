"""Figures: they exist, show something, name their axes with units, and tell variants apart without colour."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from attnbench.figures import crossover_map, draw, local_slope, roofline, threads
from attnbench.figures.against_n import against_n
from attnbench.figures.axes import round_ticks, trimmed, wrapped
from attnbench.figures.catalogue import ACROSS, families, planned
from attnbench.figures.draw import _write
from attnbench.figures.missing import Missing
from attnbench.figures.quantities import MEMORY, TIME, speedup_over
from attnbench.figures.style import BUILT_IN, COLOURS, FURTHER, RC, Looks, paper
from attnbench.figures.threads import scalings
from attnbench.figures.weights import _heading, row_entropy, tiles, weights_figure
from attnbench.model import Report, build_model
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from synthetic_runs import LAWS, SIZES, Recipe, make_run

# name -> what its axes are called
AXES = {
    "time": ("sequence length n", "time per call", "10 ms"),
    "memory": ("sequence length n", "workspace peak + prepared", "MiB"),
    "useful_gflops": ("sequence length n", "useful GFLOP/s"),
    "dense_gflops": ("sequence length n", "dense-equivalent GFLOP/s"),
    "speedup": ("sequence length n", "time(blockwise) / time(variant)", "10×"),
    "distribution": ("time of a sample / median of its variant, n = 1024", "share of samples", "100 %"),
    "error_time": ("time per call at n = 1024", "relative RMS error", "ms"),
    "local_slope": ("sequence length n", "local slope", "no unit"),
    "error_memory": ("workspace peak + prepared at n = 1024", "relative RMS error", "KiB"),
    "roofline": ("useful FLOPs per compulsory byte", "useful GFLOP/s", "AVX2 900 GFLOP/s", "memory 12.0 GB/s"),
    "share_of_peak": ("sequence length n", "useful rate / probed FMA peak", "100 %"),
    "memory_checked": ("sequence length n", "bytes (log scale)", "declared", "counted", "resident", "MiB"),
    "crossover_map": ("sequence length n", "exact softmax attention only", "not decided", "A  blockwise"),
    "weights": ("keys", "queries", "attention weight, no unit"),
}


def svg_text(file: Path) -> str:
    return " | ".join(re.findall(r"<text[^>]*>([^<]*)</text>", file.read_text(encoding="utf-8")))


WITH_DATA = {"time", "memory", "useful_gflops", "dense_gflops", "share_of_peak", "speedup", "distribution",
             "error_time", "error_memory"}  # fmt: skip


def test_every_figure_exists_in_three_formats_and_as_a_table_where_it_shows_a_quantity(full):
    found = {p.name for p in (full.folder / "figures").iterdir()}
    pictures = {f"{name}.{ending}" for name in AXES for ending in ("svg", "png", "pdf")}
    assert found == pictures | {f"{name}.csv" for name in WITH_DATA}
    time = pd.read_csv(full.folder / "figures" / "time.csv").query("variant == 'naive' and n == 1024")
    assert time["time"].item() == pytest.approx(0.2, rel=0.05)
    assert time["low"].item() < time["time"].item() < time["high"].item()
    for file in (full.folder / "figures").glob("*.pdf"):
        assert file.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", AXES)
def test_figures_are_not_blank(full, name):
    pixels = matplotlib.image.imread(full.folder / "figures" / f"{name}.png")[..., :3]
    assert pixels.std() > 0.05
    # Every built-in variant has a colour of its own: all must be there where lines are drawn.
    if name in ("time", "speedup", "useful_gflops"):
        for colour in set(COLOURS) - {Looks([], []).colour("sliding_window")}:  # the run has one with window=256
            assert np.any(np.all(np.abs(pixels - np.array(to_rgb(colour))) < 0.02, axis=-1)), colour


@pytest.mark.parametrize(("name", "labels"), AXES.items())
def test_axes_are_labelled_with_units(full, name, labels):
    text = svg_text(full.folder / "figures" / f"{name}.svg")
    for label in labels:
        assert label in text, text


def test_the_legend_gives_slope_and_interval_and_marks_what_is_no_exponent(full):
    text = svg_text(full.folder / "figures" / "time.svg")
    assert re.search(r"naive: (2\.0\d|1\.9\d), 2\.0\d \[(1\.9\d|2\.00), 2\.0\d\]", text)
    assert re.search(r"additive: (2\.0\d|1\.9\d), 2\.0\d \[[^]]+\]\*", text)  # six sizes only
    assert "linear: 0 B at every n" in svg_text(full.folder / "figures" / "memory.svg")


def test_a_variant_that_answers_another_question_is_marked(full):
    text = svg_text(full.folder / "figures" / "error_time.svg")
    assert re.search(r"additive: 95\.0 %, [\d.]+ m?s \|    ≠ own definition", text)
    assert "all zeros: 100 %" in text
    assert "float32 rounding: exact" in text


def test_heat_maps_carry_the_words_and_say_what_is_missing(full):
    text = svg_text(full.folder / "figures" / "weights.svg")
    assert text.count("beginning") == 2 * 5  # both axes of five matrices
    assert "naive, dot_product, scaled_dot_product" in text  # the same matrix, drawn once
    assert "blockwise: the same" in text
    assert "row entropy" in text
    assert "No matrix of additive: additive does not give its weights." in full.html
    assert "No matrix of multi_head: its output is not one weighting" in full.html


def test_a_series_of_one_size_among_longer_ones_says_so(compared):
    text = svg_text(compared.folder / "figures" / "time.svg")
    assert "naive [A]: " in text
    assert "naive [B]: one size" in text


@pytest.mark.parametrize(("sizes", "bands"), [((64, 128, 256), 0), (SIZES, 2)])
def test_the_band_of_a_fit_is_drawn_where_its_slope_may_be_called_an_exponent(tmp_path, sizes, bands):
    report = build_model([make_run(tmp_path / "run", Recipe(laws=LAWS[:2], sizes=sizes, rounds=1, weights=0))])
    figure = against_n(report, Looks(report.variants, ["2026-11-21-demo"]), report.panels[0], TIME)
    assert len(figure.axes[0].collections) == bands
    plt.close(figure)


@pytest.mark.parametrize("quantity", [TIME, speedup_over("naive")])
def test_dots_have_the_best_variant_on_top(tmp_path, quantity):
    recipe = Recipe(laws=(LAWS[9], LAWS[0], LAWS[2]), sizes=(1024,), noise=0, weights=0)
    report = build_model([make_run(tmp_path / "run", recipe)])
    figure = against_n(report, Looks(report.variants, ["2026-11-21-demo"]), report.panels[0], quantity)
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["naive", "scaled_dot_product", "linear"]
    plt.close(figure)


@pytest.mark.parametrize(("quantity", "values"), [(TIME, ("400 ms", "3.00 ms")), (MEMORY, ("32.0 MiB", "0 B"))])
def test_a_panel_of_one_size_shows_a_dot_per_variant(tmp_path, quantity, values):
    recipe = Recipe(laws=(LAWS[0], LAWS[9]), sizes=(1024,), threads=(1,), noise=0, weights=0)
    report = build_model([make_run(tmp_path / "run", recipe)])
    looks = Looks(report.variants, [run.label for run in report.runs])
    with plt.rc_context(RC):
        figure = against_n(report, looks, report.panels[0], quantity)
        _write(figure, tmp_path, "dots")
    text = svg_text(tmp_path / "dots.svg")
    for expected in ("naive", "linear", "n = 1024", quantity.axis, *values):
        assert expected in text
    assert quantity.heading(1) == quantity.title
    assert all(t.get_window_extent().x1 < figure.bbox.x1 for t in figure.axes[0].texts)


def test_figures_are_the_same_bytes_for_the_same_data(full, tmp_path):
    report = build_model([full.run])
    looks = Looks(report.variants, [run.label for run in report.runs])
    with plt.rc_context(RC):
        _write(against_n(report, looks, report.panels[0], TIME), tmp_path, "time")
    for name in ("time.svg", "time.png", "time.pdf"):
        assert (tmp_path / name).read_bytes() == (full.folder / "figures" / name).read_bytes()


def test_variants_differ_without_colour():
    variants = [*BUILT_IN, *(f"v{i}" for i in range(45))]
    looks = Looks(variants, ["run"])
    seen = {(look.marker, look.dash) for look in (looks.of("run", v) for v in variants)}
    assert len(seen) == 55


def test_a_variant_looks_the_same_in_every_report():
    """Whatever else is in the report and in whatever order; a plugin's variant and a window of 16 as well."""
    names = ["linear", "my_plugin", "sliding_window(window=32)"]
    alone = [Looks([name], ["run"]).of("run", name) for name in names]
    among = Looks(["additive", *names[::-1], "naive"], ["run"])
    assert [among.of("run", name) for name in names] == alone
    assert Looks([], []).colour("linear") == COLOURS[BUILT_IN.index("linear")]
    colours = [among.colour(name) for name in [*BUILT_IN, *names[1:]]]
    assert len(set(colours)) == len(colours)


def test_the_look_of_a_variant_does_not_depend_on_the_run():
    looks = Looks(["naive", "linear"], ["a", "b"])
    first, second = looks.of("a", "linear"), looks.of("b", "linear")
    assert (first.colour, first.marker) == (second.colour, second.marker)
    assert first.dash != second.dash
    assert looks.of("a", "naive").colour == "#000000"


def luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_stands_out_from_white_and_no_two_are_equal():
    every = (*COLOURS, *FURTHER)
    assert all((1.05) / (luminance(c) + 0.05) > 1.9 for c in every)
    assert all(a != b for a, b in itertools.combinations(every, 2))


def test_row_entropy():
    assert row_entropy(np.full((4, 8), 1 / 8)) == pytest.approx(3)
    assert row_entropy(np.eye(5)) == 0
    assert row_entropy(np.array([[0.0, 0.0], [0.5, 0.5]])) == pytest.approx(1)  # a fully masked row does not count
    assert row_entropy(np.zeros((2, 2))) == 0


@pytest.mark.parametrize(("low", "high"), [(1.1, 1.9), (1, 9), (1e-6, 20), (1e-12, 1e12), (3, 3.0001)])
def test_axis_ticks_are_few_and_inside(low, high):
    ticks = round_ticks(low, high, base=10, most=9)
    assert len(ticks) <= 9
    assert all(low <= t <= high for t in ticks)


@pytest.mark.parametrize("base", [2, 10])
def test_a_factor_2_always_holds_two_ticks(base):
    for low in np.geomspace(1e-6, 1e10, 500):
        assert len(round_ticks(low, 2.0001 * low, base, most=9)) >= 2


@pytest.mark.parametrize(
    ("text", "tick"),
    [("10.0 ms", "10 ms"), ("1.00 s", "1 s"), ("1.0e-04", "1e-04"), ("0.300×", "0.3×"), ("100", "100")],
)
def test_ticks_carry_no_empty_digits(text, tick):
    assert trimmed(text) == tick


@pytest.fixture(scope="module")
def crowded(tmp_path_factory) -> Report:
    """Long names, two runs of three thread counts, points above the ceiling: what a legend has to hold."""
    laws = [replace(law, params={"window": 256, "global_tokens": 64, "block": 128}) for law in LAWS[:7]]
    folder = tmp_path_factory.mktemp("crowded")
    recipe = Recipe(laws=tuple(laws), threads=(1, 2, 4), peak_gflops=300, weights=0, samples=1)
    return build_model([make_run(folder / "a", recipe), make_run(folder / "b", replace(recipe, run_id="another run"))])


def figures_of(report: Report) -> Iterator[tuple[str, Figure]]:
    """Those across settings and of the first setting: the others are alike."""
    looks = Looks(report.variants, [run.label for run in report.runs])
    groups = (ACROSS, str(report.panels[0].setting))
    with plt.rc_context(RC):
        for plan in planned(report, looks):
            if plan.group in groups:
                outcome = plan.draw()
                if isinstance(outcome, Figure):
                    outcome.draw_without_rendering()
                    yield plan.name, outcome
                    plt.close(outcome)


def test_nothing_overflows_its_figure_and_no_legend_covers_a_plot(crowded):
    names = []
    for name, figure in figures_of(crowded):
        legends = figure.legends + [ax.get_legend() for ax in figure.axes if ax.get_legend()]
        boxes = [ax.get_tightbbox() for ax in figure.axes]  # ticks, labels, texts and the legend beside included
        boxes += [legend.get_window_extent() for legend in legends]
        for box in filter(None, boxes):
            assert box.x0 >= -1, (name, box)
            assert box.y0 >= -1, (name, box)
            assert box.x1 <= figure.bbox.x1 + 1, (name, box, figure.bbox.bounds)
            assert box.y1 <= figure.bbox.y1 + 1, (name, box, figure.bbox.bounds)
        for legend, ax in itertools.product(legends, figure.axes):
            assert not legend.get_window_extent().overlaps(ax.get_window_extent().padded(-1)), name
        names.append(name)
    assert {"thread_scaling", "crossover_map_1"} <= set(names)
    assert len(names) >= 12


def test_long_names_are_wrapped_and_cut():
    assert wrapped("naive", 20) == "naive"
    assert wrapped("sliding_window(window=256,global_tokens=64)", 20) == "sliding_window(\nwindow=256,global_…"
    assert wrapped("a" * 30, 20) == "a" * 19 + "…"


@pytest.mark.parametrize(("rounds", "decided"), [(10, True), (3, False)])
def test_the_map_names_the_fastest_and_says_where_that_is_not_decided(tmp_path, rounds, decided):
    recipe = Recipe(laws=(LAWS[5], LAWS[9], LAWS[4]), rounds=rounds, noise=0.005, weights=0)
    report = build_model([make_run(tmp_path / "run", recipe)])
    points = [p for s in report.panels[0].series for p in s.timed]
    cells = crossover_map._cells({"": points}, lambda computes: computes != "own_definition")
    # 12 ms (n/1024)^2 against 3 ms n/1024 cross at n = 256; additive, a definition of its own, takes no part.
    names = {cell.n: cell.fastest.case.variant for cell in cells}
    assert names[128] == "blockwise"
    assert {names[n] for n in SIZES if n > 256} == {"linear"}
    assert {cell.decided for cell in cells if cell.n != 256} == {decided}
    assert next(c for c in cells if c.n == 1024).lead == pytest.approx(4, rel=0.05)


def test_the_crossover_is_drawn_where_it_is(tmp_path):
    recipe = Recipe(laws=(LAWS[5], LAWS[9]), noise=0.005, weights=0)
    report = build_model([make_run(tmp_path / "run", recipe)])
    points = [p for s in report.panels[0].series for p in s.timed]
    looks = Looks(report.variants, ["2026-11-21-demo"])
    with plt.rc_context(RC):
        figure = crossover_map.crossover_map(report, looks, {"": points}, "")
    (ax,) = figure.axes
    bar, diamond = ax.lines
    assert diamond.get_xdata()[0] == pytest.approx(256, rel=0.03)
    assert bar.get_xdata()[0] < diamond.get_xdata()[0] < bar.get_xdata()[1]
    assert f"n* = {diamond.get_xdata()[0]:.0f}" in [t.get_text() for t in ax.texts]
    plt.close(figure)


def test_families_differ_in_one_thing(tmp_path):
    problems = tuple(f"b1 h{h} n{{n}} d{d} f32" for h, d in ((8, 64), (8, 128), (2, 64)))
    recipe = Recipe(laws=LAWS[:2], sizes=(64, 128), problems=problems, threads=(1, 2), rounds=1, weights=0)
    found = families(build_model([make_run(tmp_path / "run", recipe)]).panels)
    assert sorted((f.axis, *f.panels) for f in found) == sorted(
        [("head dimension d", "64", "128")] * 2 + [("heads", "2", "8")] * 2 + [("threads", "1", "2")] * 3
    )
    alone = families(
        build_model([make_run(tmp_path / "alone", replace(recipe, problems=problems[:1], threads=(2,)))]).panels
    )
    assert [(f.axis, list(f.panels)) for f in alone] == [("", [""])]


def test_thread_scaling_is_relative_to_the_fewest_threads(tmp_path):
    recipe = Recipe(laws=LAWS[:1], sizes=(64, 128), threads=(2, 4, 8), noise=0.002, weights=0)
    (found,) = scalings(build_model([make_run(tmp_path / "run", recipe)]).panels)
    assert (found.first, found.n, list(found.ratios)) == (2, 128, [4, 8])
    assert 1 / found.ratios[8].ratio == pytest.approx(4, rel=0.01)
    assert 1 / found.ratios[8].interval.high < 4 < 1 / found.ratios[8].interval.low


def test_the_roofline_lies_on_what_was_calibrated(tmp_path):
    report = build_model([make_run(tmp_path / "run", Recipe(laws=LAWS[5:6], weights=0))])
    figure = roofline.roofline(report, Looks(report.variants, ["2026-11-21-demo"]), report.panels[0])
    ax = figure.axes[0]
    slanted = [line for line in ax.lines if len(set(line.get_ydata())) == 2 and len(line.get_xdata()) == 2]
    rates = sorted(y / x for line in slanted for x, y in [(line.get_xdata()[0], line.get_ydata()[0])])
    assert rates == pytest.approx([12, 80, 200])
    assert [line.get_ydata()[0] for line in ax.lines if line.get_ydata()[0] == line.get_ydata()[-1]][:2] == [900, 225]
    # 4 n_k useful FLOPs per row of d=64 over 16 bytes per element: n/4 FLOPs per byte.
    point = next(p for p in report.points if p.n == 1024)
    assert roofline.intensity(point) == pytest.approx(1024 / 4)
    plt.close(figure)


@pytest.mark.parametrize(
    ("recipe", "title", "says"),
    [
        (Recipe(calibrated=False), roofline.TITLE, "attnbench calibrate"),
        (Recipe(sizes=(64, 128)), local_slope.TITLE, "three sizes"),
        (Recipe(sizes=(64,)), crossover_map.TITLE, "sweep the sequence length"),
        (Recipe(laws=LAWS[6:7]), "Speed-up over", "was not timed on the same problems"),
        (Recipe(peak_gflops=0), "Share of the multiply-add peak", "not probed"),
        (Recipe(), threads.TITLE, "threads=1,2"),
    ],
)
def test_a_figure_without_data_says_what_to_run(tmp_path, recipe, title, says):
    recipe = replace(recipe, laws=recipe.laws[5:8] if len(recipe.laws) > 2 else recipe.laws, rounds=1, weights=0)
    report = build_model([make_run(tmp_path / "run", recipe)])
    plan = next(p for p in planned(report, Looks(report.variants, ["2026-11-21-demo"])) if p.title.startswith(title))
    outcome = plan.draw()
    assert isinstance(outcome, Missing)
    assert says in outcome.why


def test_drawing_in_several_processes_gives_the_same_files(tmp_path, monkeypatch):
    report = build_model([make_run(tmp_path / "run", Recipe(laws=LAWS[:1], sizes=(64,), rounds=1, weights=0))])
    monkeypatch.setattr(draw, "MOST_PROCESSES", 1)
    alone = draw.draw_all(report, tmp_path / "alone")
    monkeypatch.setattr(draw, "MOST_PROCESSES", 2)
    monkeypatch.setattr(draw, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(draw.os, "cpu_count", lambda: 2)
    shared = draw.draw_all(report, tmp_path / "shared")
    assert alone == shared
    assert len(alone.drawn) >= 4
    for file in (tmp_path / "alone").iterdir():
        assert file.read_bytes() == (tmp_path / "shared" / file.name).read_bytes()


def test_many_settings_are_cut_and_it_is_said(tmp_path):
    problems = tuple(f"b1 h{h} n{{n}} d64 f32" for h in range(1, 16))
    recipe = Recipe(laws=LAWS[:1], sizes=(64,), problems=problems, rounds=1, weights=0)
    report = build_model([make_run(tmp_path / "run", recipe)])
    plans = list(planned(report, Looks(report.variants, ["2026-11-21-demo"])))
    settings = Counter(p.group for p in plans if p.group != ACROSS)
    assert sorted(settings.values(), reverse=True) == [12, 12, *[2] * 6]
    (cut,) = (p for p in plans if p.title == "Further settings")
    assert "of 15 settings the first 2 have all figures and the next 6 two each" in cut.draw().why
    assert len([p for p in planned(report, Looks(report.variants, [])) if p.group == ACROSS]) <= 4 + 2 + 1


@pytest.mark.parametrize("width", [None, 3.33])
def test_tick_labels_do_not_touch_at_eleven_sizes(tmp_path, width):
    sizes = tuple(64 * 2**k for k in range(11))
    report = build_model([make_run(tmp_path / "run", Recipe(laws=LAWS[:2], sizes=sizes, rounds=1, weights=0))])
    with plt.rc_context(RC | (paper(width) if width else {})):
        figure = against_n(report, Looks(report.variants, ["2026-11-21-demo"]), report.panels[0], TIME)
        figure.draw_without_rendering()
        boxes = [t.get_window_extent() for t in figure.axes[0].get_xticklabels() if t.get_text()]
        plt.close(figure)
    assert len(boxes) >= 5
    assert all(a.x1 + 2 < b.x0 for a, b in itertools.pairwise(boxes))


@pytest.mark.parametrize("sizes", [(64, 128), SIZES])
def test_names_of_bandwidths_stand_inside_the_roofline(tmp_path, sizes):
    laws = tuple(replace(law, params={"window": 256, "global_tokens": 64, "block": 128}) for law in LAWS)
    report = build_model([make_run(tmp_path / "run", Recipe(laws=laws, sizes=sizes, rounds=1, weights=0))])
    with plt.rc_context(RC):
        figure = roofline.roofline(report, Looks(report.variants, ["2026-11-21-demo"]), report.panels[0])
        figure.draw_without_rendering()
        ax = figure.axes[0]
        plot, names = ax.get_window_extent(), [t for t in ax.texts if t.get_text().endswith("GB/s")]
        plt.close(figure)
    assert names
    assert all(t.get_window_extent().x0 >= plot.x0 and t.get_window_extent().y0 >= plot.y0 for t in names)


def test_no_two_marks_of_an_own_definition_lie_on_each_other(full):
    """They are hollow markers; signs beside them would cover each other where two variants coincide."""
    plot = (full.folder / "figures" / "error_time.svg").read_text(encoding="utf-8").partition('id="legend_1"')[0]
    assert "≠" not in plot


def test_the_crossover_map_names_its_rows(tmp_path):
    report = build_model([make_run(tmp_path / "run", Recipe(laws=LAWS[:3], sizes=(64, 128), rounds=1, weights=0))])
    points = [p for s in report.panels[0].series for p in s.timed]
    figure = crossover_map.crossover_map(report, Looks(report.variants, ["2026-11-21-demo"]), {"": points}, "")
    assert [ax.get_ylabel() for ax in figure.axes] == ["fastest"] * 2
    plt.close(figure)


def test_a_heat_map_of_other_parameters_than_were_timed_says_so(tmp_path):
    run = make_run(tmp_path / "run", Recipe(laws=LAWS[5:7], sizes=(64,), rounds=1))
    records = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    for item in records:
        if item["kind"] == "weights" and item["variant_name"] == "sliding_window":
            item |= {"variant": "sliding_window(window=4)", "params": {"window": 4}}
    (run / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    report = build_model([run])
    headings = [_heading(report, tile) for tile in tiles(report.heatmaps)]
    assert headings == ["blockwise", "sliding_window(window=4)\ntimed with window=256"]


@pytest.mark.parametrize(("words", "shown"), [(24, 24), (40, 20), (64, 0)])
def test_words_of_a_heat_map_are_readable_or_left_out(tmp_path, words, shown):
    report = build_model([make_run(tmp_path / "run", Recipe(laws=LAWS[:1], sizes=(64,), rounds=1, weights=words))])
    with plt.rc_context(RC):
        figure = weights_figure(report, report.heatmaps)
        labels = [t for t in figure.axes[0].get_xticklabels() if t.get_text().isalpha() or t.get_text() in ".,;"]
        plt.close(figure)
    assert len([t for t in labels if t.get_text()]) == shown
    assert all(t.get_fontsize() >= 6.5 for t in labels)
