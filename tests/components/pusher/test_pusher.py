"""A version appears whole or not at all, and only for a blessed student."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import threading

import pytest
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import io_utils, proto_utils

from tfx_distill.components.artifact_types import LiteModels
from tfx_distill.components.pusher import manifest, versions
from tfx_distill.components.pusher.executor import Executor
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import saved_model_files

pytestmark = pytest.mark.attack


@pytest.fixture
def model(tmp_path):
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "model")
    (tmp_path / "model" / "Format-Serving").mkdir(parents=True)
    (tmp_path / "model" / "Format-Serving" / "saved_model.pb").write_text("graph")
    return artifact


@pytest.fixture
def blessings(tmp_path, model):
    """Both gates' blessings of `model`, by the Pusher's input."""
    digest = saved_model_files.content_digest(f"{model.uri}/Format-Serving")
    made = {}
    for key, kind in (
        ("model_blessing", standard_artifacts.ModelBlessing),
        ("infra_blessing", standard_artifacts.InfraBlessing),
    ):
        made[key] = kind()
        made[key].uri = str(tmp_path / key)
        (tmp_path / key).mkdir()
        made[key].set_int_custom_property("blessed", 1)
        made[key].set_string_custom_property("current_model", model.uri)
        made[key].set_string_custom_property("model_digest", digest)
        _decide(made[key], blessed=True)
    return made


def _decide(blessing, blessed, reasons=()):
    verdict = {"blessed": blessed, "reasons": list(reasons)}
    pathlib.Path(blessing.uri, "verdict.json").write_text(json.dumps(verdict))


def _refuse(blessing, reason):
    blessing.set_int_custom_property("blessed", 0)
    _decide(blessing, blessed=False, reasons=[reason])


@pytest.fixture
def push(tmp_path, model, blessings):
    """A function that pushes `model` with what is left in `blessings`."""
    destination = pusher_pb2.PushDestination()
    destination.filesystem.base_directory = str(tmp_path / "serving")
    properties = {"push_destination": proto_utils.proto_to_json(destination)}

    def run(**further):
        pushed = standard_artifacts.PushedModel()
        pushed.uri = str(tmp_path / "pushed")
        given = {key: [blessing] for key, blessing in blessings.items()}
        inputs = {"model": [model], **given, **further}
        Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
        return pushed

    return run


@pytest.fixture
def lite_models(tmp_path, model):
    """Two files, of which one may be pushed."""
    artifact = LiteModels()
    artifact.uri = str(tmp_path / "lite")
    (tmp_path / "lite").mkdir()
    (tmp_path / "lite" / "int8.tflite").write_text("flat")
    (tmp_path / "lite" / "float32.tflite").write_text("too inaccurate")
    digest = saved_model_files.content_digest(f"{model.uri}/Format-Serving")
    artifact.set_string_custom_property("model_digest", digest)
    allowed = {"int8.tflite": hashlib.sha256(b"flat").hexdigest()}
    artifact.set_string_custom_property("file_digests", json.dumps(allowed))
    return artifact


def _versions(tmp_path):
    serving = tmp_path / "serving"
    return sorted(set(os.listdir(serving)) - {".lock"}) if serving.exists() else []


def _reason(pushed):
    assert pushed.get_int_custom_property("pushed") == 0
    return pushed.get_string_custom_property("reason")


def test_a_blessed_student_becomes_a_version(push, tmp_path):
    folder = push().get_string_custom_property("pushed_destination")
    assert [os.path.basename(folder)] == _versions(tmp_path)
    assert (pathlib.Path(folder) / "saved_model.pb").read_text() == "graph"


def test_its_litert_files_lie_where_servers_do_not_look(push, lite_models):
    pushed = push(lite_models=[lite_models])
    folder = pathlib.Path(pushed.get_string_custom_property("pushed_destination"))
    assert (folder / "assets.extra" / "lite" / "int8.tflite").read_text() == "flat"
    assert (folder / "saved_model.pb").read_text() == "graph"


def test_only_litert_files_that_the_converter_allows_are_pushed(push, lite_models):
    folder = push(lite_models=[lite_models]).get_string_custom_property(
        "pushed_destination"
    )
    assert os.listdir(f"{folder}/assets.extra/lite") == ["int8.tflite"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pathlib.Path.unlink, "int8.tflite is gone; nothing was pushed"),
        (lambda path: path.write_text("fla"), "is not what was measured"),
    ],
)
def test_litert_files_that_were_not_measured_leave_no_version(
    push, lite_models, tmp_path, change, message
):
    change(tmp_path / "lite" / "int8.tflite")
    with pytest.raises(ModelError, match=message):
        push(lite_models=[lite_models])
    assert _versions(tmp_path) == []


def test_litert_files_of_another_student_leave_no_version(push, lite_models, tmp_path):
    lite_models.set_string_custom_property("model_digest", "another")
    with pytest.raises(ModelError, match="were not made from this student"):
        push(lite_models=[lite_models])
    assert _versions(tmp_path) == []


def test_a_version_has_a_manifest_that_other_tools_check(push, lite_models):
    pushed = push(lite_models=[lite_models])
    folder = pushed.get_string_custom_property("pushed_destination")
    digest = pushed.get_string_custom_property("manifest_digest")
    assert manifest.changes(folder, digest) == []
    check = ["sha256sum", "-c", manifest.NAME]
    said = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=True)
    assert said.stdout == "saved_model.pb: OK\nassets.extra/lite/int8.tflite: OK\n"


@pytest.mark.parametrize("gate", ["model_blessing", "infra_blessing"])
def test_what_a_gate_refuses_is_not_pushed_and_says_why(
    push, blessings, lite_models, tmp_path, gate
):
    _refuse(blessings[gate], "too weak")
    assert _reason(push(lite_models=[lite_models])) == "too weak"
    assert _versions(tmp_path) == []


def test_the_reasons_of_both_gates_are_told(push, blessings):
    _refuse(blessings["model_blessing"], "too weak")
    _refuse(blessings["infra_blessing"], "too slow")
    assert _reason(push()) == "too weak; too slow"


@pytest.mark.parametrize("gate", ["model_blessing", "infra_blessing"])
def test_without_a_blessing_nothing_is_pushed(push, blessings, tmp_path, gate):
    del blessings[gate]
    assert "there is no blessing of the" in _reason(push())
    assert _versions(tmp_path) == []


@pytest.mark.parametrize("gate", ["model_blessing", "infra_blessing"])
def test_a_blessing_of_another_model_is_none(push, blessings, tmp_path, gate):
    blessings[gate].set_string_custom_property("current_model", "/another")
    assert "blessed another model, /another, not" in _reason(push())
    assert _versions(tmp_path) == []


def test_a_model_that_was_changed_after_its_blessing_is_not_pushed(push, model):
    pathlib.Path(model.uri, "Format-Serving", "saved_model.pb").write_text("other")
    assert "was changed after the Evaluator blessed it" in _reason(push())


def test_a_blessing_that_names_no_content_is_none(push, blessings, tmp_path):
    blessings["model_blessing"].set_string_custom_property("model_digest", "")
    assert "the Evaluator does not say which files" in _reason(push())
    assert _versions(tmp_path) == []


def test_a_model_that_changes_while_it_is_copied_is_not_pushed(
    push, tmp_path, monkeypatch
):
    copy = io_utils.copy_dir

    def change(source, target, **further):
        copy(source, target, **further)
        pathlib.Path(target, "variables").write_text("other")

    monkeypatch.setattr(io_utils, "copy_dir", change)
    with pytest.raises(ModelError, match="changed while it was copied"):
        push()
    assert _versions(tmp_path) == []


@pytest.mark.parametrize("text", [None, "{", '{"blessed": false}', "[]"])
def test_a_verdict_that_is_gone_or_edited_blesses_nothing(push, blessings, text):
    path = pathlib.Path(blessings["model_blessing"].uri, "verdict.json")
    path.unlink() if text is None else path.write_text(text)
    assert "the Evaluator's verdict in " in _reason(push())


def test_a_student_that_is_gone_fails_the_node(push, model, tmp_path):
    shutil.rmtree(model.uri)
    with pytest.raises(ModelError, match="The student in .* is gone"):
        push()
    assert _versions(tmp_path) == []


def test_the_record_names_the_content(push, model):
    digest = saved_model_files.content_digest(f"{model.uri}/Format-Serving")
    assert push().get_string_custom_property("model_digest") == digest


def test_the_same_student_again_is_no_second_version(push, tmp_path, lite_models):
    first, again = push(), push()
    assert len(_versions(tmp_path)) == 1
    for name in ("pushed_version", "pushed_destination"):
        assert again.get_string_custom_property(name) == (
            first.get_string_custom_property(name)
        )
    push(lite_models=[lite_models])
    assert len(_versions(tmp_path)) == 2


def test_what_a_killed_push_left_is_removed(push, tmp_path):
    (tmp_path / "serving" / ".staging-killed" / "1").mkdir(parents=True)
    push()
    assert not (tmp_path / "serving" / ".staging-killed").exists()


def test_what_another_push_works_on_is_left_alone(push, tmp_path):
    with versions.at(str(tmp_path / "serving")).opened(1) as other:
        thread = threading.Thread(target=push)
        thread.start()
        thread.join(0.3)
        assert os.path.isdir(other.staging_dir)
        assert [name for name in _versions(tmp_path) if name.isdigit()] == []
    thread.join()
    assert len(_versions(tmp_path)) == 1


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
