"""For a paper: figures as wide as a column that can be read there, tables in LaTeX, and words of any script."""

import json
import re
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from attnbench.exchange.__main__ import main
from attnbench.exchange.paper import inches
from attnbench.figures.axes import fit_labels
from attnbench.figures.catalogue import planned
from attnbench.figures.draw import draw_all
from attnbench.figures.missing import Missing
from attnbench.figures.style import Looks, rc_for
from attnbench.model import build_model
from attnbench.pages.latex import escaped
from attnbench.support import fonts
from matplotlib.text import Text
from synthetic_runs import LAWS, SIZES, Recipe, make_run

RUN_ID = "2026-11-21-demo"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("paper") / "run", Recipe(threads=(1, 2), rounds=3))


# ---- Figures ---------------------------------------------------------------------------------------------------------


def test_figures_in_a_column_keep_its_width_and_have_no_text_below_7_points(run):
    report = build_model([run])
    seen = set()
    with plt.rc_context(rc_for(report.names.values(), 3.33)):
        for plan in planned(report, Looks(report.variants, [RUN_ID])):
            if plan.group.endswith("2 threads"):  # alike
                continue
            figure = plan.draw()
            assert not isinstance(figure, Missing), plan.title
            fit_labels(figure)
            figure.draw_without_rendering()
            assert figure.get_figwidth() == pytest.approx(3.33), plan.name
            texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text()]
            assert min(t.get_fontsize() for t in texts) >= (6.5 if plan.name == "weights" else 7), plan.name
            for legend in figure.legends:
                box = legend.get_window_extent()
                assert box.x1 <= figure.bbox.x1 + 1, plan.name
                assert not any(box.overlaps(ax.get_window_extent().padded(-1)) for ax in figure.axes), plan.name
            for label in (label for ax in figure.axes for label in (ax.xaxis.label, ax.yaxis.label)):
                box = label.get_window_extent()
                assert box.width == 0 or (box.x0 >= -1 and box.y1 <= figure.bbox.y1 + 1), (plan.name, label.get_text())
            plt.close(figure)
            seen.add(plan.name.partition("_1_")[0])
    assert {"time", "error_time", "roofline", "thread_scaling", "crossover_map", "memory_checked", "weights"} <= seen


def test_export_writes_pdf_files_as_wide_as_asked(tmp_path, capsys):
    run = make_run(tmp_path / "run", Recipe(laws=LAWS[:2], sizes=(64, 128, 256), rounds=1, weights=0))
    assert main([str(run), "--format", "figures", "--width", "8.5cm", "--out", str(tmp_path / "paper")]) == 0
    said = capsys.readouterr().out.splitlines()
    files = sorted((tmp_path / "paper").iterdir())
    assert sorted(said) == [str(file) for file in files]
    assert len(files) > 8
    for file in files:
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ", file.read_bytes())
        assert float(box[1]) == pytest.approx(8.5 / 2.54 * 72, abs=0.1), file


@pytest.mark.parametrize(("text", "wide"), [("3.33in", 3.33), ("3.33", 3.33), ("8.5cm", 3.346), ("241pt", 3.335)])
def test_a_width_may_have_any_unit_of_a_style_guide(text, wide):
    assert inches(text) == pytest.approx(wide, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "figures", "--width", "wide"], "--width 'wide' is not a length; write one such as 3.33in"),
        (["--format", "figures", "--width", "1in"], "--width '1in' is 1.00 in; choose one from 2.5in to 12in"),
        (["--format", "latex", "--width", "3in"], "--width is for --format figures; leave it out"),
        (["--format", "latex", "--columns", "speed"], "unknown column 'speed'; columns: variant, "),
        (
            ["--format", "latex", "--columns", "time"],
            "ambiguous column 'time'; columns: time_n_at_the_end, time_n, time_at_n_",
        ),
        (["--format", "latex", "--baseline", "x"], "--baseline 'x' is not a variant of the run"),
    ],
)
def test_a_mistake_is_one_line(run, capsys, arguments, says):
    assert main([str(run), *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"attnbench: {says}")
    assert said.err.count("\n") == 1


# ---- LaTeX -----------------------------------------------------------------------------------------------------------


def test_a_latex_table_has_the_columns_asked_for_and_the_notes_of_its_marks(tmp_path, capsys):
    run = make_run(tmp_path / "run", Recipe(laws=(LAWS[0], LAWS[9]), sizes=SIZES[:5], rounds=2, weights=0))
    assert main([str(run), "--format", "latex", "--columns", "variant, time ~, error"]) == 0
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert rows[0] == r"variant & time $\sim n^{x}$ & error \\"
    assert [row.count("&") for row in rows] == [2, 2, 2]
    assert r"$3.0 \times 10^{-5}$ \%" in text
    assert "textasciicircum" not in text
    assert "textasciitilde" not in text
    table, notes = text.split(r"\end{tabular}")
    assert "*" in table
    assert r"\footnotesize * slope only: 5 sizes" in notes
    assert "all zeros 100" in notes
    assert main([str(run), "--format", "latex", "--columns", "variant,extra memory"]) == 0
    assert "footnotesize" not in capsys.readouterr().out  # no mark, no note


def test_powers_are_mathematics():
    assert escaped("time ~ n^") == r"time $\sim n^{x}$"
    assert escaped("measured n^2.02 [1.9, 2.1]") == "measured $n^{2.02}$ [1.9, 2.1]"
    assert escaped("slope n^2.") == "slope $n^{2}$."
    assert escaped("3.0e-05 %†") == r"$3.0 \times 10^{-5}$ \%\textdagger{}"
    assert escaped("a\x1bb ~ c") == r"a\textbackslash{}x1bb \textasciitilde{} c"


# ---- Words of any script ---------------------------------------------------------------------------------------------


def with_words(folder, words: str):
    run = make_run(folder / "run", Recipe(laws=LAWS[:3], sizes=(64,), rounds=1, weights=len(words)))
    records = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    for record in records:
        if "weights" in record:
            record["weights"]["labels"] = list(words)
    (run / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    return run


def drawn_labels(report) -> list[str]:
    plan = next(p for p in planned(report, Looks(report.variants, [RUN_ID])) if p.name == "weights")
    with plt.rc_context(rc_for(report.names.values())):
        figure = plan.draw()
        labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
        plt.close(figure)
    return labels


def test_words_that_no_font_has_become_token_numbers_and_one_line(tmp_path, monkeypatch):
    """As on a machine without a Chinese font, whatever is installed here."""
    monkeypatch.setattr(fonts, "_others", lambda: ())
    run = with_words(tmp_path, "太初有道神")
    report = build_model([run])
    (line,) = (w for w in report.warnings if "font" in w)
    assert line.startswith("no installed font has ")
    assert "token numbers" in line
    assert set(drawn_labels(report)) <= {"", "−1", "0", "1", "2", "3", "4", "5", "0.0", "2.5"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib's glyph warnings would end the test
        draw_all(report, tmp_path / "figures")


def test_words_in_a_font_that_is_installed_are_written(tmp_path, monkeypatch):
    """ℊ is not in DejaVu Sans; STIX, which comes with matplotlib, has it."""
    assert fonts._unknown("ℊ", fonts.FONT)
    assert not fonts._unknown("ℊ", "STIXGeneral")
    monkeypatch.setattr(fonts, "_others", lambda: ("STIXGeneral",))
    report = build_model([with_words(tmp_path, "inℊab")])
    assert not [w for w in report.warnings if "font" in w]
    assert fonts.families_for("aℊ") == [fonts.FONT, "STIXGeneral"]
    assert drawn_labels(report) == list("inℊab")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_all(report, tmp_path / "figures")


def test_a_font_installed_since_matplotlib_listed_them_is_found(monkeypatch):
    """F27: the message says to install a font, and matplotlib's list of fonts is a cache that does not know it then."""
    (stix,) = (font for font in fonts.font_manager.fontManager.ttflist if Path(font.fname).name == "STIXGeneral.ttf")
    before = [font for font in fonts.font_manager.fontManager.ttflist if font.name == fonts.FONT]
    monkeypatch.setattr(fonts.font_manager.fontManager, "ttflist", before)
    monkeypatch.setattr(fonts.font_manager, "findSystemFonts", lambda: [stix.fname, "/nowhere.ttf"])
    fonts._others.cache_clear()
    try:
        assert fonts.families_for("aℊ") == [fonts.FONT, "STIXGeneral"]
    finally:
        fonts._others.cache_clear()


def test_a_name_in_another_script_is_drawn_without_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(fonts, "_others", lambda: ())
    laws = (LAWS[0], type(LAWS[0])("注意", "exact_softmax", 2, 0.01, 1, 1e-7))
    report = build_model([make_run(tmp_path / "run", Recipe(laws=laws, sizes=(64, 128), rounds=1, weights=0))])
    assert any("no installed font has" in w for w in report.warnings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_all(report, tmp_path / "figures")
    assert np.any([p.suffix == ".pdf" for p in (tmp_path / "figures").iterdir()])
