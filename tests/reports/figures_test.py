"""Figures: they exist, show something, name their axes with units, and tell variants apart without colour."""

import itertools
import re
from pathlib import Path

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest
from attnbench_reports.figures.against_n import against_n
from attnbench_reports.figures.axes import _trimmed, round_ticks
from attnbench_reports.figures.draw import _write
from attnbench_reports.figures.quantities import MEMORY, SPEEDUP, TIME
from attnbench_reports.figures.style import COLOURS, RC, Looks
from attnbench_reports.figures.weights import row_entropy
from attnbench_reports.model import build_model
from matplotlib.colors import to_rgb
from synthetic_runs import LAWS, SIZES, Recipe, make_run

# name -> what its axes are called
AXES = {
    "time": ("sequence length n", "time per call", "10 ms"),
    "memory": ("sequence length n", "workspace peak + prepared", "MiB"),
    "useful_gflops": ("sequence length n", "useful GFLOP/s"),
    "dense_gflops": ("sequence length n", "dense-equivalent GFLOP/s"),
    "speedup": ("sequence length n", "time(naive) / time(variant)", "10×"),
    "error_time": ("time per call at n = 1024", "relative RMS error", "ms"),
    "local_slope": ("sequence length n", "local slope", "no unit"),
    "weights": ("keys", "queries", "attention weight, no unit"),
}


def svg_text(file: Path) -> str:
    return " | ".join(re.findall(r"<text[^>]*>([^<]*)</text>", file.read_text(encoding="utf-8")))


def test_every_figure_exists_in_three_formats(full):
    found = {p.name for p in (full.folder / "figures").iterdir()}
    assert found == {f"{name}.{ending}" for name in AXES for ending in ("svg", "png", "pdf")}
    for file in (full.folder / "figures").glob("*.pdf"):
        assert file.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", AXES)
def test_figures_are_not_blank(full, name):
    pixels = matplotlib.image.imread(full.folder / "figures" / f"{name}.png")[..., :3]
    assert pixels.std() > 0.05
    # Most variants have a colour of their own: all must be there where lines are drawn.
    if name in ("time", "speedup", "useful_gflops"):
        for colour in COLOURS:
            assert np.any(np.all(np.abs(pixels - np.array(to_rgb(colour))) < 0.02, axis=-1)), colour


@pytest.mark.parametrize(("name", "labels"), AXES.items())
def test_axes_are_labelled_with_units(full, name, labels):
    text = svg_text(full.folder / "figures" / f"{name}.svg")
    for label in labels:
        assert label in text, text


def test_the_legend_gives_slope_and_interval_and_marks_what_is_no_exponent(full):
    text = svg_text(full.folder / "figures" / "time.svg")
    assert re.search(r"naive: 2\.0\d \[1\.9\d, 2\.0\d\] |naive: 2\.00 \[2\.00, 2\.00\]", text)
    assert re.search(r"additive: 2\.0\d \[[^]]+\]\*", text)  # six sizes only
    assert "linear: 0 B at every n" in svg_text(full.folder / "figures" / "memory.svg")


def test_a_variant_that_answers_another_question_is_marked(full):
    text = svg_text(full.folder / "figures" / "error_time.svg")
    assert re.search(r"additive: 9\.5e-01, .*, ≠ own definition", text)
    assert "float32 rounding: exact" in text


def test_heat_maps_carry_the_words_and_say_what_is_missing(full):
    text = svg_text(full.folder / "figures" / "weights.svg")
    assert text.count("beginning") == 2 * 8  # both axes of eight matrices
    assert "multi_head" in text
    assert "no matrix to" in text
    assert "additive does not give its weights" in text
    assert "row entropy" in text


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


@pytest.mark.parametrize("quantity", [TIME, SPEEDUP])
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
    variants = [f"v{i}" for i in range(50)]
    looks = Looks(variants, ["run"])
    seen = {(look.marker, look.dash) for look in (looks.of("run", v) for v in variants)}
    assert len(seen) == 50


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
    assert all((1.05) / (luminance(c) + 0.05) > 1.9 for c in COLOURS)
    assert all(a != b for a, b in itertools.combinations(COLOURS, 2))


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
    ("text", "trimmed"),
    [("10.0 ms", "10 ms"), ("1.00 s", "1 s"), ("1.0e-04", "1e-04"), ("0.300×", "0.3×"), ("100", "100")],
)
def test_ticks_carry_no_empty_digits(text, trimmed):
    assert _trimmed(text) == trimmed
