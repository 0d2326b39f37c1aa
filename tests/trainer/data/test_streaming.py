"""Streamed arrays hold what arrays in memory hold, and give the same models."""

import dataclasses
import pickle
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from small_data import example, png

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig, TeacherConfig
from tfx_distill.trainer.data import (
    example_reader,
    memory_limit,
    spool,
    streamed_arrays,
)
from tfx_distill.trainer.data.streamed_arrays import StreamedImages, StreamedRows
from tfx_distill.trainer.distillation import teacher_logits, training
from tfx_distill.trainer.errors import ConfigError, DistillError
from tfx_distill.trainer.models.teachers import Teachers

DENSE = "small_data.dense"


@pytest.fixture(scope="module")
def examples_dir(train, evaluation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    for name, split in (("train", train), ("eval", evaluation)):
        (folder / f"Split-{name}").mkdir()
        path = str(folder / f"Split-{name}" / "data_tfrecord-00000-of-00001.gz")
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for image, label in zip(split.images, split.labels, strict=True):
                writer.write(example(image=png(image), label=int(label)))
    return str(folder)


@pytest.fixture(scope="module", params=[0, 2**14], ids=["decoded", "pixels"])
def both(request, examples_dir, spec):
    """The splits in memory, and streamed: decoded on each use, or kept as pixels."""
    in_memory = example_reader.load_splits(examples_dir, spec)
    with memory_limit.limited_to(0), pytest.MonkeyPatch.context() as patch:
        patch.setattr(streamed_arrays, "_SMALL_BYTES", request.param)
        return in_memory, example_reader.load_splits(examples_dir, spec)


@pytest.fixture
def images(both):
    return both[0]["train"].images, both[1]["train"].images


def test_the_size_decides_which_it_is(images):
    assert isinstance(images[0], np.ndarray)
    assert isinstance(images[1], StreamedImages)


@pytest.mark.parametrize(
    "key",
    [5, -1, slice(90, 200), slice(None, None, 7), np.array([3, 95, 3]), [0], []],
    ids=str,
)
def test_every_index_gives_the_same_pixels(images, key):
    key = np.array(key, int) if isinstance(key, list) else key
    in_memory, streamed = images
    assert streamed.shape == in_memory.shape
    np.testing.assert_array_equal(streamed[key], in_memory[key])


def test_a_streamed_array_never_becomes_a_whole_one(images):
    with pytest.raises(TypeError, match="Too large for memory"):
        np.asarray(images[1])


def test_a_row_that_is_not_there_is_an_error(images):
    with pytest.raises(IndexError):
        images[1][96]


def test_digests_and_labels_are_the_same(both):
    for name in ("train", "eval"):
        in_memory, streamed = both[0][name], both[1][name]
        np.testing.assert_array_equal(streamed.digests, in_memory.digests)
        np.testing.assert_array_equal(streamed.labels, in_memory.labels)


def test_another_process_reads_the_same_file(images):
    """As a search's workers do, which are started afresh."""
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(images[1]))[7], images[0][7]
    )
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).read([7]))"
    given = pickle.dumps(images[1].spool)
    process = [sys.executable, "-c", code]
    done = subprocess.run(process, input=given, capture_output=True)
    assert done.stdout.decode().strip() == repr(images[1].spool.read([7])), done.stderr


@pytest.fixture(scope="module")
def trained(both, spec, exported):
    """Weights of a teacher and a student, both trained from memory and streamed."""
    weights = []
    for limit, splits in zip((memory_limit.DEFAULT_MB, 0), both, strict=True):
        with memory_limit.limited_to(limit):
            weights.append(_train(splits, spec, exported[1]))
    return weights


def _train(splits, spec, teacher_dir):
    train, evaluation = splits["train"], splits["eval"]
    settings = {"model": DENSE, "epochs": 3, "batch_size": 16}
    config = TeacherConfig(max_shift=1, max_rotation=10.0, **settings)
    teacher = training.train_teacher(train, evaluation, spec, config)
    views = ViewsConfig(count=3, max_shift=1)
    shards = teacher_logits.predict_splits(Teachers([teacher_dir]), splits, views)
    data = teacher_logits.join(shards, splits, views)
    student = training.train_student(
        data["train"],
        data["eval"],
        spec,
        StudentConfig(**settings),
        DistillationConfig(),
    )
    streamed = isinstance(data["train"].predictions, StreamedRows)
    assert streamed == isinstance(train.images, StreamedImages)
    return [(one.model.get_weights(), one.history) for one in (teacher, student)]


@pytest.mark.parametrize("model", [0, 1], ids=["teacher", "student"])
def test_both_ways_train_the_same_weights(trained, model):
    (weights, history), (streamed_weights, streamed_history) = (
        models[model] for models in trained
    )
    assert history == streamed_history
    for one, other in zip(weights, streamed_weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_full_disk_says_what_to_do():
    images = spool.Spool()
    images._file.close()
    images._file = open("/dev/full", "wb")  # noqa: SIM115
    with pytest.raises(DistillError, match="no space left.*Set the variable TMPDIR"):
        images.append([b"item"])


def test_a_size_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv(memory_limit.VARIABLE, "1 GB")
    with pytest.raises(ConfigError, match="must be a whole number of MiB"):
        memory_limit.max_bytes()


def test_a_broken_image_is_named_in_a_streamed_split_too(spec, tmp_path, evaluation):
    (tmp_path / "Split-test").mkdir()
    with tf.io.TFRecordWriter(str(tmp_path / "Split-test/records")) as writer:
        for image in evaluation.images[:3]:
            writer.write(example(image=png(image)[:40], label=0))
    spec = dataclasses.replace(spec, num_examples={"test": 3})
    with (
        memory_limit.limited_to(0),
        pytest.raises(DistillError, match="record 0: the image does not decode"),
    ):
        example_reader.load_split(str(tmp_path), "test", spec)
