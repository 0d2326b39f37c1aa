"""A record that was forged, or a gate that was broken: nothing is pushed."""

import pathlib

import digit_models
import pytest
from evaluations import GATE
from sabotage_world import refusal

from tfx_distill.trainer.errors import ConfigError

pytestmark = [pytest.mark.e2e, pytest.mark.attack]


def _of_another(blessing, student):
    blessing.set_string_custom_property("current_model", "/another/model")


def _edited(blessing, student):
    pathlib.Path(blessing.uri, "verdict.json").write_text('{"blessed": false}')


def _made_better(blessing, student):
    path = pathlib.Path(blessing.uri, "verdict.json")
    path.write_text(path.read_text().replace('"ok": false', '"ok": true') + " ")


def _removed(blessing, student):
    pathlib.Path(blessing.uri, "verdict.json").unlink()


def _changed_student(blessing, student):
    path = pathlib.Path(digit_models.serving_path(student), "saved_model.pb")
    path.write_bytes(path.read_bytes() + b" ")


GATES = {"model_blessing": "Evaluator", "infra_blessing": "ServabilityValidator"}
# Both gates blessed the student; then somebody does this.
FORGERIES = {
    "a blessing of another model": (
        _of_another,
        "blessed another model, /another/model",
    ),
    "an edited verdict": (_edited, "is not its blessing's"),
    "a verdict with other numbers": (_made_better, "is not its blessing's"),
    "a removed verdict": (_removed, "cannot be read"),
}


@pytest.mark.parametrize("key", GATES)
@pytest.mark.parametrize("name", FORGERIES)
def test_forgery(world, name, key):
    forge, reason = FORGERIES[name]
    blessings = world.blessings()
    forge(blessings[key], world.student)
    told = refusal(*world.push(world.student, blessings))
    assert f"the {GATES[key]}" in told
    assert reason in told


def test_a_student_that_was_changed_after_its_blessing(world):
    student = world.copied(world.student)
    blessings = world.blessings()
    for blessing in blessings.values():
        blessing.set_string_custom_property("current_model", student.uri)
    _changed_student(None, student)
    told = refusal(*world.push(student, blessings))
    assert "was changed after the Evaluator blessed it" in told


def test_a_metric_that_was_renamed(world, monkeypatch):
    monkeypatch.setattr(
        "tfx_distill.components.evaluator.gate_decision._METRICS",
        {"renamed": "accuracy"},
    )
    blessings = world.judged(world.attempt())
    told = refusal(*world.push(world.student, blessings))
    assert "gate.min_accuracy: no value overall" in told


def test_an_evaluation_that_crashes_blesses_nothing(world, monkeypatch):
    def crash(*_):
        raise RuntimeError("out of order")

    monkeypatch.setattr("tfx.components.evaluator.executor.Executor.Do", crash)
    with pytest.raises(RuntimeError, match="out of order"):
        world.judged(world.attempt())


def test_a_margin_that_the_split_cannot_resolve_fails_the_node(world):
    with pytest.raises(ConfigError, match="gate.margin is 0.005, .* 360 images"):
        world.judged(world.attempt(gate=GATE.replace(margin=0.005)))
