"""What would fail after the training is refused before it, and what works is not."""

import keras
import numpy as np
import pytest
import written_models

from tfx_distill.trainer import progress
from tfx_distill.trainer.config.distillation_config import (
    DistillationConfig,
    FeatureConfig,
)
from tfx_distill.trainer.config.training_config import StudentConfig, TeacherConfig
from tfx_distill.trainer.distillation import dry_run, training
from tfx_distill.trainer.errors import ModelError

BOTH = ("float32", "int8")
TEACHER = TeacherConfig(model="small_data.dense", epochs=2, max_shift=0)


def _path(function):
    return f"written_models.{function.__name__}"


def _check_student(spec, path, distillation=None, flavours=BOTH, **changes):
    config = StudentConfig(model=path).replace(**changes)
    dry_run.check_student(config, distillation or DistillationConfig(), spec, flavours)


@pytest.mark.parametrize(
    "function", [*written_models.WORKING, written_models.overflowing]
)
def test_a_model_that_works_passes(function, spec):
    dry_run.check_teacher(TEACHER.replace(model=_path(function)), spec)
    _check_student(spec, _path(function))


@pytest.mark.parametrize(("function", "reason"), written_models.REFUSED)
def test_a_model_that_cannot_work_is_refused(function, reason, spec):
    path = _path(function)
    with pytest.raises(ModelError, match=f"^{path} .*{reason}") as caught:
        dry_run.check_teacher(TEACHER.replace(model=path), spec)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=reason):
        _check_student(spec, path)


def test_what_litert_lacks_is_refused_if_a_file_is_wanted(spec):
    path = _path(written_models.bessel)
    with pytest.raises(ModelError, match="lacks the operation BesselI0e"):
        _check_student(spec, path)
    _check_student(spec, path, flavours=())


def test_unknown_feature_layers_are_named(spec):
    pairs = (FeatureConfig(teacher="hidden", student="hidden"),)
    features = DistillationConfig(features=pairs)
    _check_student(spec, "small_data.dense", features)
    with pytest.raises(ModelError, match="Student has no feature layers hidden"):
        _check_student(spec, "small_data.convolutional", features)
    with pytest.raises(ModelError, match="Teacher has no feature layers conv_9"):
        dry_run.check_teacher(TEACHER, spec, ["conv_9"])


def test_a_student_that_cannot_simulate_int8_is_refused(spec):
    path = _path(written_models.subclassed)
    with pytest.raises(ModelError, match="quantization_aware_epochs: 0"):
        _check_student(spec, path, quantization_aware_epochs=2)
    _check_student(
        spec, _path(written_models.lambda_layer), quantization_aware_epochs=2
    )


def test_the_training_is_the_same_as_without(train, evaluation, spec):
    def weights():
        return training.train_teacher(train, evaluation, spec, TEACHER).model.weights

    expected = [np.asarray(weight) for weight in weights()]
    dry_run.check_teacher(TEACHER.replace(seed=5), spec, ["hidden"])
    for one, other in zip(expected, weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_layers_keep_their_names(spec):
    first = keras.layers.Dense(1).name.removeprefix("dense_")
    _check_student(spec, "small_data.dense", options={"units": 9})
    second = keras.layers.Dense(1).name.removeprefix("dense_")
    assert int(second) == int(first) + 1


def test_a_model_is_tried_once(spec):
    seen = []
    progress.listen(seen.append)
    try:
        # By ModelCheck, and by the node that trains, which converts nothing.
        for epochs, flavours in ((3, BOTH), (4, ())):
            options = {"epochs": epochs, "options": {"units": 7}}
            _check_student(spec, "small_data.dense", flavours=flavours, **options)
            tried, seen[:] = [one.task for one in seen], []
            assert set(tried) == ({"trying small_data.dense"} if epochs == 3 else set())
    finally:
        progress.listen(None)
