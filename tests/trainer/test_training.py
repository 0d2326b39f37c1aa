"""Teacher and student learn; the teacher is asked once; misfits are refused."""

import dataclasses

import numpy as np
import pytest
from small_data import dense

from trainer import augmentation, export, models, training
from trainer.batches import DistillationBatches, TeacherBatches
from trainer.config import DistillationConfig, StudentConfig, TeacherConfig
from trainer.errors import ModelError

DENSE = "small_data.dense"
TEACHER = TeacherConfig(model=DENSE, epochs=30, batch_size=16, max_shift=0)
STUDENT = StudentConfig(model=DENSE, epochs=30, batch_size=16, learning_rate=1e-3)


class CountingPredictor(export.Predictor):
    """Counts the images that the teacher is asked about."""

    asked = 0

    def predict(self, images):
        self.asked += len(images)
        return super().predict(images)


@pytest.fixture(scope="module")
def teacher(train, evaluation, spec, tmp_path_factory):
    trained = training.train_teacher(train, evaluation, spec, TEACHER)
    folder = str(tmp_path_factory.mktemp("teacher") / "saved")
    export.save(
        trained.model,
        folder,
        role="teacher",
        spec=spec,
        config={},
        history=trained.history,
        seconds=trained.seconds,
    )
    return CountingPredictor(folder)


def test_the_teacher_learns(teacher, evaluation):
    assert (teacher.predict(evaluation.images)["class"] == evaluation.labels).all()


def test_the_student_learns_from_the_teacher_without_any_label(
    teacher, train, evaluation, spec
):
    unlabelled = dataclasses.replace(train, labels=np.zeros_like(train.labels))
    pure = DistillationConfig(student_loss_weight=0.0, views=1)
    trained = training.train_student(
        teacher, unlabelled, evaluation, spec, STUDENT, pure
    )
    assert trained.history["val_accuracy"][-1] == 1.0
    assert trained.history["val_agreement"][-1] == 1.0


def test_the_teacher_is_asked_once_per_example_and_view(
    teacher, train, evaluation, spec
):
    teacher.asked = 0
    config = DistillationConfig(views=3)
    training.train_student(teacher, train, evaluation, spec, STUDENT, config)
    assert teacher.asked == 3 * len(train) + len(evaluation)


def test_the_same_seed_gives_the_same_student(teacher, train, evaluation, spec):
    student = dataclasses.replace(STUDENT, epochs=2)
    weights = [
        training.train_student(
            teacher, train, evaluation, spec, student, DistillationConfig()
        ).model.get_weights()
        for _ in range(2)
    ]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_views_and_their_logits_stay_together(teacher, train, spec):
    offsets = augmentation.view_offsets(len(train), 3, 2, seed=0)
    logits = training.teacher_logits(teacher, train.images, offsets)
    batches = DistillationBatches(train, logits, offsets, STUDENT)
    for images, targets in (batches[index] for index in range(len(batches))):
        np.testing.assert_allclose(
            targets[:, 1:], teacher.predict(images)["logits"], atol=1e-4
        )


def test_an_epoch_takes_every_example_once(train):
    batches = TeacherBatches(train, TEACHER)
    first = np.concatenate([batches[i][0] for i in range(len(batches))])
    batches.on_epoch_end()
    second = np.concatenate([batches[i][0] for i in range(len(batches))])
    assert not np.array_equal(first, second)
    for images in (first, second):
        assert sorted(i.tobytes() for i in images) == sorted(
            i.tobytes() for i in train.images
        )


def test_without_shuffling_examples_come_in_file_order(train):
    batches = TeacherBatches(train, dataclasses.replace(TEACHER, shuffle=False))
    np.testing.assert_array_equal(batches[0][0], train.images[:16])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"class_names": ("a", "b")},
            "Teacher predicts 3 classes, data set squares has 2",
        ),
        (
            {"image_shape": (9, 8, 1)},
            r"takes images of shape \(8, 8, 1\).*has \(9, 8, 1\)",
        ),
        (
            {"class_names": ("a", "b", "c")},
            "knows the classes left, right, both.*has a, b, c",
        ),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(teacher, spec, change, message):
    with pytest.raises(ModelError, match=message):
        training.require_fit(teacher, dataclasses.replace(spec, **change))


def test_a_diverging_training_stops_with_what_to_do(train, evaluation, spec):
    config = dataclasses.replace(TEACHER, model=f"{__name__}.nan")
    with pytest.raises(
        ModelError, match="Teacher: the loss is .* Lower teacher.learning"
    ):
        training.train_teacher(train, evaluation, spec, config)


def nan(image_shape, num_classes):
    """An architecture whose logits are never finite."""
    model = dense(image_shape, num_classes)
    model.layers[-1].set_weights([w * np.nan for w in model.layers[-1].get_weights()])
    return model


def test_logits_that_are_not_finite_are_refused(train, spec, tmp_path):
    model = models.build(f"{__name__}.nan", spec.image_shape, spec.num_classes)
    export.save(
        model,
        str(tmp_path),
        role="teacher",
        spec=spec,
        config={},
        history={},
        seconds=0.0,
    )
    offsets = np.zeros((1, len(train), 2), np.int8)
    with pytest.raises(
        ModelError, match="Teacher's logits are not finite for 288 of 288"
    ):
        training.teacher_logits(export.Predictor(str(tmp_path)), train.images, offsets)
