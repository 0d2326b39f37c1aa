"""Executors that need no TensorFlow run in a pod that never loads it."""

import json
import subprocess
import sys

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import standard_component_specs

from tfx_distill.components.checks import Decision
from tfx_distill.pipeline.runners.kubeflow.container import light_imports
from tfx_distill.trainer.export import saved_model_files

ROOT = "minio/bucket/run"
# What TFX's own entry point loads, and these executors must not.
HEAVY = (
    "tensorflow",
    "apache_beam",
    "keras",
    "tensorflow_model_analysis",
    "kubernetes",
)
PROGRAM = f"""
import sys
from tfx_distill.pipeline.runners.kubeflow.container import entrypoint
status = entrypoint.run(sys.argv[1:])
sys.exit(status or str([name for name in {HEAVY} if sys.modules.get(name)]))
"""
KINDS = {
    "anomalies": "ExampleAnomalies", "model": "Model", "pushed_model": "PushedModel",
    "model_blessing": "ModelBlessing", "infra_blessing": "InfraBlessing",
}  # fmt: skip


def _type(key):
    return {"instanceSchema": f"title: tfx.{KINDS[key]}\ntype: object\n"}


def _part(**metadata):
    return {
        key: {
            "artifacts": [
                {"name": key, "uri": f"minio://bucket/run/{key}",
                 "type": {"instanceSchema": ""}, "metadata": values}
            ]
        }
        for key, values in metadata.items()
    }  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Runs an executor in a new process; returns its output, or its last error."""

    def work(executor, inputs, outputs=(), **parameters):
        output = tmp_path / "tmp" / "output.json"
        given = {
            "inputs": {"artifacts": _part(**inputs), "parameterValues": parameters},
            "outputs": {
                "artifacts": _part(**{key: {} for key in outputs}),
                "outputFile": str(output),
            },
        }
        for key in outputs:
            given["outputs"]["artifacts"][key]["artifacts"][0]["type"] = _type(key)
        kinds = {key: {"artifactType": _type(key)} for key in inputs}
        texts = {key: {"parameterType": "STRING"} for key in parameters}
        spec = {"artifacts": kinds, "parameters": texts}
        options = {
            "executor_class_path": f"tfx_distill.components.{executor}.executor.Executor",
            "json_serialized_invocation_args": json.dumps(given),
            "json_serialized_inputs_spec_args": json.dumps(spec),
        }
        words = [word for k, v in options.items() for word in (f"--{k}", v)]
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, *words],
            env={"DISTILL_MOUNT_ROOT": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        lines = ended.stderr.strip().splitlines()
        if lines[-1] != "[]":
            raise RuntimeError(lines[-1])
        return json.loads(output.read_text())

    return work


@pytest.fixture
def student(tmp_path):
    """A student that both gates blessed; returns the metadata of what the Pusher reads."""
    model = tmp_path / ROOT / "model"
    (model / "Format-Serving").mkdir(parents=True)
    (model / "Format-Serving" / "saved_model.pb").write_text("graph")
    digest = saved_model_files.content_digest(str(model / "Format-Serving"))
    blessing = {"blessed": 1, "current_model": "minio://bucket/run/model",
                "model_digest": digest}  # fmt: skip
    for key in ("model_blessing", "infra_blessing"):
        (tmp_path / ROOT / key).mkdir()
        Decision(blessed=True, reasons=()).save(str(tmp_path / ROOT / key))
    return {"model": {}, "model_blessing": blessing, "infra_blessing": blessing}


def test_the_pusher_pushes(run, student, tmp_path):
    serving = {"filesystem": {"base_directory": str(tmp_path / "serving")}}
    destination = {"push_destination": json.dumps(serving), "custom_config": "null"}
    written = run("pusher", student, ["pushed_model"], **destination)
    (pushed,) = written["artifacts"]["pushed_model"]["artifacts"]
    assert pushed["metadata"]["pushed"] == 1
    version = tmp_path / "serving" / pushed["metadata"]["pushed_version"]
    assert (version / "saved_model.pb").read_text() == "graph"


@pytest.mark.parametrize("found", [False, True])
def test_the_gate_decides(run, tmp_path, found):
    anomalies = anomalies_pb2.Anomalies(data_missing=found)
    folder = tmp_path / ROOT / "anomalies" / "Split-train"
    folder.mkdir(parents=True)
    (folder / "SchemaDiff.pb").write_bytes(anomalies.SerializeToString())
    given = {"anomalies": {"split_names": '["train"]'}}
    if found:
        with pytest.raises(RuntimeError, match="split train, no data: the split is em"):
            run("anomaly_gate", given)
    else:
        assert not run("anomaly_gate", given).get("artifacts")


def test_what_was_refused_is_not_registered(run, student):
    given = {"pushed_model": {"pushed": 0}}
    given |= {key: student[key] for key in ("model_blessing", "infra_blessing")}
    registry = json.dumps({"url": "http://127.0.0.1:1"})
    assert not run("model_registration", given, registry=registry).get("artifacts")


def test_the_keys_are_those_of_tfx():
    spec = light_imports._spec(light_imports._KEYS)
    texts = light_imports._texts(spec.origin)
    assert texts["PUSH_DESTINATION_KEY"] == "push_destination"
    assert texts == {name: getattr(standard_component_specs, name) for name in texts}
