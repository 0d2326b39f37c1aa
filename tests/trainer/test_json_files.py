"""JSON files as dataclasses: what is written comes back, and nothing else does."""

import dataclasses

import pytest

from tfx_distill.trainer import json_files


@dataclasses.dataclass(frozen=True)
class Point:
    x: float
    tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Shape:
    points: tuple[Point, ...]
    size: int | float | None = None


def test_what_is_saved_is_loaded(tmp_path):
    shape = Shape(points=(Point(1.5, ("a", "b")),), size=3)
    json_files.save(shape, tmp_path / "s.json", format_version=1)
    assert json_files.load(Shape, tmp_path / "s.json") == shape


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"points": [{"x": "a"}]}', r"points\[0\].x: .*number, received 'a'"),
        ('{"points": [], "size": NaN}', "size.*: .*finite number, received nan"),
        ('{"points": [{"x": true}]}', r"points\[0\].x: .*number, received True"),
        ('{"size": 1}', "points: field required"),
        ("[1]", "object, received"),
        ("{", "invalid JSON"),
    ],
)
def test_a_wrong_value_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        json_files.parse(Shape, text)


def test_a_file_is_for_people_too(tmp_path):
    json_files.save(Point(1.5), tmp_path / "p.json")
    assert (tmp_path / "p.json").read_text() == '{\n  "tags": [],\n  "x": 1.5\n}'


def test_what_is_not_finite_is_not_written(tmp_path):
    with pytest.raises(ValueError):
        json_files.save(Point(float("nan")), tmp_path / "p.json")
