"""A teacher is asked once; its answers find their examples whatever the order."""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.distillation import logits_files, teacher_logits
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
    logits_files.save(str(tmp_path), answers, teacher, VIEWS, "data")
    return str(tmp_path)


def _train_shards(folder, teacher):
    return logits_files.load(folder, teacher, ("train",))[0]["train"]


def test_the_teacher_is_asked_once_per_example_and_view(teacher, splits):
    teacher.asked = 0
    answers = teacher_logits.predict_splits(teacher, splits, VIEWS)
    teacher_logits.join(answers, splits, VIEWS)
    assert teacher.asked == 2 * len(splits["train"]) + len(splits["eval"])


def test_what_is_saved_is_what_the_teacher_says(teacher, saved, train):
    loaded, views = logits_files.load(saved, teacher, ("train", "eval"))
    assert views == VIEWS
    np.testing.assert_allclose(
        teacher_logits.aligned(loaded["train"], train, "train")[:, 0],
        teacher.predict(train.images),
        atol=1e-5,
    )


def test_shuffled_examples_get_their_own_answers(teacher, saved, train):
    order = np.random.default_rng(0).permutation(len(train))
    shuffled = Split(train.images[order], train.labels[order])
    straight, other = (
        teacher_logits.aligned(_train_shards(saved, teacher), split, "train")
        for split in (train, shuffled)
    )
    np.testing.assert_array_equal(other, straight[order])


def test_examples_without_an_answer_are_refused(teacher, saved, train):
    images = train.images.copy()
    images[5] += 1
    changed = dataclasses.replace(train, images=images)
    with pytest.raises(
        ModelError, match="lack 1 of 96 examples of split train.*record 5"
    ):
        teacher_logits.aligned(_train_shards(saved, teacher), changed, "train")


def test_an_image_with_two_answers_is_refused(saved, teacher, train):
    shutil.copy(f"{saved}/train-00000.npz", f"{saved}/train-00001.npz")
    path = pathlib.Path(saved, "teacher_logits.json")
    info = json.loads(path.read_text())
    path.write_text(json.dumps({**info, "num_shards": {"train": 2}}))
    with pytest.raises(ModelError, match="hold 96 images twice.*Compute them again"):
        teacher_logits.aligned(_train_shards(saved, teacher), train, "train")


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_a_lost_or_damaged_file_is_named(saved, teacher, train, content):
    path = pathlib.Path(saved, "train-00000.npz")
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ModelError, match=r"train-00000.npz are missing or damaged"):
        teacher_logits.aligned(_train_shards(saved, teacher), train, "train")


def test_equal_images_are_predicted_once(teacher, train):
    twice = Split(np.repeat(train.images, 2, axis=0), np.repeat(train.labels, 2))
    teacher.asked = 0
    shards = teacher_logits.compute(teacher, twice, VIEWS)
    values = teacher_logits.aligned(shards, twice, "train")
    assert teacher.asked == 2 * len(train)
    np.testing.assert_array_equal(values[::2], values[1::2])


def test_many_small_shards_hold_what_one_does(teacher, train, monkeypatch):
    one = teacher_logits.aligned(
        teacher_logits.compute(teacher, train, VIEWS), train, "train"
    )
    monkeypatch.setattr(teacher_logits, "_SHARD_BYTES", 10 * 2 * 3 * 4)
    shards = list(teacher_logits.compute(teacher, train, VIEWS))
    assert [len(shard.digests) for shard in shards] == [10] * 9 + [6]
    many = teacher_logits.aligned(shards, train, "train")
    np.testing.assert_allclose(many, one, atol=1e-5)


def test_answers_of_the_first_version_are_read(saved, teacher, train):
    """Arrays of all images, `(num_views, num_images, num_classes)`."""
    (shard,) = _train_shards(saved, teacher)
    np.save(f"{saved}/train-names.npy", shard.digests)
    np.save(f"{saved}/train-answers.npy", np.moveaxis(shard.values, 1, 0))
    path = pathlib.Path(saved, "teacher_logits.json")
    info = json.loads(path.read_text())
    del info["num_shards"]
    path.write_text(json.dumps({**info, "format_version": 1}))
    (earlier,) = _train_shards(saved, teacher)
    np.testing.assert_array_equal(earlier.digests, shard.digests)
    np.testing.assert_array_equal(earlier.values, shard.values)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_logits_that_are_not_finite_are_refused(exported, train, value):
    class Broken(Teachers):
        def predict(self, images):
            logits = super().predict(images).copy()
            logits[0, 0] = value
            return logits

    with pytest.raises(ModelError, match=r"Teacher's logits are not finite for \d+ of"):
        list(teacher_logits.compute(Broken([exported[1]]), train, VIEWS))


@pytest.mark.parametrize("version", [0, 3])
def test_answers_of_another_format_are_refused(saved, teacher, version):
    path = pathlib.Path(saved, "teacher_logits.json")
    info = json.loads(path.read_text())
    path.write_text(json.dumps({**info, "format_version": version}))
    with pytest.raises(ModelError, match=f"have format {version}, expected 2"):
        _train_shards(saved, teacher)


def test_answers_of_another_teacher_are_refused(saved, spec, tmp_path):
    other = architectures.build("small_data.dense", spec.image_shape, 3)
    folder = str(tmp_path / "other")
    saved_model.save(
        other, folder, role="teacher", spec=spec, config={}, history={}, seconds=0
    )
    with pytest.raises(ModelError, match="are of the teacher .* received the teacher"):
        logits_files.load(saved, Teachers([folder]), ("train",))


def test_a_folder_without_answers_is_named(teacher, tmp_path):
    with pytest.raises(ModelError, match="No teacher logits in"):
        logits_files.load(str(tmp_path), teacher, ("train",))


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
