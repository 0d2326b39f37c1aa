"""A version appears whole or not at all, and only for a blessed student."""

import os
import pathlib

import pytest
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.pusher.executor import Executor
from distill_artifacts import LiteModels
from trainer.errors import ModelError


@pytest.fixture
def push(tmp_path):
    """A function that pushes a folder with a file; returns the artifact."""
    model = standard_artifacts.Model()
    model.uri = str(tmp_path / "model")
    (tmp_path / "model" / "Format-Serving").mkdir(parents=True)
    (tmp_path / "model" / "Format-Serving" / "saved_model.pb").write_text("graph")
    destination = pusher_pb2.PushDestination()
    destination.filesystem.base_directory = str(tmp_path / "serving")
    properties = {"push_destination": proto_utils.proto_to_json(destination)}

    def run(blessed=1, **further):
        blessing = standard_artifacts.ModelBlessing()
        blessing.set_int_custom_property("blessed", blessed)
        pushed = standard_artifacts.PushedModel()
        pushed.uri = str(tmp_path / "pushed")
        inputs = {"model": [model], "model_blessing": [blessing], **further}
        Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
        return pushed

    return run


@pytest.fixture
def lite_models(tmp_path):
    artifact = LiteModels()
    artifact.uri = str(tmp_path / "lite")
    (tmp_path / "lite").mkdir()
    (tmp_path / "lite" / "int8.tflite").write_text("flat")
    return artifact


def _versions(tmp_path):
    serving = tmp_path / "serving"
    return sorted(os.listdir(serving)) if serving.exists() else []


def test_a_blessed_student_becomes_a_version(push, tmp_path):
    folder = push().get_string_custom_property("pushed_destination")
    assert [os.path.basename(folder)] == _versions(tmp_path)
    assert (pathlib.Path(folder) / "saved_model.pb").read_text() == "graph"


def test_its_litert_files_lie_where_servers_do_not_look(push, lite_models):
    pushed = push(lite_models=[lite_models])
    folder = pathlib.Path(pushed.get_string_custom_property("pushed_destination"))
    assert (folder / "assets.extra" / "lite" / "int8.tflite").read_text() == "flat"
    assert (folder / "saved_model.pb").read_text() == "graph"


def test_litert_files_that_are_gone_leave_no_version(push, lite_models, tmp_path):
    os.remove(tmp_path / "lite" / "int8.tflite")
    os.rmdir(tmp_path / "lite")
    with pytest.raises(ModelError, match="LiteRT files in .* are gone"):
        push(lite_models=[lite_models])
    assert _versions(tmp_path) == []


def test_without_a_blessing_no_litert_file_is_pushed(push, lite_models, tmp_path):
    push(blessed=0, lite_models=[lite_models])
    assert _versions(tmp_path) == []


def test_a_student_that_is_not_blessed_is_not_pushed(push, tmp_path):
    assert push(blessed=0).get_int_custom_property("pushed") == 0
    assert _versions(tmp_path) == []


def test_versions_only_grow(push, tmp_path):
    (tmp_path / "serving" / "99999999999").mkdir(parents=True)
    assert push().get_string_custom_property("pushed_version") == "100000000000"


def test_a_push_that_breaks_leaves_no_version(push, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tfx.utils.io_utils.copy_file", full)
    with pytest.raises(OSError, match="No space left"):
        push()
    assert _versions(tmp_path) == []
