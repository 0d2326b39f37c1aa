"""Nested mappings with dotted keys."""

from tfx_distill.pipeline.config import dotted_keys


def test_nested_keys_are_joined_by_dots():
    content = {
        "student": {"epochs": 3, "options": {"widths": [8, 16]}},
        "control": True,
    }
    assert dotted_keys.flat(content) == {
        "student.epochs": 3,
        "student.options.widths": [8, 16],
        "control": True,
    }


def test_an_empty_mapping_stays_a_value():
    assert dotted_keys.flat({"a": {}}) == {"a": {}}
