"""Above the memory limit Beam's workers run the teacher: with the same answers."""

import os
import pathlib
import shutil

import digit_models
import example_data
import numpy as np
import pytest
import tensorflow as tf

from tfx_distill.components.artifact_types import TeacherLogits
from tfx_distill.components.execution_inputs import at
from tfx_distill.components.teacher_logits import file_work
from tfx_distill.components.teacher_logits.executor import Executor
from tfx_distill.trainer.config.data_config import SplitsConfig, ViewsConfig
from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.data import memory_limit
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.distillation import logits_files
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.models.teacher_files import TeacherFiles

SPLITS = SplitsConfig(train="train[:20%]", unlabelled="train[20%:90%]")
VIEWS = ViewsConfig(count=3, max_shift=1, flip=True)
WORKERS = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


def _rewrite(examples, split, change, files=3):
    """Writes a split's records again, changed, into several files."""
    folder = pathlib.Path(examples.uri, f"Split-{split}")
    records = change(example_data.raw_records(*sorted(folder.iterdir())))
    shutil.rmtree(folder)
    folder.mkdir()
    for i in range(files):
        path = folder / f"data_tfrecord-{i:05d}-of-{files:05d}.gz"
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for record in records[i::files]:
                writer.write(record)


@pytest.fixture(scope="module")
def sharded(digits, tmp_path_factory):
    """Examples with unlabelled ones, in several files; each file repeats some images."""
    folder = tmp_path_factory.mktemp("sharded")
    examples = example_data.generate(digits.replace(splits=SPLITS), folder / "examples")
    for split, files in (("train", 3), ("unlabelled", 2)):
        _rewrite(examples, split, lambda r: r[:-9] + r[:9], files)
    return examples


@pytest.fixture(scope="module")
def teachers(sharded, tmp_path_factory):
    """Two models that nobody has trained."""
    spec, folder = DataSpec.load(sharded.uri), tmp_path_factory.mktemp("teachers")
    return [
        digit_models.artifact(digit_models.untrained(spec), spec, "teacher", folder / n)
        for n in ("first", "second")
    ]


def _logits(examples, teachers, folder, *, limit_mb, layers="[]", views=VIEWS, args=()):
    """Runs the executor; returns its artifact."""
    logits = TeacherLogits()
    logits.uri = str(folder)
    settings = {
        "views": views.to_json(),
        "average": AverageConfig().to_json(),
        "feature_layers": layers,
    }
    inputs = {"examples": [examples], "teacher_model": list(teachers)}
    context = Executor.Context(beam_pipeline_args=list(args))
    with memory_limit.limited_to(limit_mb):
        Executor(context).Do(inputs, {"teacher_logits": [logits]}, settings)
    return logits


def _both(examples, teachers, folder, **settings):
    """The artifact as the node's own process makes it, and as Beam does."""
    return [
        _logits(examples, teachers, folder / str(limit), limit_mb=limit, **settings)
        for limit in (memory_limit.DEFAULT_MB, 0)
    ]


def _stored(logits, split):
    shards = list(logits_files.load(logits.uri, None, [split])[0][split])
    return [np.concatenate([getattr(s, k) for s in shards]) for k in vars(shards[0])]


def _require_equal(logits):
    here, on_beam = logits
    for split, number in (("train", 287 - 9 + 1006 - 9), ("eval", 144)):
        (digests, values), (other_digests, other_values) = (
            _stored(one, split) for one in (here, on_beam)
        )
        assert len(digests) == number
        np.testing.assert_array_equal(other_digests, digests)
        np.testing.assert_allclose(other_values, values, atol=1e-5)
    assert sorted(os.listdir(on_beam.uri)) == sorted(os.listdir(here.uri))
    assert vars(on_beam)["_artifact"].custom_properties == (
        vars(here)["_artifact"].custom_properties
    )


@pytest.mark.parametrize(
    ("number", "layers"),
    [(1, "[]"), (2, "[]"), (1, '["conv_2"]')],
    ids=["one", "two", "features"],
)
def test_the_answers_are_the_same(sharded, teachers, tmp_path, number, layers):
    _require_equal(_both(sharded, teachers[:number], tmp_path, layers=layers))


@pytest.mark.slow
def test_worker_processes_give_the_same_answers(sharded, teachers, tmp_path):
    _require_equal(_both(sharded, teachers[:1], tmp_path, args=WORKERS))


def test_fresh_views_leave_train_out(sharded, teachers, tmp_path):
    fresh = _both(sharded, teachers[:1], tmp_path, views=VIEWS.replace(fresh=True))
    for logits in fresh:
        assert not list(pathlib.Path(logits.uri).glob("train-*"))
    (_, values), (_, other_values) = (_stored(one, "eval") for one in fresh)
    np.testing.assert_allclose(other_values, values, atol=1e-5)


def test_workers_in_this_process_share_its_teacher(
    sharded, teachers, tmp_path, monkeypatch
):
    loaded, load = [], TeacherFiles.load
    monkeypatch.setattr(
        TeacherFiles, "load", lambda self: loaded.append(self) or load(self)
    )
    _logits(sharded, teachers[:1], tmp_path, limit_mb=0)
    assert len(loaded) == 1


@pytest.fixture
def copied(sharded, tmp_path):
    folder = shutil.copytree(sharded.uri, tmp_path / "copied")
    return at(sharded, str(folder))


def _spoilt(records):
    bad = tf.train.Example.FromString(records[200])
    bad.features.feature["image"].bytes_list.value[:] = [b"no image"]
    return [*records[:200], bad.SerializeToString(), *records[201:]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_spoilt, r"split unlabelled, record \d+: the image does not decode"),
        (lambda r: r[:-1], "unlabelled holds 1005 records or more, expected 1006"),
    ],
    ids=["damaged", "lost"],
)
def test_bad_records_are_told_as_in_memory(copied, teachers, tmp_path, change, told):
    _rewrite(copied, "unlabelled", change)
    said = []
    for limit in (memory_limit.DEFAULT_MB, 0):
        with pytest.raises(DistillError, match=told) as caught:
            _logits(copied, teachers[:1], tmp_path / "logits", limit_mb=limit)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_work_that_is_done_twice_is_in_once(sharded, teachers, tmp_path, monkeypatch):
    process = file_work.PredictFile.process
    monkeypatch.setattr(
        file_work.PredictFile,
        "process",
        lambda self, file: process(self, file) or process(self, file),
    )
    logits = _logits(sharded, teachers[:1], tmp_path, limit_mb=0)
    assert len(_stored(logits, "train")[0]) == 287 - 9 + 1006 - 9
