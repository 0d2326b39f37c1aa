"""What a model is trained in is found out, and ends with the training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_distill.trainer import progress
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import (
    AUTO_PRECISION,
    FLOAT32,
    MIXED_BFLOAT16,
    StudentConfig,
    TeacherConfig,
)
from tfx_distill.trainer.data.batches import DistillationData
from tfx_distill.trainer.distillation import precision, training
from tfx_distill.trainer.export import saved_model, saved_model_files

STUDENT = StudentConfig(model="small_data.dense", epochs=20, batch_size=16)
MEASURED = precision.of_this_machine.__wrapped__  # without its cache
FLAGS = "flags\t\t: fpu avx2 avx512f avx512_bf16 clflush\n"


def _recipe(**settings):
    return TeacherConfig(
        model="small_data.dense", epochs=20, batch_size=16, max_shift=0, **settings
    )


def _machine(monkeypatch, *, float32, bfloat16):
    """A machine with units, on which a step takes so long."""
    seconds = {"float32": float32, "bfloat16": bfloat16}
    monkeypatch.setattr(precision, "has_units", lambda: True)
    monkeypatch.setattr(precision, "_seconds_of_a_step", seconds.get)
    monkeypatch.setattr(precision, "of_this_machine", MEASURED)


class Watching(keras.callbacks.Callback):
    """What the model computes in while it is trained."""

    def on_train_begin(self, logs=None):
        hidden = self.model.layers[-1].get_layer("hidden")
        self.computed = hidden.compute_dtype, hidden.kernel.dtype
        self.loss = self.model.loss.dtype


def test_the_processor_is_asked_for_its_units(tmp_path):
    (tmp_path / "with").write_text(FLAGS)
    (tmp_path / "without").write_text(FLAGS.replace(" avx512_bf16", ""))
    found = [precision.has_units(str(tmp_path / name)) for name in ("with", "without")]
    assert found == [True, False]
    assert not precision.has_units(str(tmp_path / "nothing"))


def test_what_is_clearly_faster_is_taken(monkeypatch):
    _machine(monkeypatch, float32=1.0, bfloat16=0.5)
    assert precision.of_this_machine() == MIXED_BFLOAT16
    _machine(monkeypatch, float32=1.0, bfloat16=0.9)
    assert precision.of_this_machine() == FLOAT32


def test_a_step_is_measured_in_both():
    assert precision._seconds_of_a_step("float32") > 0
    assert precision._seconds_of_a_step("bfloat16") > 0


def test_a_model_is_trained_in_bfloat16_and_is_one_of_float32(train, evaluation, spec):
    watching, config = Watching(), _recipe(precision=MIXED_BFLOAT16)
    trained = training.train_teacher(
        train, evaluation, spec, config, callbacks=[watching]
    )
    assert watching.computed == ("bfloat16", "float32")
    assert watching.loss == "float32"
    assert trained.model.layers[-1].get_layer("hidden").compute_dtype == "float32"
    answers = trained.model(evaluation.images, training=False).numpy()
    assert (answers.argmax(1) == evaluation.labels).all()
    assert keras.config.dtype_policy().name == "float32"


def test_the_model_card_names_it(exported, spec, tmp_path):
    folder = str(tmp_path / "saved")
    saved_model.save(
        exported[0], folder, role="teacher", spec=spec, config={}, history={},
        seconds=1.0, precision=MIXED_BFLOAT16,
    )  # fmt: skip
    assert saved_model_files.read_card(folder).precision == MIXED_BFLOAT16


def test_its_layers_have_the_names_that_it_has_on_its_own(train, evaluation, spec):
    trained = _one_epoch(train, evaluation, spec, precision=MIXED_BFLOAT16)
    names = [layer.name for layer in trained.model.layers[-1].layers]
    assert names == ["flatten", "hidden", "dense"]


def _one_epoch(train, evaluation, spec, **settings):
    config = _recipe(**settings).replace(epochs=1)
    return training.train_teacher(train, evaluation, spec, config)


def test_the_run_says_that_a_machine_decides_what_weights_come_out(
    train, evaluation, spec, monkeypatch
):
    _machine(monkeypatch, float32=1.0, bfloat16=0.5)
    said = []
    with progress.subtask(lambda one: said.append(one.detail) or one):
        decided_one = _one_epoch(train, evaluation, spec, precision=AUTO_PRECISION)
        assert decided_one.precision == MIXED_BFLOAT16
        decided, said[:] = list(said), []
        _one_epoch(train, evaluation, spec)
    assert any("training.precision=float32" in detail for detail in decided)
    assert not any("precision" in detail for detail in said)


@pytest.mark.parametrize("function", ["only_float32", "without_bfloat16_kernel"])
def test_a_model_that_bfloat16_does_not_fit_is_trained_in_float32(
    train, evaluation, spec, monkeypatch, function
):
    _machine(monkeypatch, float32=1.0, bfloat16=0.5)
    config = _recipe(precision=AUTO_PRECISION)
    config = config.replace(epochs=1, model=f"{__name__}.{function}")
    trained = training.train_teacher(train, evaluation, spec, config)
    assert trained.precision == FLOAT32


class Strict(keras.layers.Layer):
    def call(self, values):
        if values.dtype != "float32":
            raise TypeError(f"I take float32, not {values.dtype}")
        return values


def only_float32(image_shape, num_classes):
    layers = keras.layers.Flatten(), Strict(), keras.layers.Dense(num_classes)
    return keras.Sequential([keras.Input(image_shape), *layers])


def without_bfloat16_kernel(image_shape, num_classes):
    bessel = keras.layers.Lambda(tf.math.bessel_i0e)
    layers = keras.layers.Flatten(), bessel, keras.layers.Dense(num_classes)
    return keras.Sequential([keras.Input(image_shape), *layers])


def test_a_student_learns_in_bfloat16(train, evaluation, spec):
    def data(split):
        logits = 5 * np.eye(3, dtype=np.float32)[split.labels][:, None]
        return DistillationData(split, logits, ViewsConfig(count=1))

    student = STUDENT.replace(precision=MIXED_BFLOAT16)
    trained = training.train_student(
        data(train), data(evaluation), spec, student, DistillationConfig()
    )
    assert trained.history["val_accuracy"][-1] == 1.0
    assert trained.model.layers[-1].compute_dtype == "float32"


def test_simulated_int8_stays_in_float32(spec, monkeypatch):
    _machine(monkeypatch, float32=1.0, bfloat16=0.5)
    left = STUDENT.replace(precision=AUTO_PRECISION)
    recipes = left, left.replace(quantization_aware_epochs=1), STUDENT
    found = [training._new_model(one, spec, "a task")[1] for one in recipes]
    assert found == [MIXED_BFLOAT16, FLOAT32, FLOAT32]
