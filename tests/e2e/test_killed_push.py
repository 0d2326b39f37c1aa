"""SIGKILL at 100 random moments of a push: a server never sees half a version."""

import hashlib
import json
import logging
import os
import pathlib
import random
import signal
import statistics
import time

import digit_models
import pytest
import tensorflow as tf
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from tfx_distill.components.artifact_types import LiteModels
from tfx_distill.components.pusher import executor, versions
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.export import saved_model_files

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    # Python 3.12 and later; the child only copies files.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded"),
]
logger = logging.getLogger(__name__)

KILLS = 100


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """Two exported students, so that each push has something new to push."""
    folder = tmp_path_factory.mktemp("students")
    spec = DataSpec(
        dataset="digits",
        version="1.0.0",
        image_shape=(28, 28, 1),
        class_names=tuple("0123456789"),
        num_examples={},
    )
    return [
        digit_models.artifact(
            digit_models.untrained(spec), spec, "student", folder / str(number)
        )
        for number in range(2)
    ]


def _blessing(kind, model, folder):
    blessing = kind()
    blessing.uri = str(folder / kind.TYPE_NAME)
    os.makedirs(blessing.uri, exist_ok=True)
    text = json.dumps({"blessed": True, "reasons": []})
    pathlib.Path(blessing.uri, "verdict.json").write_text(text)
    blessing.set_int_custom_property("blessed", 1)
    blessing.set_string_custom_property("current_model", model.uri)
    digest = saved_model_files.content_digest(digit_models.serving_path(model))
    blessing.set_string_custom_property("model_digest", digest)
    return blessing


def _push(model, serving_dir, folder):
    """The real executor, as a run calls it; returns the artifact."""
    destination = pusher_pb2.PushDestination()
    destination.filesystem.base_directory = str(serving_dir)
    lite, pushed = LiteModels(), standard_artifacts.PushedModel()
    lite.uri, pushed.uri = str(folder / "lite"), str(folder / "pushed")
    os.makedirs(lite.uri, exist_ok=True)
    content = b"x" * 14_000
    pathlib.Path(lite.uri, "int8.tflite").write_bytes(content)
    digests = {"int8.tflite": hashlib.sha256(content).hexdigest()}
    lite.set_string_custom_property("file_digests", json.dumps(digests))
    digest = saved_model_files.content_digest(digit_models.serving_path(model))
    lite.set_string_custom_property("model_digest", digest)
    inputs = {
        "model": [model],
        "model_blessing": [_blessing(standard_artifacts.ModelBlessing, model, folder)],
        "infra_blessing": [_blessing(standard_artifacts.InfraBlessing, model, folder)],
        "lite_models": [lite],
    }
    properties = {"push_destination": proto_utils.proto_to_json(destination)}
    executor.Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
    return pushed


def _forked(model, serving_dir, folder):
    """The same in a process of its own; returns its id."""
    child = os.fork()
    if child == 0:
        try:
            _push(model, serving_dir, folder)
        finally:
            os._exit(0)
    return child


def _killed(model, serving_dir, folder, after_s):
    """Pushes in a process that is killed; returns whether the kill came in time."""
    child = _forked(model, serving_dir, folder)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _contents(serving_dir):
    """Digest of every version that a server sees."""
    serving = versions.at(serving_dir)
    return {
        number: saved_model_files.folder_digest(serving.folder(number))
        for number in serving.numbers()
    }


def _duration(students, serving_dir, folder):
    """Median seconds of a whole push."""
    times = []
    for number in range(10):
        child = _forked(students[number % 2], serving_dir, folder)
        start = time.perf_counter()  # the fork of so large a process takes longer
        os.waitpid(child, 0)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def test_whatever_kills_a_push_every_version_is_whole(students, tmp_path):
    serving_dir = str(tmp_path / "serving")
    duration = _duration(students, serving_dir, tmp_path)
    whole = set(_contents(serving_dir).values())
    chance, killed, adopted, attempts = random.Random(0), 0, 0, 0
    seen = _contents(serving_dir)
    while killed < KILLS and attempts < 4 * KILLS:
        model = students[attempts % 2]
        attempts += 1
        after_s = chance.uniform(0, 1.1 * duration)
        killed += _killed(model, serving_dir, tmp_path, after_s)
        left = _contents(serving_dir)
        assert set(left.values()) == whole
        pushed = _push(model, serving_dir, tmp_path)
        version = int(pushed.get_string_custom_property("pushed_version"))
        now = _contents(serving_dir)
        adopted += now == left
        # One version for one student: the killed push's own, or one above all.
        assert {**seen, version: now[version]} == now
        assert version > max(seen)
        assert not list(pathlib.Path(serving_dir).glob(".staging-*"))
        seen = now
    logger.info(
        "%d of %d killed in time, pushes of %.0f ms; %d versions adopted",
        killed,
        attempts,
        duration * 1000,
        adopted,
    )
    assert killed == KILLS
    assert 0 < adopted < attempts
    for number in list(seen)[:2]:
        loaded = tf.saved_model.load(versions.at(serving_dir).folder(number))
        assert {"predict_files", "predict_images"} < set(loaded.signatures)
