"""Tables of a run of 47 variants go by family; those of few variants stay in the order of their plan."""

import itertools
from dataclasses import replace

import pytest
from attnbench.figures.draw import Figures
from attnbench.model import Report, build_model
from attnbench.pages.cases import case_table, verification_table
from attnbench.pages.growth import complexity_table, growth_table
from attnbench.pages.headline import headline
from attnbench.pages.html import variant_rows
from attnbench.pages.laws import law_table
from attnbench.pages.markdown import markdown
from attnbench.pages.terminal import terminal_summary
from attnbench.stats.series import MANY
from synthetic_runs import make_run
from zoo import COUNT, FAMILIES, RECIPE


def made(folder, count: int) -> Report:
    recipe = replace(RECIPE, laws=RECIPE.laws[:count], sizes=(512, 1024, 2048), rounds=2, weights=0)
    return build_model([make_run(folder / "run", recipe)])


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Report:
    return made(tmp_path_factory.mktemp("zoo"), COUNT)


def test_the_summary_goes_by_family_the_fastest_first(report):
    lines = headline(report).rows
    assert list(dict.fromkeys(line.series.family for line in lines)) == list(FAMILIES)
    for _, members in itertools.groupby(lines, key=lambda line: line.series.family):
        times = [line.point.time.median_s for line in members]
        assert times == sorted(times)
    text = terminal_summary(report).splitlines()
    families = [line.split()[1] for line in text[3 : 3 + COUNT]]
    assert list(dict.fromkeys(families)) == list(FAMILIES)
    assert len(families) == COUNT


def test_growth_goes_by_family_the_steepest_first_and_is_in_the_markdown_too(report):
    grown = growth_table(report)
    assert len(grown.rows) == COUNT
    assert list(dict.fromkeys(series.family for series in grown.rows)) == list(FAMILIES)
    for _, members in itertools.groupby(grown.rows, key=lambda s: s.family):
        slopes = [series.end.value for series in members]
        assert slopes == sorted(slopes, reverse=True)
    text = markdown(report, Figures([], []), [])
    assert "## Time beside work" in text
    assert "| blockwise | exact |" in text


@pytest.mark.parametrize("table", [headline, growth_table, complexity_table, law_table, case_table, verification_table])
def test_every_table_of_variants_names_their_families_in_order(report, table):
    found = table(report)
    column = [c.title for c in found.columns].index("family")
    assert list(dict.fromkeys(row[column] for row in found.texts())) == list(FAMILIES)


def test_the_list_of_variants_goes_by_family(report):
    assert list(dict.fromkeys(row["family"] for row in variant_rows(report))) == list(FAMILIES)


def test_up_to_fourteen_variants_stay_in_the_order_of_their_plan(tmp_path):
    report = made(tmp_path, MANY)
    assert [line.series.variant for line in headline(report).rows] == [law.label for law in RECIPE.laws[:MANY]]
    assert all("family" not in [c.title for c in table(report).columns] for table in (headline, case_table))
    assert not report.crowded
    assert "Time beside work" not in markdown(report, Figures([], []), [])
