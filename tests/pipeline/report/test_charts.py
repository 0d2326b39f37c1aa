"""Charts: what is drawn, in whose colours, and what is written beside it."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from tfx_distill.pipeline.report import number_text
from tfx_distill.pipeline.report.charts import (
    axis_scales,
    plots,
    run_charts,
    svg_figure,
)
from tfx_distill.pipeline.report.charts.axis_scales import Axis, Series
from tfx_distill.pipeline.report.collect.intervals import Interval


def _row(name="student", value=-0.002, low=-0.004, high=0.001):
    return name, "student", Interval(value=value, low=low, high=high)


def _differences(*rows):
    axis = Axis(label="difference", write=number_text.signed)
    return plots.values("Title", "Text.", rows, axis, zero=True)


def _texts(chart):
    return [one.text for one in ElementTree.fromstring(chart.drawing).iter("text")]


def test_a_value_is_written_with_all_its_decimals_in_the_chart_and_its_table():
    chart = _differences(_row())
    assert "-0.0020" in _texts(chart)
    assert chart.rows == (("student", "-0.0020", "-0.0040 to +0.0010"),)


def test_a_written_value_covers_no_line():
    drawing = ElementTree.fromstring(_differences(_row()).drawing)
    value = next(one for one in drawing.iter("text") if one.text == "-0.0020")
    ends = [x for path in drawing.iter("path") if path.get("stroke", "none") != "none"
            for x in re.findall(r"[ML] ([\d.]+)", path.get("d"))]  # fmt: skip
    assert float(value.get("x")) > max(map(float, ends))


def test_every_colour_is_one_of_the_style_sheet():
    drawing = ElementTree.fromstring(_differences(_row()).drawing)
    colours = {one.get(a) for one in drawing.iter() for a in ("fill", "stroke")}
    assert colours <= {None, "none", *(f"var(--{name})" for name in svg_figure.COLOURS)}
    assert "var(--student)" in colours
    assert not [one for one in drawing.iter() if "style" in one.attrib]


@pytest.mark.parametrize("name", ["<b>$x$_{1}</b> & \"'", "a\\frac{", "$"])
def test_a_name_is_text_and_neither_markup_nor_mathematics(name):
    chart = _differences(_row(name))
    assert name in "".join(_texts(chart))
    assert "<b>" not in chart.drawing


def test_names_of_odd_letters_are_drawn():
    name = "\x00\x1b\udcff 魚 " + "long" * 40
    chart = _differences(_row(name))
    assert "longlong" in "".join(_texts(chart))
    assert chart.rows[0][0] == name


def test_the_same_chart_has_the_same_bytes():
    assert _differences(_row()).drawing == _differences(_row()).drawing


def test_two_charts_of_a_page_share_no_id():
    charts = [
        plots.values(title, "Text.", [_row()], Axis(label="x"))
        for title in ("One", "Two")
    ]
    ids = [set(re.findall(r' id="([^"]+)"', chart.drawing)) for chart in charts]
    assert ids[0] and not ids[0] & ids[1]


def test_every_point_says_what_it_is():
    points = tuple((x, Interval(value=y)) for x, y in ((1, 0.5), (2, 0.75)))
    curves = [Series(name="<a>", colour="teacher", points=points)]
    axis = Axis(label="epoch", write="{:g}".format, scale="epochs")
    chart = plots.plot("Title", "Text.", curves, axis, Axis(label="accuracy"))
    drawing = ElementTree.fromstring(chart.drawing)
    assert [one.text for one in drawing.iter("title")] == [
        "<a>, 1, 0.5000",
        "<a>, 2, 0.7500",
    ]


def test_equal_ratios_of_errors_are_equally_far_apart():
    steps = np.diff(axis_scales._from_accuracy(np.array([0.9, 0.99, 0.999])))
    assert steps[0] == pytest.approx(steps[1])


@pytest.mark.parametrize("values", [(1.0, 1.0), (0.1, 0.2), (0.5, 0.99999), (0.0,)])
def test_curves_of_any_accuracies_have_ticks(values):
    points = tuple((x, Interval(value=y)) for x, y in enumerate(values, 1))
    curves = [Series(name="a", colour="teacher", points=points)]
    axes = Axis(label="epoch", scale="epochs"), Axis(label="accuracy", scale="errors")
    numbers = [t for t in _texts(plots.plot("T", "T.", curves, *axes)) if t[:1] == "0"]
    assert len(numbers) >= 2


def _dots(name):
    series = [Series(name="a", colour="teacher", points=((0, Interval(value=0.5)),))]
    chart = plots.dots("Title", "Text.", [name], series, Axis(label="accuracy"))
    return ElementTree.fromstring(chart.drawing)


def test_wide_letters_have_the_room_that_they_take():
    name = "蟻と蜂の写真です"
    (text,) = [one for one in _dots(name).iter("text") if one.text == name]
    letter = float(text.get("font-size").removesuffix("px"))
    assert text.get("text-anchor") == "end"
    assert float(text.get("x")) >= letter * len(name)


def test_a_long_name_takes_several_lines():
    texts = [one.text for one in _dots("great white shark of the ocean").iter("text")]
    assert texts[-2:] == ["great white shark of", "the ocean"]


@pytest.mark.parametrize(("best", "is_curved"), [(0.46, False), (0.97, True)])
def test_only_accuracies_near_one_are_drawn_by_their_errors(best, is_curved):
    curves = [run_charts.curve("student", "student", [0.3, 0.4, best])]
    chart = run_charts.accuracy_by_epoch("Title", curves)
    assert ("equal factors" in chart.description) == is_curved
    heights = [
        float(one.get("y"))
        for one in ElementTree.fromstring(chart.drawing).iter("use")
        if one.get("y")
    ][-3:]
    steps = np.diff(heights) / np.diff([0.3, 0.4, best])
    assert (abs(steps[1] / steps[0] - 1) < 0.01) != is_curved
