"""Teacher and student learn; recipes do what they say; misfits are refused."""

import dataclasses

import keras
import numpy as np
import pytest
import small_data
import tensorflow as tf

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import (
    DistillationConfig,
    FeatureConfig,
)
from tfx_distill.trainer.config.training_config import StudentConfig, TeacherConfig
from tfx_distill.trainer.data.batches import DistillationBatches, TeacherBatches
from tfx_distill.trainer.distillation import fitting, teacher_logits, training
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import saved_model
from tfx_distill.trainer.models import architectures, features
from tfx_distill.trainer.models.teachers import Teachers

DENSE = "small_data.dense"
TEACHER = TeacherConfig(model=DENSE, epochs=30, batch_size=16, max_shift=0)
STUDENT = StudentConfig(model=DENSE, epochs=30, batch_size=16, learning_rate=4e-3)
VIEWS = ViewsConfig(count=3, max_shift=1)


@pytest.fixture(scope="module")
def teacher_dir(train, evaluation, spec, tmp_path_factory):
    trained = training.train_teacher(train, evaluation, spec, TEACHER)
    folder = str(tmp_path_factory.mktemp("teacher") / "saved")
    saved_model.save(
        trained.model, folder, role="teacher", spec=spec, config={},
        history=trained.history, seconds=trained.seconds,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def teacher(teacher_dir):
    return Teachers([teacher_dir])


def _data(teacher, train, evaluation, views=VIEWS):
    splits = {"train": train, "eval": evaluation}
    answers = teacher_logits.predict_splits(teacher, splits, views)
    return teacher_logits.join(answers, splits, views)


@pytest.fixture(scope="module")
def data(teacher, train, evaluation):
    return _data(teacher, train, evaluation)


def _train(data, spec, student=STUDENT, distillation=None, **options):
    return training.train_student(
        data["train"], data["eval"], spec, student,
        distillation or DistillationConfig(), **options,
    )  # fmt: skip


def test_the_teacher_learns(teacher, evaluation):
    answers = teacher.predict(evaluation.images).argmax(1)
    assert (answers == evaluation.labels).all()


def test_the_student_learns_from_the_teacher_without_any_label(
    teacher, train, evaluation, spec
):
    unlabelled = dataclasses.replace(train, labels=np.zeros_like(train.labels))
    data = _data(teacher, unlabelled, evaluation)
    pure = DistillationConfig(student_loss_weight=0.0)
    trained = _train(data, spec, distillation=pure)
    assert trained.history["val_accuracy"][-1] == 1.0
    assert trained.history["val_agreement"][-1] == 1.0


def test_the_same_seed_gives_the_same_student(data, spec):
    student = STUDENT.replace(epochs=2)
    one, other = (_train(data, spec, student).model.get_weights() for _ in range(2))
    for mine, its in zip(one, other, strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-5)


def test_views_and_their_answers_stay_together(teacher, data):
    batches = DistillationBatches(data["train"], STUDENT)
    for images, targets in (batches[index] for index in range(len(batches))):
        np.testing.assert_allclose(targets[:, 1:], teacher.predict(images), atol=1e-4)


def test_an_epoch_takes_every_example_once(train):
    batches = TeacherBatches(train, TEACHER, 3)
    first = np.concatenate([batches[i][0] for i in range(len(batches))])
    batches.on_epoch_end()
    second = np.concatenate([batches[i][0] for i in range(len(batches))])
    assert not np.array_equal(first, second)
    for images in (first, second):
        assert sorted(i.tobytes() for i in images) == sorted(
            i.tobytes() for i in train.images
        )


def test_a_longer_epoch_takes_every_example_again(data):
    config = STUDENT.replace(batch_size=10)
    size = len(data["train"].split)
    longer = dataclasses.replace(data["train"], epoch_size=2 * size + 5)
    batches = DistillationBatches(longer, config)
    labels = np.concatenate([batches[i][1][:, 0] for i in range(len(batches))])
    assert len(labels) == 2 * size + 5
    expected = np.sort(data["train"].split.labels)
    for start in (0, size):
        np.testing.assert_array_equal(np.sort(labels[start : start + size]), expected)


def test_without_shuffling_examples_come_in_file_order(train):
    batches = TeacherBatches(train, TEACHER.replace(shuffle=False), 3)
    np.testing.assert_array_equal(batches[0][0], train.images[:16])


def test_an_epoch_mirrors_some_of_the_images(train):
    batches = TeacherBatches(train, TEACHER.replace(flip=True, shuffle=False), 3)
    images = np.concatenate([batches[i][0] for i in range(len(batches))])
    mirrored = (images == train.images[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (images == train.images).all(axis=(1, 2, 3))
    assert (mirrored | kept).all()
    assert 0.3 < mirrored.mean() < 0.7


def test_fresh_views_are_predicted_in_the_loop_and_never_twice(
    teacher, train, evaluation
):
    views = VIEWS.replace(fresh=True)
    splits = {"train": train, "eval": evaluation}
    answers = teacher_logits.predict_splits(teacher, splits, views)
    assert set(answers) == {"eval"}
    joined = teacher_logits.join(answers, splits, views, teacher)["train"]
    batches = DistillationBatches(joined, STUDENT.replace(shuffle=False))
    images, targets = batches[0]
    np.testing.assert_allclose(targets[:, 1:], teacher.predict(images), atol=1e-5)
    np.testing.assert_array_equal(batches[0][0], images)
    batches.on_epoch_end()
    assert (batches[0][0] != images).any()
    assert joined.predictions.num_images == 3 * len(images)


def test_a_control_sees_fresh_views_without_a_teacher(train, evaluation, teacher, spec):
    views = VIEWS.replace(fresh=True)
    splits = {"train": train, "eval": evaluation}
    answers = teacher_logits.predict_splits(teacher, splits, views)
    joined = teacher_logits.join(answers, splits, views)
    data = {name: one.without_features(spec) for name, one in joined.items()}
    trained = _train(data, spec, distillation=DistillationConfig(student_loss_weight=1))
    assert "agreement" not in trained.history
    assert trained.history["val_accuracy"][-1] > 0.9


def test_options_reach_the_architecture(data, spec):
    student = STUDENT.replace(epochs=1, options={"units": 5})
    assert _train(data, spec, student).model.count_params() == 65 * 5 + 6 * 3


def test_a_schedule_moves_from_its_first_to_its_last_value(data, spec, monkeypatch):
    seen = []

    class Spy(keras.optimizers.schedules.PolynomialDecay):
        def __call__(self, step):
            value = super().__call__(step)
            tf.py_function(lambda now: seen.append(float(now)), [value], [])
            return value

    monkeypatch.setattr(keras.optimizers.schedules, "PolynomialDecay", Spy)
    config = DistillationConfig(temperature=8.0, temperature_end=2.0)
    _train(data, spec, STUDENT.replace(epochs=2), config)
    # Measuring on `eval` after an epoch asks once more for the value of the next step.
    np.testing.assert_allclose(np.unique(seen)[::-1], np.linspace(8.0, 2.0, 12), 1e-5)


def test_steps_in_one_call_end_with_the_epoch(data, spec, monkeypatch):
    """Whatever their number, and it changes nothing."""
    students = []
    for pixels in (1, 4 * 16 * 64, 10**9):
        monkeypatch.setattr(fitting, "_PIXELS_PER_CALL", pixels)
        student = STUDENT.replace(epochs=2)
        students.append(_train(data, spec, student).model.get_weights())
    for one, *others in zip(*students, strict=True):
        for other in others:
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_scheduled_weight_acts_on_the_loss(data, spec):
    # From labels alone to the teacher alone: at the end the teacher is matched.
    config = DistillationConfig(student_loss_weight=1.0, student_loss_weight_end=0.0)
    constant = DistillationConfig(student_loss_weight=1.0)
    distances = [
        _train(data, spec, distillation=c).history["loss"][-1]
        for c in (config, constant)
    ]
    assert distances[0] != pytest.approx(distances[1], rel=1e-3)


def test_features_of_named_layers_are_learnt(teacher_dir, train, evaluation, spec):
    teacher = Teachers([teacher_dir], feature_layers=["hidden"])
    data = _data(teacher, train, evaluation)
    pairs = (FeatureConfig(teacher="hidden", student="hidden"),)
    student = STUDENT.replace(options={"units": 4})
    trained = _train(
        data, spec, student, DistillationConfig(features=pairs),
        feature_widths=teacher.feature_widths,
    )  # fmt: skip
    assert teacher.feature_widths == (16,)
    assert trained.model.output_shape == (None, 3)
    assert trained.history["loss"][-1] < 0.2 * trained.history["loss"][0]


class CallCounter(keras.layers.Layer):
    """Counts how often it is called in a step."""

    def build(self, shape):
        del shape
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, values):
        self.calls.assign_add(1.0)
        return values


def test_the_student_is_called_once_for_logits_and_features():
    counter = CallCounter()
    core = keras.Sequential(
        [keras.Input((4,)), counter, keras.layers.Dense(2, name="hidden")]
    )
    pixels = keras.Input((4,))
    student = keras.Model(pixels, core(keras.layers.Rescaling(0.5)(pixels)))
    model = features.with_projections(student, ["hidden"], [3])
    counter.calls.assign(0.0)
    values = np.asarray(model(np.ones((5, 4), np.float32)))
    assert values.shape == (5, 2 + 3)
    assert float(counter.calls.value) == 1
    expected = np.asarray(student(np.ones((5, 4), np.float32)))
    np.testing.assert_allclose(values[:, :2], expected, rtol=1e-6)


def test_an_unknown_feature_layer_is_named_with_those_that_are_there(teacher_dir):
    with pytest.raises(ModelError, match=r"no feature layers conv_9.*flatten, hidden"):
        Teachers([teacher_dir], feature_layers=["conv_9"])


def test_a_diverging_training_stops_with_what_to_do(train, evaluation, spec):
    config = TEACHER.replace(model=f"{__name__}.nan")
    with pytest.raises(ModelError, match=r"training the teacher.*Lower teacher\.learn"):
        training.train_teacher(train, evaluation, spec, config)


def nan(image_shape, num_classes):
    """An architecture whose logits are never finite."""
    model = small_data.dense(image_shape, num_classes)
    last = model.layers[-1]
    last.set_weights([w * np.nan for w in last.get_weights()])
    return model


def test_logits_that_are_not_finite_are_refused(train, spec, tmp_path):
    model = architectures.build(f"{__name__}.nan", spec.image_shape, spec.num_classes)
    saved_model.save(
        model,
        str(tmp_path),
        role="teacher",
        spec=spec,
        config={},
        history={},
        seconds=0,
    )
    with pytest.raises(ModelError, match="logits are not finite for 864 of 864"):
        list(teacher_logits.compute(Teachers([str(tmp_path)]), train, VIEWS))
