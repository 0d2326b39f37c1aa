"""matplotlib figures as SVG for an HTML page, in the colours of its style sheet.

matplotlib draws in the colours of `COLOURS`. In the finished SVG each of them becomes a
variable of `style.css`, so one drawing serves the light, the dark and the printed page.
The page's content security policy allows no `style` attribute: declarations become
presentation attributes.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import matplotlib
import matplotlib.style
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from tfx_distill.pipeline.short_text import shortened

WIDTH = 380  # pixels; a phone shows it whole, with letters of 11 pixels
GHOST = "ghost"  # the `gid` of what takes room and is not drawn

# A colour for each variable of the style sheet; the values only have to differ.
COLOURS = {
    "text": "#1b1f24",
    "dim": "#57606a",
    "line": "#d4d9df",
    "page": "#ffffff",
    "teacher": "#0072b2",
    "student": "#d55e00",
    "control": "#00825e",
    "other": "#a3558a",
}
_VARIABLES = {colour: f"var(--{name})" for name, colour in COLOURS.items()}

_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": COLOURS["dim"],
    "axes.facecolor": "none",
    "axes.formatter.limits": (-6, 12),
    "axes.formatter.useoffset": False,
    "axes.labelcolor": COLOURS["text"],
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.unicode_minus": False,
    "figure.facecolor": "none",
    "font.size": 12,
    "grid.color": COLOURS["line"],
    "legend.borderaxespad": 0,
    "legend.frameon": False,
    "legend.columnspacing": 1.2,
    "lines.markeredgecolor": COLOURS["page"],
    "lines.markeredgewidth": 1,
    "lines.markersize": 8,
    "lines.linewidth": 2,
    "lines.dashed_pattern": (3, 2),
    "svg.fonttype": "none",  # text stays text: it can be selected and searched
    "text.color": COLOURS["text"],
    "text.parse_math": False,  # a name may hold dollar signs
    "xtick.color": COLOURS["dim"],
    "xtick.labelcolor": COLOURS["text"],
    "ytick.color": COLOURS["dim"],
    "ytick.labelcolor": COLOURS["text"],
    "ytick.major.size": 0,
}
_LOST = ("metadata", "style")  # what an inline drawing may not or need not have
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def drawing(
    title: str,
    description: str,
    height: float,
    paint: Callable[[Axes], None],
    tooltips: Mapping[str, Sequence[str]],
) -> Markup:
    """Draws a chart, `WIDTH` pixels wide, that scales with the page.

    Args:
        title: What the chart shows.
        description: What a reader sees in it, for screen readers.
        height: In pixels.
        paint: Draws into the axes.
        tooltips: By the `gid` of artists, a text for each of their points, shown under
            the pointer.

    Returns:
        An `svg` element, every text of it escaped.
    """
    # The same chart has the same bytes, and two charts share no id.
    style = {**_STYLE, "svg.hashsalt": shortened(title, 80)}
    with warnings.catch_warnings(), matplotlib.style.context(["default", style]):
        # The page's fonts may have a script that matplotlib's lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure = Figure(figsize=(WIDTH / 72, height / 72))
        FigureCanvasSVG(figure)
        paint(figure.subplots())
        # Once, and not again while the file is written, which would draw twice.
        ConstrainedLayoutEngine().execute(figure)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata=_NO_METADATA)
    root = ElementTree.fromstring(file.getvalue())
    _add_tooltips(root, tooltips)
    _make_inline(root)
    size = {"viewBox": root.attrib["viewBox"], "width": f"{WIDTH}"}
    root.attrib = {**size, "role": "img", "aria-label": f"{title}. {description}"}
    return Markup(ElementTree.tostring(root, "unicode"))  # escapes every value


def _add_tooltips(
    root: ElementTree.Element, tooltips: Mapping[str, Sequence[str]]
) -> None:
    for group in root.iter():
        texts = tooltips.get(group.get("id", ""), ())
        marks = [e for e in group.iter() if _name(e.tag) == "use"]
        marks = marks or [e for e in group.iter() if _name(e.tag) == "path"]
        for mark, text in zip(marks, texts, strict=False):
            ElementTree.SubElement(mark, "title").text = text


def _make_inline(root: ElementTree.Element) -> None:
    """Removes what HTML does not need, and lets the style sheet decide on colours."""
    for element in list(root.iter()):
        for child in list(element):
            if _name(child.tag) in _LOST or child.get("id") == GHOST:
                element.remove(child)
        element.tag = _name(element.tag)
        if element.tag == "g":
            element.attrib.pop("id", None)  # ids are unique in a page
        declarations = element.attrib.pop("style", "")
        for name, value in re.findall(r"([\w-]+):\s*([^;]+)", declarations):
            if name != "font-family":  # the page's
                element.set(name, _VARIABLES.get(value, value))
        for name in list(element.attrib):
            element.set(_name(name), element.attrib.pop(name))


def _name(name: str) -> str:
    """A name without its namespace: HTML knows `svg`, `href` and all the others."""
    return name.rpartition("}")[2]
