"""The split `eval` chooses an epoch, if the configuration says so."""

import keras
import numpy as np
import pytest

from tfx_distill.trainer.config.training_config import TeacherConfig
from tfx_distill.trainer.distillation import training

TEACHER = TeacherConfig(
    model="small_data.dense", epochs=12, batch_size=16, max_shift=0, learning_rate=1e-2
)


class WeightsOfEpochs(keras.callbacks.Callback):
    """Keeps the weights after each epoch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(self.model.get_weights())


@pytest.fixture
def train_with(train, evaluation, spec):
    def trained(**early_stopping):
        spy = WeightsOfEpochs()
        config = TEACHER.replace(early_stopping=early_stopping)
        found = training.train_teacher(train, evaluation, spec, config, callbacks=[spy])
        return found, spy.seen

    return trained


def _best(found, name, choose):
    return int(choose(found.history[name]))


def test_a_training_stops_when_eval_no_longer_improves(train_with):
    found, _ = train_with(patience=2)
    accuracies = found.history["val_accuracy"]
    assert len(accuracies) < TEACHER.epochs
    assert len(accuracies) == _best(found, "val_accuracy", np.argmax) + 1 + 2
    assert found.epoch == len(accuracies)


@pytest.mark.parametrize(
    ("monitor", "choose"), [("val_accuracy", np.argmax), ("val_loss", np.argmin)]
)
def test_the_weights_of_the_best_epoch_are_kept(train_with, monitor, choose):
    found, seen = train_with(
        restore_best_weights=True, monitor=monitor, start_from_epoch=1
    )
    counted = np.array(found.history[monitor])
    counted[0] = -counted[0] * np.inf if choose is np.argmax else np.inf
    assert len(seen) == TEACHER.epochs
    assert found.epoch == int(choose(counted)) + 1
    for kept, one in zip(found.model.get_weights(), seen[found.epoch - 1], strict=True):
        np.testing.assert_array_equal(kept, one)


def test_a_small_improvement_does_not_count(train_with):
    found, _ = train_with(patience=0, min_delta=10.0, monitor="val_loss")
    assert len(found.history["val_loss"]) == 2


def test_first_epochs_do_not_count(train_with):
    found, _ = train_with(patience=0, min_delta=10.0, start_from_epoch=5)
    assert len(found.history["val_loss"]) == 7


def test_without_it_the_last_epoch_is_kept(train_with):
    found, seen = train_with()
    assert found.epoch == len(seen) == TEACHER.epochs
