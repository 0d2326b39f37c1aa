"""The charts of a report as SVG, each with a table of what it shows.

Colours are classes of the style sheet, which has them for light and dark. Series
also differ in dashes and in the shape of their points.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from markupsafe import Markup

from tfx_distill.pipeline.report.charts import svg
from tfx_distill.pipeline.report.charts.axes import Axis, linear
from tfx_distill.pipeline.report.collect.measures import Calibration, Interval

_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 14, 44
_ROW = 34
_LETTER = 7.2  # pixels, at most, of a letter in the charts' font


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture, and the same as a table.

    Attributes:
        title: What it shows.
        description: What one sees in it, for those who do not see it.
        drawing: SVG.
        legend: Name, style class and place of each series.
        header: Of the table.
        rows: Of the table.
    """

    title: str
    description: str
    drawing: Markup
    legend: tuple[tuple[str, Markup], ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Series:
    """Points that belong together.

    Attributes:
        name: In the legend.
        style: Style class, such as `teacher`.
        points: Pairs (x, y).
        ends: Lower and upper end of each point's interval; empty without any.
        dashed: Drawn with dashes.
        joined: Drawn with a line.
        marked: Drawn with points.
    """

    name: str
    style: str
    points: tuple[tuple[float, float], ...]
    ends: tuple[tuple[float, float], ...] = ()
    dashed: bool = False
    joined: bool = True
    marked: bool = True


def plot(
    title: str, description: str, series: Sequence[Series], x: Axis, y: Axis
) -> Chart:
    """Points and lines over two axes."""
    parts: list[Markup] = [*_frame(x, y)]
    for place, one in enumerate(series):
        places = [(_x(x, a), _y(y, b)) for a, b in one.points]
        style = f"s-{one.style}{' dashed' if one.dashed else ''}"
        if one.joined and len(places) > 1:
            path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
            parts.append(svg.element("path", d=path, class_=f"curve {style}"))
        for (a, _), (low, high) in zip(places, one.ends, strict=False):
            parts.append(svg.line(a, _y(y, low), a, _y(y, high), f"whisker {style}"))
        for (a, b), point in zip(places, one.points, strict=True):
            if not one.marked:
                continue
            label = f"{one.name}: {x.format(point[0])}, {_short(point[1])}"
            parts.append(svg.mark(place, a, b, f"point {style}", label))
    return Chart(
        title=title,
        description=description,
        drawing=svg.drawing(_WIDTH, _HEIGHT, title, description, *parts),
        legend=_legend(series),
        header=("series", x.label, y.label),
        rows=tuple(
            (one.name, _short(a), _short(b)) for one in series for a, b in one.points
        ),
    )


def _frame(x: Axis, y: Axis) -> list[Markup]:
    """Both axes with their marks and labels."""
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for value in y.marks:
        place = _y(y, value)
        parts.append(svg.line(_LEFT, place, right, place, "grid"))
        parts.append(svg.text(_LEFT - 8, place + 4, y.format(value), "end"))
    for value in x.marks:
        place = _x(x, value)
        parts.append(svg.line(place, bottom, place, bottom + 5, "axis"))
        parts.append(svg.text(place, bottom + 18, x.format(value), "middle"))
    parts.append(svg.line(_LEFT, bottom, right, bottom, "axis"))
    middle = (_TOP + bottom) / 2
    parts.append(svg.text((_LEFT + right) / 2, _HEIGHT - 6, x.label, "middle"))
    parts.append(
        svg.text(13, middle, y.label, "middle", transform=f"rotate(-90 13 {middle:g})")
    )
    return parts


def _x(axis: Axis, value: float) -> float:
    return _LEFT + axis.share(value) * (_WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - axis.share(value) * (_HEIGHT - _TOP - _BOTTOM)


def _legend(series: Sequence[Series]) -> tuple[tuple[str, Markup], ...]:
    if len(series) < 2:
        return ()
    keys = []
    for place, one in enumerate(series):
        style = f"s-{one.style}{' dashed' if one.dashed else ''}"
        parts = [svg.mark(place, 16, 8, f"point {style}")] if one.marked else []
        if one.joined:
            parts.insert(0, svg.line(0, 8, 32, 8, f"curve {style}"))
        key = svg.element(
            "svg", *parts, viewBox="0 0 32 16", width=32, height=16, aria_hidden="true"
        )
        keys.append((one.name, key))
    return tuple(keys)


def _short(value: float) -> str:
    return (
        f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:,.0f}"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bar:
    """A line of a chart of intervals or of lengths."""

    name: str
    style: str
    value: Interval


def intervals(
    title: str, description: str, bars: Sequence[Bar], label: str, zero: bool = False
) -> Chart:
    """Values with their 95 % intervals, below one another.

    Args:
        title: As in `Chart`.
        description: As in `Chart`.
        bars: What is shown.
        label: Of the axis.
        zero: Draw a line at 0, and let it be in sight.
    """
    ends = [
        end
        for bar in bars
        for end in (bar.value.value, bar.value.low, bar.value.high)
        if end is not None
    ]
    ends += [0.0] if zero else []
    axis = linear(label, min(ends), max(ends))
    left = _name_width(bars)
    return _rows(title, description, bars, axis, left, _interval, zero)


def lengths(title: str, description: str, bars: Sequence[Bar], label: str) -> Chart:
    """Amounts from 0, below one another."""
    axis = linear(label, 0, max([bar.value.value for bar in bars] + [1e-9]))
    return _rows(title, description, bars, axis, _name_width(bars), _length, False)


def _rows(
    title: str,
    description: str,
    bars: Sequence[Bar],
    axis: Axis,
    left: float,
    draw: Callable[[int, Bar, float, Callable[[float], float]], list[Markup]],
    zero: bool,
) -> Chart:
    height = _ROW * len(bars) + _TOP + _BOTTOM
    bottom = height - _BOTTOM

    def across(value: float) -> float:
        return left + axis.share(value) * (_WIDTH - left - _RIGHT - 52)

    parts = []
    for value in axis.marks:
        place = across(value)
        parts.append(svg.line(place, _TOP, place, bottom, "grid"))
        parts.append(svg.text(place, bottom + 18, _short(value), "middle"))
    if zero:
        parts.append(svg.line(across(0), _TOP, across(0), bottom, "axis"))
    for place, bar in enumerate(bars):
        y = _TOP + _ROW * (place + 0.5)
        parts.append(svg.text(left - 12, y + 4, _cut(bar.name), "end"))
        parts += draw(place, bar, y, across)
    middle = (left + _WIDTH - _RIGHT - 52) / 2
    parts.append(svg.text(middle, height - 6, axis.label, "middle"))
    return Chart(
        title=title,
        description=description,
        drawing=svg.drawing(_WIDTH, height, title, description, *parts),
        header=("", axis.label, "95 % interval"),
        rows=tuple((bar.name, _short(bar.value.value), _ends(bar)) for bar in bars),
    )


def _interval(
    place: int, bar: Bar, y: float, across: Callable[[float], float]
) -> list[Markup]:
    style, value = f"s-{bar.style}", bar.value
    parts = []
    end = value.value
    if value.low is not None and value.high is not None:
        low, high, end = across(value.low), across(value.high), value.high
        parts.append(svg.line(low, y, high, y, f"curve {style}"))
        parts += [svg.line(x, y - 5, x, y + 5, f"curve {style}") for x in (low, high)]
    label = f"{bar.name}: {_short(value.value)} {_ends(bar)}"
    parts.append(svg.mark(place, across(value.value), y, f"point {style}", label))
    parts.append(svg.text(across(end) + 10, y + 4, _short(value.value), class_="value"))
    return parts


def _length(
    place: int, bar: Bar, y: float, across: Callable[[float], float]
) -> list[Markup]:
    start, end = across(0), across(bar.value.value)
    label = svg.element("title", f"{bar.name}: {_short(bar.value.value)}")
    return [
        svg.rectangle(start, y - 9, end - start, 18, f"bar s-{bar.style}", label),
        svg.text(end + 8, y + 4, _short(bar.value.value), class_="value"),
    ]


def _ends(bar: Bar) -> str:
    low, high = bar.value.low, bar.value.high
    return "" if low is None or high is None else f"{low:.4f} to {high:.4f}"


def _name_width(bars: Sequence[Bar]) -> float:
    return 20 + _LETTER * max((len(_cut(bar.name)) for bar in bars), default=0)


def _cut(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"


def reliability(calibrations: Sequence[Calibration]) -> Chart:
    """How often answers of a confidence are right, beside how often they should be."""
    description = (
        "Share of right answers by confidence. On the diagonal a model is right as "
        "often as it says; below it, it is too sure of itself. Thin lines: 95 % intervals."
    )
    ideal = Series(
        name="as sure as right", style="ideal", points=((0, 0), (1, 1)), marked=False
    )
    series = [
        Series(
            name=one.role,
            style=one.role,
            points=tuple((b.confidence, b.accuracy.value) for b in one.bins),
            ends=tuple((b.accuracy.low or 0, b.accuracy.high or 0) for b in one.bins),
        )
        for one in calibrations
    ]
    x, y = linear("confidence", 0, 1), linear("share of right answers", 0, 1)
    # The diagonal last, so that the models' marks are those of all other charts.
    chart = plot("Confidence and truth", description, [*series, ideal], x, y)
    rows = tuple(
        (
            one.role,
            f"{b.low:.2f} to {b.high:.2f}",
            f"{b.count:,}",
            f"{b.confidence:.4f}",
            f"{b.accuracy.value:.4f}",
            f"{b.accuracy.low:.4f} to {b.accuracy.high:.4f}",
        )
        for one in calibrations
        for b in one.bins
    )
    header = (
        "model",
        "confidence",
        "answers",
        "mean confidence",
        "right",
        "95 % interval",
    )
    return dataclasses.replace(chart, header=header, rows=rows)
