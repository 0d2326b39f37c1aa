"""A killed training resumes to the weights that it would have had."""

import os

import keras
import numpy as np
import pytest

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig, TeacherConfig
from tfx_distill.trainer.data.batches import DistillationData
from tfx_distill.trainer.distillation import checkpoints, training

pytestmark = pytest.mark.attack
STOPPING = {"patience": 2, "restore_best_weights": True, "monitor": "val_loss"}
TEACHER = TeacherConfig(
    model=f"{__name__}.with_dropout", epochs=6, batch_size=16, max_shift=1,
    optimizer={"name": "sgd", "momentum": 0.9}, warmup_share=0.2,
)  # fmt: skip
STUDENT = StudentConfig(
    model="small_data.convolutional", epochs=5, batch_size=16,
    quantization_aware_epochs=2,
)  # fmt: skip


def with_dropout(image_shape, num_classes):
    """Its random numbers go on from epoch to epoch."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(num_classes),
        ]
    )


class Killed(BaseException):
    """What nothing catches."""


class Killer(keras.callbacks.Callback):
    """Kills a training within an epoch, from 0."""

    def __init__(self, epoch):
        super().__init__()
        self._epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self._epoch:
            raise Killed


@pytest.fixture(autouse=True)
def each_epoch(monkeypatch):
    monkeypatch.setattr(checkpoints, "_EVERY_S", 0.0)


@pytest.fixture
def teach(train, evaluation, spec):
    def taught(file=None, killed_in=None, **changes):
        return training.train_teacher(
            train, evaluation, spec, TEACHER.replace(**changes),
            checkpoint=file, callbacks=[Killer(killed_in)],
        )  # fmt: skip

    return taught


@pytest.fixture
def distil(train, evaluation, spec):
    rng = np.random.default_rng(0)
    data = [
        DistillationData(split, logits.astype(np.float32), ViewsConfig(count=2))
        for split, logits in (
            (train, rng.normal(size=(len(train), 2, 3))),
            (evaluation, rng.normal(size=(len(evaluation), 1, 3))),
        )
    ]

    def distilled(file=None, killed_in=None, **changes):
        return training.train_student(
            *data, spec, STUDENT.replace(**changes),
            DistillationConfig(temperature=8.0, temperature_end=2.0),
            checkpoint=file, callbacks=[Killer(killed_in)],
        )  # fmt: skip

    return distilled


def _require_equal(one, other):
    assert one.history == other.history
    assert one.epoch == other.epoch
    for mine, its in zip(
        one.model.get_weights(), other.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, its)


def _resumed(work, file, killed_in, **changes):
    with pytest.raises(Killed):
        work(file, killed_in, **changes)
    return work(file, **changes)


@pytest.mark.parametrize("epoch", [1, 4])
def test_a_teacher_resumes_to_the_same_weights(teach, tmp_path, epoch):
    resumed = _resumed(teach, str(tmp_path / "state.npz"), epoch)
    _require_equal(teach(), resumed)


def test_only_the_rest_is_trained(teach, tmp_path, monkeypatch):
    file, begun = str(tmp_path / "state.npz"), []
    monkeypatch.setattr(
        Killer, "on_epoch_begin", lambda self, epoch, logs=None: begun.append(epoch)
    )
    teach(file, epochs=4)
    teach(file, epochs=6)
    assert begun == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("epoch", [3, 4])
def test_a_student_resumes_in_either_phase(distil, tmp_path, epoch):
    resumed = _resumed(distil, str(tmp_path / "state.npz"), epoch)
    _require_equal(distil(), resumed)


def test_early_stopping_resumes_with_what_it_knows(teach, tmp_path):
    changes = {"early_stopping": STOPPING, "epochs": 40, "learning_rate": 0.05}
    whole = teach(**changes)
    last = len(whole.history["loss"]) - 1
    assert whole.epoch < last + 1 < 40
    file = str(tmp_path / "state.npz")
    _require_equal(whole, _resumed(teach, file, last - 1, **changes))
    _require_equal(whole, teach(file, **changes))  # killed before it was saved


def test_a_process_that_dies_while_writing_leaves_the_state_before(
    teach, tmp_path, monkeypatch
):
    file = str(tmp_path / "state.npz")
    with pytest.raises(Killed):
        teach(file, killed_in=2)
    before = (tmp_path / "state.npz").read_bytes()

    def dies(*_):
        raise Killed

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(Killed):
        teach(file)
    assert (tmp_path / "state.npz").read_bytes() == before


def test_short_trainings_write_nothing(teach, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_EVERY_S", 60.0)
    teach(str(tmp_path / "state.npz"))
    assert not list(tmp_path.iterdir())


def test_the_same_training_has_the_same_file_in_another_run():
    one, other = (
        checkpoints.path(f"/runs/artifacts/Teacher/model_run/{id_}", ["data"], {"a": 1})
        for id_ in (3, 7)
    )
    assert one == other
    assert os.path.dirname(one) == "/runs/artifacts/Teacher/checkpoints"
    assert one != checkpoints.path(
        "/runs/artifacts/Teacher/model_run/3", ["other"], {"a": 1}
    )


def test_what_is_forgotten_is_trained_anew(teach, tmp_path):
    file = str(tmp_path / "state.npz")
    teach(file, epochs=2)
    checkpoints.forget(file)
    assert not os.path.exists(file)
    checkpoints.forget(file)
