"""Results of searches and files of values, or one line that says what is wrong."""

import json

import ml_metadata
import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.pipeline.runners.local import fixed_hyperparameters
from tfx_distill.trainer.errors import ConfigError, DistillError

VALUES = {"distillation.temperature": 2.0, "student.batch_size": 32}


@pytest.fixture
def load(tmp_path):
    """A function that loads a configuration with these hyperparameters."""

    def load(given):
        config = load_config(
            "smoke", [f"pipeline.root={tmp_path}", f"hyperparameters={given}"]
        )
        config.pipeline_dir.mkdir(exist_ok=True)
        return config

    return load


def _write(tmp_path, text, name="values.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"space": [], "values": VALUES}),
        json.dumps(VALUES),
        "distillation: {temperature: 2.0}\nstudent.batch_size: 32",
    ],
)
def test_a_file_is_kept_in_a_folder_named_by_its_values(load, tmp_path, text):
    folder = fixed_hyperparameters.folder(load(_write(tmp_path, text)))
    other = fixed_hyperparameters.folder(
        load(_write(tmp_path, json.dumps(VALUES), "other"))
    )
    assert folder == other
    content = json.loads(
        (tmp_path / folder / fixed_hyperparameters.FILE_NAME).read_text()
    )
    assert content == {"space": [], "values": VALUES}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("student.batch: 3", "Unknown hyperparameter student.batch"),
        ("student.batch_size: 0", "student.batch_size must be an integer >= 1"),
        ("student.views: 9", "at most views.count, 4, received 9"),
        ("- 1", "must be a mapping of configuration keys to values"),
        ("{}", "must be a mapping of configuration keys to values"),
        ("a: [", "is not valid YAML"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(load, tmp_path, text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        fixed_hyperparameters.check(load(_write(tmp_path, text)))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(load):
    with pytest.raises(ConfigError, match="nowhere cannot be read"):
        fixed_hyperparameters.check(load("nowhere"))


def _artifact(config, uri, kind="HyperParameters"):
    store = ml_metadata.MetadataStore(store_connection.connection_config(config))
    type_id = store.put_artifact_type(pb.ArtifactType(name=kind))
    (artifact_id,) = store.put_artifacts([pb.Artifact(type_id=type_id, uri=str(uri))])
    return artifact_id


def test_an_artifact_is_taken_where_it_lies(load, tmp_path):
    artifact_id = _artifact(load(1), tmp_path)
    text = json.dumps({"space": [], "values": VALUES})
    _write(tmp_path, text, fixed_hyperparameters.FILE_NAME)
    assert fixed_hyperparameters.folder(load(artifact_id)) == str(tmp_path)


@pytest.mark.parametrize(
    ("kind", "asked", "message"),
    [
        ("HyperParameters", 7, "7 is not an artifact of the pipeline smoke-digits"),
        ("Model", 1, "artifact of type Model, expected HyperParameters"),
        ("HyperParameters", 1, "its file .* is gone"),
    ],
)
def test_an_artifact_that_is_no_result_is_refused(load, tmp_path, kind, asked, message):
    _artifact(load(1), tmp_path, kind)
    with pytest.raises(DistillError, match=message):
        fixed_hyperparameters.folder(load(asked))


def test_no_hyperparameters_are_no_folder(load):
    assert fixed_hyperparameters.folder(load("null")) is None
