"""If these fail, the tables of the command line cannot be sorted, filtered or cut to columns, or a script that does so
gets other rows than it asked for."""

import pytest

RUN = ["--variants", "naive,linear", "-a", "n=16,128", "-a", "b=1", "-a", "h=1", "-a", "d=8", "--dataset", "gaussian"]


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.split("\n\n")[0].splitlines()]


def test_the_list_of_variants_is_arranged(attnbench):
    listed = rows(
        attnbench.ok(
            "list", "variants", "--filter", "family=sparse", "--sort", "variant:desc", "--columns", "variant,family"
        )
    )
    assert listed[0] == ["VARIANT", "FAMILY"] and len(listed) > 2
    assert [row[1] for row in listed[1:]] == ["sparse"] * (len(listed) - 1)
    assert [row[0] for row in listed[1:]] == sorted((row[0] for row in listed[1:]), reverse=True)
    assert "say which: attnbench list variants, datasets or plans" in attnbench.refused("list", "--sort", "variant")
    assert "columns: plan, summary" in attnbench.refused("list", "plans", "--sort", "family")


def test_a_plan_is_arranged_by_what_it_predicts(attnbench):
    planned = rows(attnbench.ok("plan", *RUN, "--sort", "call:desc", "--columns", "variant,problem,call"))
    assert planned[0] == ["VARIANT", "PROBLEM", "CALL"] and len(planned) == 5
    assert planned[1][0] == "naive" and "n128" in planned[1]
    few = attnbench.ok("plan", *RUN, "--filter", "problem=*n16 *", "--filter", "memory<1GiB")
    assert len(rows(few)) == 3
    assert "4 cases to run" in few  # the totals are those of the plan


def test_stored_runs_are_arranged(attnbench):
    for name, rounds in (("few", 1), ("many", 2)):
        attnbench.ok(
            "run", *RUN, "--rounds", rounds, "--no-report", "--no-calibrate", "--no-weights", "--out", f"results/{name}"
        )
    shown = rows(attnbench.ok("runs", "--sort", "rounds:desc", "--columns", "run,rounds"))
    assert shown == [["RUN", "ROUNDS"], ["results/many", "2"], ["results/few", "1"]]
    assert rows(attnbench.ok("runs", "--filter", "rounds<2", "--columns", "run")) == [["RUN"], ["results/few"]]
    assert "started_utc" in attnbench.refused("runs", "--sort", "age")

    again = attnbench.ok(
        "export", "@last", "--format", "summary", "--sort", "time_at_n", "--columns", "variant,time_at_n"
    )
    assert again.splitlines()[1].split() == ["variant", "time", "at", "n=128"] and "naive" in again
    cases = attnbench.ok(
        "export", "@last", "--format", "cases", "--filter", "n=16", "--columns", "variant,n"
    ).splitlines()
    assert sorted(line.split() for line in cases[2:]) == [["linear", "16"], ["naive", "16"]]
    assert "unknown column 'speed'" in attnbench.refused("export", "@last", "--format", "cases", "--sort", "speed")
    compared = attnbench.ok(
        "compare", "results/few", "results/many", "--filter", "variant=naive", "--columns", "variant,n,ratio"
    )
    assert "linear  " not in compared and "naive" in compared


@pytest.mark.parametrize(
    ("command", "other"),
    [(["runs"], "--json"), (["list", "variants"], "--json"), (["plan"], "--json"), (["plan"], "--toml")],
)
def test_other_outputs_have_no_table(attnbench, command, other):
    assert other in attnbench.refused(*command, other, "--sort", "variant")


def test_a_comparison_in_another_format_has_no_view(attnbench):
    assert "--format terminal, not json" in attnbench.refused("compare", "a", "b", "--format", "json", "--sort", "n")
