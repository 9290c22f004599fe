"""Figures as elements of a page: compact, in the page's colours, with the legend apart so that it can wrap below.

matplotlib writes coordinates to a millionth of a point and an id for every group; a page needs neither. Colours that
belong to the paper (ink, grid, background) and those too dark for a dark page become CSS variables (report.css).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from xml.etree import ElementTree

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
HREF = f"{{{XLINK}}}href"
PIXELS = 1.2  # CSS pixels for a point: plot and legend fit side by side in half of 1400 pixels
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", XLINK)

# Colours of the figures that a dark page replaces, by the variable that holds them.
VARIABLES = {
    "#000000": "--ink", "#1d1f23": "--ink", "#222222": "--ink", "#333333": "--ink", "#444444": "--soft",
    "#555555": "--soft", "#666666": "--soft", "#777777": "--soft", "#8a8a8a": "--faint", "#888888": "--faint",
    "#999999": "--faint", "#aaaaaa": "--faint", "#dddddd": "--line", "#eeeeee": "--tint", "#ffffff": "--paper",
    "#0072b2": "--blue", "#7b4b2a": "--brown", "#5b2a86": "--purple", "#b30059": "--wine", "#00695c": "--teal",
    "#3949ab": "--indigo", "#5d6d7e": "--slate", "#2e7d32": "--leaf", "#8e44ad": "--violet", "#a33a00": "--rust",
}  # fmt: skip
LABEL = 8  # points


@dataclass(frozen=True)
class Parts:
    """A figure as SVG elements: the plot, and beside it the legend where it has one to its right; of small multiples
    the head in place of the plot, and the tiles."""

    plot: str
    legend: str = ""
    tiles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Piece:
    """A part of a figure that a page shows as a picture of its own: the group of that id, and its box in points from
    the top left."""

    id: str  # "" for the head: all that belongs to no other piece
    title: str
    left: float
    top: float
    width: float
    height: float


def inline_parts(svg: str, name: str, label: str, legend: tuple[float, float] | None,
                 pieces: Sequence[Piece] = ()) -> Parts:  # fmt: skip
    """`legend` is where the legend begins and ends, left and bottom, in points; None keeps the figure whole. `pieces`
    are those of small multiples, the head first. `name` makes ids unique."""
    root = ElementTree.fromstring(svg)
    _, _, width, height = (float(v) for v in root.get("viewBox").split())
    _drop(root, lambda e: e.tag == f"{{{SVG}}}metadata" or _is_background(e))
    used = _used_ids(root)
    if pieces:
        return _in_pieces(root, used, name, label, pieces)
    group = None if legend is None else _take(root, "legend_1")
    for part in (root, group):
        if part is not None:
            _strip(part, used)
    label = escape(label)
    if group is None:
        return Parts(_element(list(root), (0, width, height), name, label), "")
    left, bottom = legend
    # The last label of the axis may reach a little under the legend.
    plot = _element(list(root), (0, left + LABEL, height), name, label)
    return Parts(plot, _element([group], (left, width - left, min(height, bottom)), name, ""))


def _in_pieces(root: ElementTree.Element, used: set[str], name: str, label: str, pieces: Sequence[Piece]) -> Parts:
    """Shapes that several pieces use, such as markers and clips, stay where they are defined: on the same page."""
    taken = {piece.id: _take(root, piece.id) for piece in pieces if piece.id}
    for group in (root, *taken.values()):
        _strip(group, used)
    head, *rest = pieces
    made = [
        _element([taken[p.id]], (p.left, p.width, p.height), name, escape(f"{label}: {p.title}"), p.top) for p in rest
    ]
    whole = _element(list(root), (head.left, head.width, head.height), name, escape(label), head.top)
    return Parts(whole, tiles=tuple(made))


def _used_ids(root: ElementTree.Element) -> set[str]:
    texts = " ".join(value for element in root.iter() for value in element.attrib.values())
    return set(re.findall(r"url\(#([^)]+)\)", texts)) | {e.get(HREF)[1:] for e in root.iter() if HREF in e.attrib}


def _strip(parent: ElementTree.Element, used: set[str]) -> None:
    """Drops ids that nothing refers to, and groups that then say nothing."""
    children = []
    for child in parent:
        if child.get("id") not in used:
            child.attrib.pop("id", None)
        _strip(child, used)
        bare = child.tag == f"{{{SVG}}}g" and not child.attrib
        children += list(child) if bare else [child]
    parent[:] = [child for child in children if child.tag != f"{{{SVG}}}defs" or len(child)]


def _element(children: list, box: tuple[float, float, float], name: str, label: str, top: float = 0) -> str:
    left, width, height = box
    inside = "".join(ElementTree.tostring(child, encoding="unicode") for child in children)
    inside = re.sub(r' xmlns(:\w+)?="[^"]*"', "", inside)
    named = f'role="img" aria-label="{label}"' if label else 'aria-hidden="true"'
    size = f'width="{width * PIXELS:.0f}" height="{height * PIXELS:.0f}"'
    view = f'viewBox="{left:.1f} {top:.4g} {width:.1f} {height:.1f}"'
    return (f'<svg xmlns="{SVG}" xmlns:xlink="{XLINK}" {named} {size} {view}>'
            f"{_compact(inside, name)}</svg>")  # fmt: skip


def _compact(svg: str, name: str) -> str:
    svg = re.sub(r"\s*\n\s*", " ", svg)
    svg = re.sub(r">\s+<", "><", svg)
    svg = re.sub(r' (d|x|y|x1|x2|y1|y2|transform|width|height)="([^"]*)"', lambda m: f' {m[1]}="{_rounded(m[2])}"', svg)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg)
    svg = re.sub(r"<defs ?/>|<defs></defs>", "", svg)
    svg = re.sub(r' id="([^"]*)"', rf' id="{name}-\1"', svg)
    svg = re.sub(r'(url\(#|xlink:href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", svg)
    svg = re.sub(r' (fill|stroke)="(#\w+)"', lambda m: f' style="{m[1]}: {m[2]}"', svg)  # as in patterns
    svg = re.sub(r' d="([^"]*)"', lambda m: f' d="{_short_path(m[1])}"', svg)
    return re.sub(r'(style="[^"]*")', lambda m: _short_style(m[1]), svg).replace(" />", "/>")


def _rounded(numbers: str) -> str:
    """To a tenth of a point, less than a pixel; a transform may scale, so factors below 1 keep their digits."""
    numbers = re.sub(r"\d+\.\d+", lambda m: f"{float(m[0]):.1f}" if float(m[0]) >= 1 else f"{float(m[0]):.2f}", numbers)
    return re.sub(r"(\d)\.0+(?!\d)", r"\1", numbers)


def _short_path(path: str) -> str:
    """`M 1 2 L 3 4 L 5 6` as `M1 2 3 4 5 6`: what follows a move are lines."""
    path = re.sub(r"\s+", " ", path).strip()
    path = re.sub(r" ?([A-Za-z]) ?", r"\1", path)
    return re.sub(r"(?<=\d)L", " ", path) if set(re.findall("[A-Za-z]", path)) <= set("MLz") else path


def _short_style(style: str) -> str:
    style = style.replace(": ", ":").replace("; ", ";")
    style = re.sub(r"#[0-9a-f]{6}", lambda m: f"var({v})" if (v := VARIABLES.get(m[0])) else m[0], style)
    return style.replace("'DejaVu Sans', sans-serif", "sans-serif")


class SharedStyles:
    """The styles of all pictures of a page, each written once: an element carries a short class instead."""

    def __init__(self):
        self._names: dict[str, str] = {}

    def shorten(self, svg: str) -> str:
        return re.sub(r'style="([^"]*)"', lambda m: f'class="{self._name(m[1])}"', svg)

    def sheet(self) -> str:
        return "\n".join(f".{name}{{{style}}}" for style, name in self._names.items())

    def _name(self, style: str) -> str:
        return self._names.setdefault(style, f"v{len(self._names)}")


def _is_background(element: ElementTree.Element) -> bool:
    """The white rectangles of the figure and of its plots."""
    paths = [child for child in element if child.tag == f"{{{SVG}}}path"]
    return (re.fullmatch(r"patch_\d+", element.get("id", "")) is not None and len(paths) == 1
            and paths[0].get("style", "").strip() == "fill: #ffffff")  # fmt: skip


def _drop(parent: ElementTree.Element, holds) -> None:
    for child in list(parent):
        if holds(child):
            parent.remove(child)
        else:
            _drop(child, holds)


def _take(parent: ElementTree.Element, name: str) -> ElementTree.Element | None:
    """Removes the group of that id and returns it."""
    for child in list(parent):
        if child.get("id") == name:
            parent.remove(child)
            return child
        if (found := _take(child, name)) is not None:
            return found
    return None
