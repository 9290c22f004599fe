"""The layering check finds an include that no arrow allows, and the tree has none."""

import subprocess
import sys
from pathlib import Path

import check_layers

ROOT = Path(__file__).resolve().parents[2]
LAYERS = check_layers.arrows_of("base <-\nmiddle   <- base\ntop <- base middle\ntop/plain <-\nnot an arrow\n")


def test_arrows_are_read_from_their_block():
    assert LAYERS == {"base": set(), "middle": {"base"}, "top": {"base", "middle"}, "top/plain": set()}


def test_an_include_along_an_arrow_or_inside_a_layer_is_allowed():
    includes = {"top/a.cpp": ["top/a.h", "middle/b.h", "base/deep/c.h", "somewhere/else.h"], "tests/t.cpp": ["top/a.h"]}
    assert check_layers.violations(includes, LAYERS) == []


def test_an_include_up_or_past_an_arrow_is_named():
    assert check_layers.violations({"base/a.cpp": ["top/a.h"]}, LAYERS) == [
        "base/a.cpp includes top/a.h: no arrow base <- top"
    ]
    assert len(check_layers.violations({"top/plain/a.cpp": ["top/a.h", "base/b.h"]}, LAYERS)) == 2


def test_layers_that_use_each_other_are_named():
    assert check_layers.cycles(LAYERS) == []
    assert len(check_layers.cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == 3


def test_an_arrow_that_nothing_follows_is_named():
    assert check_layers.unused({"middle/a.cpp": ["base/b.h"], "top/a.cpp": ["middle/b.h"]}, LAYERS) == [
        "top <- base: no include follows this arrow"
    ]


def test_a_module_may_have_a_line_of_its_own():
    layers = check_layers.arrows_of("package <- package/a.py\npackage/a.py <-\n")
    assert check_layers.layer_of("package/a.py", layers) == "package/a.py"
    assert check_layers.layer_of("package/b.py", layers) == "package"


def test_imports_are_read_also_inside_functions():
    source = "import json\nfrom attnbench.stats import noise\ndef f():\n    from attnbench.pages.html import html\n"
    assert check_layers.modules_named(source) == ["json", "attnbench.stats.noise", "attnbench.pages.html.html"]
    imports = check_layers.imports_of(ROOT)
    assert "reports/attnbench/support/units.py" in imports["reports/attnbench/pages/columns.py"]
    assert "reports/attnbench/model.py" in imports["reports/attnbench/pages/cases.py"]


def test_the_tree_follows_its_drawing():
    done = subprocess.run([sys.executable, ROOT / "scripts" / "check_layers.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
