"""What a key means, and which layer its value comes from."""

import pytest

from tfx_distill.pipeline.config import key_explanations
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.trainer.errors import ConfigError


def _one(file, overrides, key):
    (found,) = key_explanations.explain(file, overrides, key)
    return found


def test_every_layer_that_has_a_key_is_told_and_the_last_is_in_force():
    found = _one("smoke", ["student.epochs=3", "student.seed=1"], "student.epochs")
    assert found.given == (
        ("default", 14),
        ("the data set's file digits.yaml", 60),
        ("--config smoke", 12),
        ("--set student.epochs=3", 3),
    )
    assert found.value == 3
    assert (found.meaning, found.accepted) == (
        "Passes over the training split",
        "an integer >= 1",
    )


def test_the_variable_of_the_environment_is_a_layer(monkeypatch):
    monkeypatch.setenv("DISTILL_MANUAL_DIR", "/there")
    source, value = _one(None, [], "data.manual_dir").given[-1]
    assert (source, value) == ("the variable DISTILL_MANUAL_DIR", "/there")


def test_a_run_parameter_is_named():
    assert _one(None, [], "student.epochs").run_parameter == "student_epochs"
    assert _one(None, [], "student.seed").run_parameter == ""


def test_a_key_of_a_section_that_is_off_has_no_value_in_force():
    found = key_explanations.explain("tuned", ["tuning=null"], "tuning.max_trials")
    assert "None is in force" in key_explanations.text(found)
    assert found[0].given == (("--config tuned", 20),)


def test_an_empty_section_takes_nothing_from_a_lower_layer(own_file):
    found = _one(own_file("student: {epochs: 3}"), ["student="], "student.epochs")
    assert (found.value, found.given[-1][1]) == (3, 3)


def test_a_section_is_a_line_for_each_key():
    lines = key_explanations.text(key_explanations.explain("smoke", [], "gate"))
    (row,) = (line for line in lines.splitlines() if line.startswith("gate.margin "))
    assert row.split(maxsplit=2) == ["gate.margin", "0.25", "--config smoke"]
    assert "gate.min_class_size" in lines


def test_keys_of_the_user_and_words_of_python_are_found():
    given = "student.options.units=4"
    assert _one(None, [given], "student.options.units").value == 4
    assert _one(None, [], "teacher.from").value is None


@pytest.mark.parametrize("key", ["gate.mrgin", "gat", "gate.margin.x", ""])
def test_an_unknown_key_is_refused(key):
    with pytest.raises(ConfigError, match="Unknown configuration key"):
        key_explanations.explain(None, [], key)


def test_the_printed_configuration_has_the_name_of_the_pipeline():
    assert load_config("smoke").with_names().pipeline.name == "smoke-digits"
