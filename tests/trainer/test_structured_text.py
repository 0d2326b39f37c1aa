"""Texts from outside: what is read, and what is refused before it does harm."""

import json
import os
import time

import pytest

from tfx_distill.trainer import structured_text

pytestmark = pytest.mark.attack
BOMB = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: 2020-13-45", {"a": "2020-13-45"}),
        ("a: 2001-12-14", {"a": "2001-12-14"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
        ("64: 1e-3", {64: "1e-3"}),
        ("a: ~\nb: yes", {"a": None, "b": True}),
    ],
)
def test_values_are_core_scalars_lists_and_mappings(text, value):
    assert structured_text.from_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !!int x", "'x' is not of the type int line 1, column 4"),
        ("!!float ''", "'' is not of the type float"),
        ("!!bool x", "'x' is not of the type bool"),
        ("a: " + "9" * 5000, "'9{40}' is not of the type int"),
        ("!!binary aGk=", "could not determine a constructor"),
        ("!!python/object/apply:os.getpid []", "could not determine a constructor"),
        ("[" * 5000, "nested too deeply line 1, column 51"),
        ("{a: " * 5000, "nested too deeply"),
        ("&a [*a]", r"\*a stands for itself or nothing"),
        ("a: *b", r"\*b stands for itself or nothing"),
        (BOMB, "too many values line 6"),
        ("gate: {}\nseeds: 2\ngate: {}", "the key 'gate' stands twice line 3"),
        ("a: {1: 2, 1.0: 3}", "the key 1.0 stands twice"),
        ("a\n--- b", "expected one document, received 2"),
        ("a: \udcff", "surrogates not allowed"),
        ("a: \x1b[31m", "control characters are not allowed"),
    ],
)
def test_what_could_do_harm_is_refused_in_one_line_and_at_once(text, message):
    begin = time.monotonic()
    with pytest.raises(ValueError, match=message) as caught:
        structured_text.from_yaml(text)
    assert time.monotonic() - begin < 1
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "it is nested too deeply"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ("[NaN]", "NaN is not a finite number"),
        ("[1e999]", "1e999 is not a finite number"),
        ("{", "Expecting property name"),
    ],
)
def test_json_has_the_same_limits(text, message):
    with pytest.raises(ValueError, match=message):
        structured_text.from_json(text)


def test_json_without_harm_is_what_it_says():
    value = {"a": [1, -2.5, None, True], "b": {"a": "x"}}
    assert structured_text.from_json(json.dumps(value)) == value


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_pipes_and_devices_are_refused_instead_of_read(tmp_path, kind):
    os.mkfifo(tmp_path / "pipe")
    path = {"pipe": str(tmp_path / "pipe"), "device": "/dev/zero"}[kind]
    with pytest.raises(OSError, match="not a regular file"):
        structured_text.read_file(path)


def test_a_file_of_the_largest_size_is_read_whole(tmp_path):
    (tmp_path / "a").write_text("x" * structured_text.MAX_BYTES)
    assert len(structured_text.read_file(tmp_path / "a")) == structured_text.MAX_BYTES


def test_a_file_of_any_size_is_read_only_up_to_the_limit(tmp_path):
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="it is larger than 4 MiB"):
        structured_text.read_file(tmp_path / "huge")
