"""A student that somebody else exported is judged by both gates and pushed."""

import digit_models
import evaluations
import pytest
import tensorflow as tf
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import path_utils, proto_utils

from tfx_distill.components.pusher import executor as pusher
from tfx_distill.components.servability_validator import executor as servability
from tfx_distill.components.servability_validator.servability import Servability
from tfx_distill.trainer.config.examples_config import SignatureConfig
from tfx_distill.trainer.config.servability_config import ServabilityConfig

SIGNATURE = SignatureConfig(pixel_range="0-1").to_json()


@pytest.fixture(scope="module")
def foreign(student_model, examples, tmp_path_factory):
    """The good student as a SavedModel from float images in 0–1 to probabilities."""
    spec, *_ = digit_models.splits(examples)

    result = standard_artifacts.Model()
    result.uri = str(tmp_path_factory.mktemp("foreign"))
    served = digit_models.Plain(student_model, spec.image_shape)
    folder = path_utils.serving_model_dir(result.uri)
    tf.saved_model.save(served, folder, signatures={"classify": served.classify})
    return result


@pytest.fixture(scope="module")
def evaluated(foreign, examples, teacher, tmp_path_factory):
    return evaluations.evaluate(
        tmp_path_factory.mktemp("evaluated"),
        examples,
        foreign,
        [teacher],
        student_signature=SIGNATURE,
    )


@pytest.fixture(scope="module")
def infra(foreign, examples, teacher, tmp_path_factory):
    blessing = standard_artifacts.InfraBlessing()
    blessing.uri = str(tmp_path_factory.mktemp("infra"))
    config = ServabilityConfig(max_times_teacher=None)
    servability.Executor().Do(
        {"examples": [examples], "model": [foreign], "teacher_model": [teacher]},
        {"blessing": [blessing]},
        {"servability": config.to_json(), "student_signature": SIGNATURE},
    )
    return blessing


def test_the_evaluator_blesses_the_artifact_itself(evaluated, foreign):
    assert evaluated.files == ["BLESSED"]
    uri = evaluated.blessing.get_string_custom_property("current_model")
    assert uri == foreign.uri


def test_the_servability_validator_measures_it(infra, student_model):
    verdict = Servability.load(infra.uri)
    assert (verdict.blessed, verdict.reasons) == (True, ())
    assert verdict.student.parameters == student_model.count_params()
    assert set(verdict.student.latency) == {"1", "64"}


def test_it_is_pushed_as_it_was_exported(evaluated, infra, foreign, tmp_path):
    destination = pusher_pb2.PushDestination()
    destination.filesystem.base_directory = str(tmp_path / "serving")
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "pushed")
    pusher.Executor().Do(
        {
            "model": [foreign],
            "model_blessing": [evaluated.blessing],
            "infra_blessing": [infra],
        },
        {"pushed_model": [pushed]},
        {"push_destination": proto_utils.proto_to_json(destination)},
    )
    folder = pushed.get_string_custom_property("pushed_destination")
    assert set(tf.saved_model.load(folder).signatures) == {"classify"}


def test_without_its_pixel_range_it_is_refused(foreign, examples, teacher, tmp_path):
    evaluated = evaluations.evaluate(tmp_path, examples, foreign, [teacher])
    (reason,) = evaluated.verdict.reasons
    assert (
        "set pixel_range to 0-255 or 0-1 or -1-1. Its signatures: classify(photos"
        in reason
    )
