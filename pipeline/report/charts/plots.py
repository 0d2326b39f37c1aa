"""The two kinds of charts in a report, each with a table of what it shows.

Series differ in colour, in dashes and in the shape of their points.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from tfx_distill.pipeline.report.charts import axis_scales, svg_figure
from tfx_distill.pipeline.report.charts.axis_scales import Axis, Series
from tfx_distill.pipeline.report.charts.svg_figure import COLOURS, GHOST
from tfx_distill.pipeline.report.collect.intervals import Interval
from tfx_distill.pipeline.short_text import columns, shortened, wrapped

_PLOT_HEIGHT = 270
_ROW_HEIGHT = 28
_LINE_HEIGHT = 15
_AXIS_HEIGHT = 48
_LEGEND_LETTERS = 56  # that fit in a line of the legend
_KEY_LETTERS = 7  # of them, the space that an entry's key takes
_NAME_LETTERS = 22  # that fit in a line of a row's name
_MAX_LETTERS = 44  # of a name; the table below a chart has all of it
_MARKERS = "os^D"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture, and the same as a table.

    Attributes:
        title: What it shows.
        description: How to read it.
        drawing: SVG.
        header: Of the table.
        rows: Of the table.
    """

    title: str
    description: str
    drawing: Markup
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def plot(
    title: str, description: str, series: Sequence[Series], x: Axis, y: Axis
) -> Chart:
    """Points and lines over two axes."""

    def paint(axes: Axes) -> None:
        top = axis_scales.highest(series) if y.scale == "errors" else np.inf
        for place, one in enumerate(series):
            xs, values = zip(*one.points, strict=True)
            ys = np.minimum([value.value for value in values], top)
            look = {**_look(place, one.name, one.colour), "linestyle": one.line}
            if not one.marked:
                look["marker"] = ""
            axes.errorbar(xs, ys, yerr=_reach(values), elinewidth=1, **look)
        axis_scales.apply(x, axes, "x", series)
        axis_scales.apply(y, axes, "y", series)
        axes.grid(axis="y")
        _legend(axes, series)

    cells = [
        [(one.name, x.write(a), y.write(b.value)) for a, b in one.points]
        for one in series
    ]
    height = _PLOT_HEIGHT + _LINE_HEIGHT * _legend_shape(series)[0]
    header = ("series", x.label, y.label)
    return _chart(title, description, height, header, cells, paint)


def values(
    title: str,
    description: str,
    rows: Sequence[tuple[str, str, Interval]],
    axis: Axis,
    *,
    zero: bool = False,
    bars: Sequence[float] = (),
) -> Chart | None:
    """One value with its interval in each row, written beside it.

    Args:
        title: As in `Chart`.
        description: As in `Chart`.
        rows: Name, colour (see `Series`) and value of each; None results from none.
        axis: Of the values.
        zero: Draw a line at 0, and let it be in sight.
        bars: Where they begin, for each row; without, points and intervals.
    """
    if not rows:
        return None
    names = [row[0] for row in rows]
    cells = [[(name, axis.write(v.value), _ends(v, axis))] for name, _, v in rows]

    def paint(axes: Axes) -> None:
        if zero:
            axes.axvline(0, color=COLOURS["dim"], linewidth=1)
        for row, (name, colour, value) in enumerate(rows):
            look = _look(row, name, colour)
            if bars:
                bar = {name: look[name] for name in ("color", "gid")}
                axes.barh(row, value.value, 0.6, bars[row], **bar)
                continue
            axes.errorbar(value.value, row, xerr=_reach([value]), capsize=5, **look)
        _name_rows(axes, names, axis)
        for row, (cell,) in enumerate(cells):
            _write_beside(axes, row, cell[1])

    header = ("", axis.label, "95 % interval")
    return _chart(title, description, _rows_height(names), header, cells, paint)


def _write_beside(axes: Axes, row: int, text: str) -> None:
    """Writes at the right margin, where text covers no line."""
    axes.annotate(
        text, (1, row), (8, 0), axes.get_yaxis_transform(), "offset points",
        va="center_baseline", weight="bold",
    )  # fmt: skip


def dots(
    title: str,
    description: str,
    names: Sequence[str],
    series: Sequence[Series],
    axis: Axis,
) -> Chart:
    """A point of each series in each row, which is a class.

    Args:
        title: As in `Chart`.
        description: As in `Chart`.
        names: One for each row.
        series: The places of their points are indices of rows.
        axis: Of the values.
    """

    def paint(axes: Axes) -> None:
        for place, one in enumerate(series):
            shift = 0.5 * ((place + 0.5) / len(series) - 0.5)  # none hides another
            ys = [row + shift for row, _ in one.points]
            look = _look(place, one.name, one.colour)
            axes.errorbar([value.value for _, value in one.points], ys, **look)
        _name_rows(axes, names, axis)
        _legend(axes, series)

    cells = [
        [(one.name, names[int(row)], axis.write(b.value)) for row, b in one.points]
        for one in series
    ]
    height = _rows_height(names) + _LINE_HEIGHT * _legend_shape(series)[0]
    header = ("series", "class", axis.label)
    return _chart(title, description, height, header, cells, paint)


def _chart(
    title: str,
    description: str,
    height: float,
    header: tuple[str, ...],
    cells: Sequence[Sequence[tuple[str, ...]]],
    paint: Callable[[Axes], None],
) -> Chart:
    """A chart whose points say what their rows in the table do.

    Args:
        title: As in `Chart`.
        description: As in `Chart`.
        height: Of the drawing, in pixels.
        header: Of the table.
        cells: The rows of each series.
        paint: Draws into the axes.
    """
    tooltips = {
        _gid(place): [", ".join(_line(cell) for cell in row if cell) for row in rows]
        for place, rows in enumerate(cells)
    }
    return Chart(
        title=title,
        description=description,
        drawing=svg_figure.drawing(title, description, height, paint, tooltips),
        header=header,
        rows=tuple(row for rows in cells for row in rows),
    )


def _name_rows(axes: Axes, names: Sequence[str], axis: Axis) -> None:
    """Names the rows, the first at the top."""
    lines = [_wrapped(name) for name in names]
    axes.set_yticks(range(len(names)), ["\n".join(one) for one in lines])
    # matplotlib's font lacks the letters of many scripts, which are wider than its own:
    # as many half letters take the room.
    longest = max(
        (columns(line) for one in lines for line in one if not line.isascii()),
        default=0,
    )
    if longest:
        axes.annotate(
            "n" * longest, (0, 0), (-6, 0), axes.get_yaxis_transform(), "offset points",
            ha="right", gid=GHOST,
        )  # fmt: skip
    axes.set_ylim(len(names) - 0.5, -0.5)
    axis_scales.apply(axis, axes, "x")
    axes.spines["bottom"].set_visible(False)
    axes.tick_params("x", length=0)
    axes.grid(axis="x")


def _rows_height(names: Sequence[str]) -> int:
    lines = max(len(_wrapped(name)) for name in names)
    return max(_ROW_HEIGHT, _LINE_HEIGHT * lines + 6) * len(names) + _AXIS_HEIGHT


def _wrapped(name: str) -> list[str]:
    return wrapped(_line(name), _NAME_LETTERS)


def _line(name: str) -> str:
    return shortened(name, _MAX_LETTERS)


def _look(place: int, name: str, colour: str) -> dict[str, Any]:
    return {
        "color": COLOURS[colour],
        "marker": _MARKERS[place % len(_MARKERS)],
        "linestyle": "none",
        "label": _line(name),
        "gid": _gid(place),
        "clip_on": False,  # half of a point at the edge would be lost
    }


def _gid(place: int) -> str:
    return f"series{place}"


def _reach(values: Sequence[Interval]) -> np.ndarray | None:
    """How far the intervals reach below and above their values, shape `(2, n)`."""
    ends = [
        (one.value - one.low, one.high - one.value)
        for one in values
        if one.low is not None and one.high is not None
    ]
    if len(ends) < len(values):
        return None
    return np.maximum(np.transpose(ends), 0)


def _ends(value: Interval, axis: Axis) -> str:
    if value.low is None or value.high is None:
        return ""
    return f"{axis.write(value.low)} to {axis.write(value.high)}"


def _legend(axes: Axes, series: Sequence[Series]) -> None:
    _, columns = _legend_shape(series)
    if columns:
        axes.figure.legend(loc="outside upper left", ncols=columns)


def _legend_shape(series: Sequence[Series]) -> tuple[int, int]:
    """Lines and columns of the legend; a single series needs none."""
    if len(series) < 2:
        return 0, 0
    longest = max(len(_line(one.name)) for one in series) + _KEY_LETTERS
    columns = max(1, min(len(series), _LEGEND_LETTERS // longest))
    return -(-len(series) // columns), columns
