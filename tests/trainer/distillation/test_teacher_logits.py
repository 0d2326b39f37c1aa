"""A teacher is asked once; its answers find their examples whatever the order."""

import dataclasses

import numpy as np
import pytest

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.training_config import AverageConfig
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.distillation import teacher_logits
from tfx_distill.trainer.errors import ConfigError, ModelError
from tfx_distill.trainer.export import saved_model
from tfx_distill.trainer.models import architectures
from tfx_distill.trainer.models.teachers import Teachers, average_logits

VIEWS = ViewsConfig(count=2, max_shift=1)


class Counting(Teachers):
    """Counts the images that the teacher is asked about."""

    asked = 0

    def predict(self, images):
        self.asked += len(images)
        return super().predict(images)


@pytest.fixture(scope="module")
def teacher(exported):
    return Counting([exported[1]])


@pytest.fixture
def splits(train, evaluation):
    return {"train": train, "eval": evaluation}


@pytest.fixture
def saved(teacher, splits, tmp_path):
    answers = teacher_logits.predict_splits(teacher, splits, VIEWS)
    teacher_logits.save(str(tmp_path), answers, teacher, VIEWS, "data")
    return str(tmp_path)


def test_the_teacher_is_asked_once_per_example_and_view(teacher, splits):
    teacher.asked = 0
    teacher_logits.predict_splits(teacher, splits, VIEWS)
    assert teacher.asked == 2 * len(splits["train"]) + len(splits["eval"])


def test_what_is_saved_is_what_the_teacher_says(teacher, saved, train):
    loaded, views = teacher_logits.load(saved, teacher, ("train", "eval"))
    assert views == VIEWS
    np.testing.assert_allclose(
        loaded["train"].aligned(train, "train")[0],
        teacher.predict(train.images),
        atol=1e-5,
    )


def test_shuffled_examples_get_their_own_answers(teacher, saved, train):
    order = np.random.default_rng(0).permutation(len(train))
    shuffled = Split(train.images[order], train.labels[order])
    loaded, _ = teacher_logits.load(saved, teacher, ("train",))
    straight = loaded["train"].aligned(train, "train")
    np.testing.assert_array_equal(
        loaded["train"].aligned(shuffled, "train"), straight[:, order]
    )


def test_examples_without_an_answer_are_refused(teacher, saved, train):
    images = train.images.copy()
    images[5] += 1
    loaded, _ = teacher_logits.load(saved, teacher, ("train",))
    with pytest.raises(
        ModelError, match="lack 1 of 96 examples of split train.*record 5"
    ):
        loaded["train"].aligned(dataclasses.replace(train, images=images), "train")


def test_answers_of_another_teacher_are_refused(saved, spec, tmp_path):
    other = architectures.build("small_data.dense", spec.image_shape, 3)
    folder = str(tmp_path / "other")
    saved_model.save(
        other, folder, role="teacher", spec=spec, config={}, history={}, seconds=0
    )
    with pytest.raises(ModelError, match="are of the teacher .* received the teacher"):
        teacher_logits.load(saved, Teachers([folder]), ("train",))


def test_a_folder_without_answers_is_named(teacher, tmp_path):
    with pytest.raises(ModelError, match="No teacher logits in"):
        teacher_logits.load(str(tmp_path), teacher, ("train",))


def test_probabilities_are_averaged_with_their_weights():
    # [1/4, 3/4] and [1/2, 1/2] at weights 1/4 and 3/4: [7/16, 9/16].
    logits = [np.array([[0, np.log(3)]]), np.zeros((1, 2))]
    averaged = average_logits(logits, [0.25, 0.75], "probabilities")
    np.testing.assert_allclose(np.exp(averaged), [[7 / 16, 9 / 16]], rtol=1e-6)


def test_logits_are_averaged_as_they_are():
    averaged = average_logits(
        [np.array([[4.0, 0]]), np.zeros((1, 2))], [0.25, 0.75], "logits"
    )
    np.testing.assert_allclose(averaged, [[1.0, 0.0]])


def test_several_teachers_have_another_digest_than_one(exported):
    one, two = Teachers([exported[1]]), Teachers([exported[1]] * 2)
    weighted = Teachers([exported[1]] * 2, AverageConfig(weights=(1.0, 2.0)))
    assert len({one.digest, two.digest, weighted.digest}) == 3


def test_a_weight_too_few_is_refused(exported):
    with pytest.raises(ConfigError, match="2 numbers, one for each teacher"):
        Teachers([exported[1]] * 2, AverageConfig(weights=(1.0,)))


def test_features_of_an_ensemble_are_refused(exported):
    with pytest.raises(ModelError, match="Features of several teachers"):
        Teachers([exported[1]] * 2, feature_layers=["hidden"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": ("a", "b")}, "predicts 3 classes, data set squares has 2"),
        ({"image_shape": (9, 8, 1)}, r"of shape \(8, 8, 1\).*has \(9, 8, 1\)"),
        ({"class_names": ("a", "b", "c")}, "classes left, right, both.*has a, b, c"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(teacher, spec, change, message):
    with pytest.raises(ModelError, match=message):
        teacher.require_fit(dataclasses.replace(spec, **change))
