"""Files of teachers that exist already, or one line that says what is wrong."""

import hashlib
import json

import ml_metadata
import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.pipeline.runners.local import teacher_sources
from tfx_distill.trainer.errors import ConfigError, DistillError


@pytest.fixture
def load(tmp_path):
    """A function that loads a configuration with these settings."""

    def load(*overrides):
        config = load_config("smoke", [f"pipeline.root={tmp_path}", *overrides])
        config.pipeline_dir.mkdir(exist_ok=True)
        return config

    return load


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "teacher.keras"
    path.write_bytes(b"weights")
    return path


def test_a_file_is_known_by_its_content(load, path):
    (found,) = teacher_sources.find(load(f"teacher.from={path}"))
    assert found.uri == str(path)
    assert found.digest == hashlib.sha256(b"weights").hexdigest()
    assert found.function is None


def test_of_a_function_the_weights_are_the_files(load, path):
    name = "keras.applications.ResNet50"
    config = load(f"teacher.from={name}", f"teacher.imported.weights={path}")
    (found,) = teacher_sources.find(config)
    assert (found.uri, found.function) == (str(path), name)
    assert found.imported.weights is None


@pytest.mark.parametrize(
    ("name", "text"),
    [("n.txt", "cat\ndog\n\n"), ("n.json", json.dumps(["cat", "dog"]))],
)
def test_class_names_are_read_from_a_file(load, path, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    config = load(f"teacher.from={path}", f"teacher.imported.classes={tmp_path / name}")
    assert teacher_sources.find(config)[0].imported.classes == ("cat", "dog")


def test_an_ensemble_mixes_trained_and_imported_teachers(load, path):
    config = load(f"ensemble.members=[{{from: {path}}}, {{epochs: 3}}]")
    imported, trained = teacher_sources.find(config)
    assert imported.uri == str(path) and trained is None


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["teacher.from=nowhere.keras"],
            "no file or folder .*nowhere.keras. Give a .k",
        ),
        (
            ["teacher.from=keras.applications.X", "teacher.imported.weights=gone"],
            "teacher.imported.weights: there is no file or folder",
        ),
        (
            ["teacher.from=.", "teacher.imported.classes=gone"],
            "classes: gone cannot be",
        ),
    ],
)
def test_what_does_not_exist_is_refused_in_one_line(load, overrides, message):
    with pytest.raises(ConfigError, match=message) as caught:
        teacher_sources.check(load(*overrides))
    assert "\n" not in str(caught.value)


def _artifact(config, uri, kind):
    store = ml_metadata.MetadataStore(store_connection.connection_config(config))
    type_id = store.put_artifact_type(pb.ArtifactType(name=kind))
    (artifact_id,) = store.put_artifacts([pb.Artifact(type_id=type_id, uri=str(uri))])
    return artifact_id


def test_an_artifact_is_taken_where_it_lies(load, path, tmp_path):
    artifact_id = _artifact(load(), path, "Model")
    (found,) = teacher_sources.find(load(f"teacher.from={artifact_id}"))
    assert found.uri == str(path)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (9, "9 is not an artifact of the pipeline"),
        (1, "type Schema, expected Model or"),
    ],
)
def test_an_artifact_that_is_no_model_is_refused(load, path, asked, message):
    _artifact(load(), path, "Schema")
    with pytest.raises(DistillError, match=message):
        teacher_sources.find(load(f"teacher.from={asked}"))
