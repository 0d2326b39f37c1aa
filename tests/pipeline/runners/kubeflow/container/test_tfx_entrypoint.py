"""TFX's own entry point on what Kubeflow Pipelines gives it: it fails; ours does not."""

import argparse
import copy
import json

import apache_beam as beam
import kubeflow_executors
import pytest
import tensorflow as tf
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

from tfx_distill.pipeline.runners.kubeflow.container import entrypoint

MODEL = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
INPUTS = {
    "artifacts": {"model": {"artifactType": MODEL}},
    "parameters": {"epochs": {"parameterType": "NUMBER_INTEGER"}},
}
FOLDERS = {"minio": "minio", "s3": "s3", "gs": "gcs"}
CLASS = f"{kubeflow_executors.__name__}.{kubeflow_executors.Copy.__name__}"


def _artifact(name, uri, kind):
    return {"artifacts": [{"name": name, "uri": uri, "type": kind}]}


def _given(output_file, scheme="minio"):
    """An ExecutorInput as the driver of every version from 2.5 to 2.17 makes it."""
    root = f"{scheme}://bucket/run"
    logs = {"schemaTitle": "system.Artifact"}
    return {
        "inputs": {
            "artifacts": {
                "model": _artifact("7", f"{root}/Make/model", {"instanceSchema": ""})
            },
            "parameterValues": {"epochs": 3},
        },
        "outputs": {
            "artifacts": {
                "copied": _artifact("copied", f"{root}/Use/copied", MODEL),
                "executor-logs": _artifact("executor-logs", f"{root}/Use/logs", logs),
            },
            "outputFile": str(output_file),
        },
    }


def _without_logs(given):
    given = copy.deepcopy(given)
    del given["outputs"]["artifacts"]["executor-logs"]
    return given


def _with_types(given):
    given = copy.deepcopy(given)
    given["inputs"]["artifacts"]["model"]["artifacts"][0]["type"] = MODEL
    return given


def _tfx(given):
    args = argparse.Namespace(
        executor_class_path=CLASS,
        json_serialized_invocation_args=json.dumps(given),
        json_serialized_inputs_spec_args=json.dumps(INPUTS),
    )
    kubeflow_v2_run_executor.main((args, []))


@pytest.fixture
def ours(monkeypatch):
    """Runs our entry point; leaves pytest's logging alone."""
    monkeypatch.setattr(entrypoint, "_set_up_logs", lambda: None)

    def run(given):
        options = {
            "executor_class_path": CLASS,
            "json_serialized_invocation_args": json.dumps(given),
            "json_serialized_inputs_spec_args": json.dumps(INPUTS),
        }
        return entrypoint.run([w for k, v in options.items() for w in (f"--{k}", v)])

    return run


def test_tfx_takes_the_logs_for_an_artifact_to_import(tmp_path):
    with pytest.raises(ImportError, match="system.Artifact"):
        _tfx(_with_types(_given(tmp_path / "output.json")))


def test_tfx_stumbles_over_an_empty_type(tmp_path):
    with pytest.raises(
        AttributeError, match="'NoneType' object has no attribute 'get'"
    ):
        _tfx(_without_logs(_given(tmp_path / "output.json")))


@pytest.mark.parametrize("scheme", ["minio", "s3"])
def test_tfx_opens_uris_that_tensorflow_does_not_know(tmp_path, scheme):
    given = _with_types(_without_logs(_given(tmp_path / "output.json", scheme)))
    with pytest.raises(tf.errors.UnimplementedError, match=f"scheme '{scheme}' not"):
        _tfx(given)


def test_beam_does_not_know_minio_either():
    with pytest.raises(ValueError, match="Unable to get filesystem"):
        beam.io.filesystems.FileSystems.match(["minio://bucket/*"])


@pytest.mark.parametrize("scheme", FOLDERS)
@pytest.mark.parametrize("place", ["tmp/kfp_outputs", "{folder}/bucket/run/Use/uuid"])
def test_ours_runs_the_executor(ours, tmp_path, monkeypatch, scheme, place):
    monkeypatch.setenv("DISTILL_MOUNT_ROOT", str(tmp_path))
    folder = tmp_path / FOLDERS[scheme] / "bucket/run"
    (folder / "Make/model").mkdir(parents=True)
    (folder / "Make/model/weights").write_text("1 2 3")
    output = tmp_path / place.format(folder=FOLDERS[scheme]) / "output_metadata.json"

    assert ours(_given(output, scheme)) == 0

    # The launcher uploads the folder of the URI that it finds here, and parses strictly.
    assert (folder / "Use/copied/weights").read_text() == "1 2 3"
    written = json_format.Parse(output.read_text(), pipeline_spec_pb2.ExecutorOutput())
    (copied,) = written.artifacts["copied"].artifacts
    assert copied.uri == f"{scheme}://bucket/run/Use/copied"
    assert copied.metadata["source"] == f"{scheme}://bucket/run/Make/model"
    assert copied.metadata["epochs"] == 3
    assert str(tmp_path) not in output.read_text()
    assert "null" not in output.read_text()


def test_an_executor_that_fails_leaves_no_output(ours, tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_MOUNT_ROOT", str(tmp_path))
    with pytest.raises(tf.errors.NotFoundError):
        ours(_given(tmp_path / "output.json"))
    assert not (tmp_path / "output.json").exists()
