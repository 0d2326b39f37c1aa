"""Whatever is swapped while a node works, it tells of what was there before."""

import dataclasses
import os
import shutil

import digit_models
import evaluations
import pytest
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import standard_artifacts

from tfx_distill.components.artifact_types import LiteModels
from tfx_distill.components.evaluator import inference
from tfx_distill.components.lite_converter import executor as lite_converter
from tfx_distill.components.pusher import blessings
from tfx_distill.components.servability_validator import executor, probe_process
from tfx_distill.components.servability_validator.servability import Servability
from tfx_distill.trainer.config.lite_config import LiteConfig
from tfx_distill.trainer.config.servability_config import ServabilityConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.evaluation import lite_scores
from tfx_distill.trainer.export import lite, saved_model, saved_model_files

pytestmark = pytest.mark.attack


class World:
    """Copies of student, teacher, examples and a served model, and others for each."""

    def __init__(self, folder, artifacts, other, served, other_served):
        self.folder, self.artifacts = folder, {}
        self._others = {"served": other_served}
        for name, artifact in artifacts.items():
            self.artifacts[name] = type(artifact)()
            self.artifacts[name].mlmd_artifact.CopyFrom(artifact.mlmd_artifact)
            self.artifacts[name].uri = str(folder / name)
            shutil.copytree(artifact.uri, folder / name)
            self._others[name] = other
        self._others["examples"] = None
        self.served = str(shutil.copytree(served, folder / "served" / "7"))

    def swap(self, name):
        """Puts another model, or examples with other labels, in the place of one."""
        place = self.served if name == "served" else self.artifacts[name].uri
        if name == "examples":
            shutil.rmtree(os.path.join(place, "Split-test"))
            source = os.path.join(place, "Split-eval")
            shutil.copytree(source, os.path.join(place, "Split-test"))
            return
        shutil.rmtree(place)
        shutil.copytree(self._others[name], place)

    def digest(self, name="student"):
        """Of a model that is there now."""
        path = digit_models.serving_path(self.artifacts[name])
        return saved_model_files.content_digest(path)


@pytest.fixture(scope="module")
def bad(examples, student_model, tmp_path_factory):
    """A student that knows no five."""
    model = digit_models.with_last_layer(student_model, digit_models.never_five)
    spec = DataSpec.load(examples.uri)
    folder = tmp_path_factory.mktemp("bad")
    return digit_models.artifact(model, dataclasses.replace(spec), "student", folder)


@pytest.fixture
def world(examples, student, teacher, bad, tmp_path):
    artifacts = {"student": student, "teacher": teacher, "examples": examples}
    served = digit_models.serving_path(student), digit_models.serving_path(bad)
    return World(tmp_path / "world", artifacts, bad.uri, *served)


def _swapping(monkeypatch, owner, name, swap):
    """Has files swapped just before a function is called for the first time."""
    work, swapped = getattr(owner, name), []

    def first_swap(*given, **named):
        if not swapped:
            swapped.append(swap())
        return work(*given, **named)

    monkeypatch.setattr(owner, name, first_swap)
    return swapped


def _evaluated(world, folder):
    gate = evaluations.GATE.replace(against_served="report")
    one = world.artifacts
    return evaluations.evaluate(
        folder, one["examples"], one["student"], [one["teacher"]], gate,
        served_model=world.served,
    )  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(examples, student, teacher, bad, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    artifacts = {"student": student, "teacher": teacher, "examples": examples}
    served = digit_models.serving_path(student), digit_models.serving_path(bad)
    return _evaluated(World(folder / "world", artifacts, bad.uri, *served), folder)


def _told(evaluated):
    """All that is judged, without where it was."""
    verdict = evaluated.verdict
    served = dataclasses.replace(verdict.served, uri="")
    return dataclasses.replace(verdict, served=served)


@pytest.mark.parametrize("name", ["student", "teacher", "examples"])
def test_the_evaluator_judges_what_was_there(
    world, undisturbed, tmp_path, monkeypatch, name
):
    genuine = world.digest()
    swap = lambda: world.swap(name)  # noqa: E731
    swapped = _swapping(monkeypatch, tfx_executor.Executor, "Do", swap)
    evaluated = _evaluated(world, tmp_path)
    assert swapped and evaluated.verdict.blessed
    assert _told(evaluated) == _told(undisturbed)
    assert evaluated.blessing.get_string_custom_property("model_digest") == genuine
    if name == "student":
        model = world.artifacts["student"]
        (first, *_) = blessings.refusals(
            model, world.digest(), evaluated.blessing, None
        )
        assert "was changed after the Evaluator blessed it" in first


def test_the_evaluator_compares_with_what_was_served(
    world, undisturbed, tmp_path, monkeypatch
):
    load, loaded = inference.load, []

    def swap_and_load(inputs, folder, role):
        loaded.append(role)
        if role == "served model":
            world.swap("served")
        return load(inputs, folder, role)

    monkeypatch.setattr(inference, "load", swap_and_load)
    evaluated = _evaluated(world, tmp_path)
    assert "served model" in loaded
    assert _told(evaluated) == _told(undisturbed)


@pytest.mark.parametrize("name", ["student", "teacher", "examples"])
def test_servability_is_that_of_what_was_there(
    world, examples, teacher, tmp_path, monkeypatch, name
):
    genuine, spec = world.digest(), DataSpec.load(examples.uri)
    expected = example_reader.sample_records(examples.uri, "test", spec, 50)
    swap = lambda: world.swap(name)  # noqa: E731
    swapped = _swapping(monkeypatch, example_reader, "sample_records", swap)
    run = probe_process.run

    def serve(student, teacher, records, *further):
        assert records == expected
        return run(student, teacher, records, *further)

    monkeypatch.setattr(probe_process, "run", serve)
    blessing = standard_artifacts.InfraBlessing()
    blessing.uri = str(tmp_path / "blessing")
    one = world.artifacts
    inputs = {"examples": [one["examples"]], "model": [one["student"]],
              "teacher_model": [one["teacher"]]}  # fmt: skip
    config = ServabilityConfig(examples=50, max_times_teacher=100.0)
    properties = {"servability": config.to_json()}
    executor.Executor().Do(inputs, {"blessing": [blessing]}, properties)
    verdict = Servability.load(blessing.uri)
    assert swapped and verdict.reasons == ()
    size = saved_model_files.saved_model_bytes(digit_models.serving_path(teacher))
    assert verdict.teacher.bytes == size
    assert blessing.get_string_custom_property("model_digest") == genuine


@pytest.mark.parametrize("name", ["student", "examples"])
def test_a_litert_file_is_made_of_what_was_there(
    world, examples, student, tmp_path, monkeypatch, name
):
    genuine = world.digest()
    swap = lambda: world.swap(name)  # noqa: E731
    swapped = _swapping(monkeypatch, lite, "convert", swap)
    artifact = LiteModels()
    artifact.uri = str(tmp_path / "lite")
    inputs = {"model": [world.artifacts["student"]],
              "examples": [world.artifacts["examples"]]}  # fmt: skip
    properties = {"lite": LiteConfig(flavours=("float32",)).to_json()}
    lite_converter.Executor().Do(inputs, {"lite_models": [artifact]}, properties)
    test = example_reader.load_split(examples.uri, "test", DataSpec.load(examples.uri))
    predictor = saved_model.Predictor(digit_models.serving_path(student))
    accuracy = (predictor.classes(test.images) == test.labels).mean()
    assert swapped
    assert lite_scores.load(artifact.uri)["float32"].accuracy == accuracy
    assert artifact.get_string_custom_property("model_digest") == genuine
