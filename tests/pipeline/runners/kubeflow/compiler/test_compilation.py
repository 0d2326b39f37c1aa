"""The compiled file has the local run's tasks and what a cluster needs."""

import json
import os
import pathlib
import re

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tfx_distill.components.evaluator import driver
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.runners.kubeflow.compiler import (
    compilation,
    plan,
    run_parameters,
)
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import (
    CompileError,
)
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.trainer.errors import ConfigError

GOLDEN = pathlib.Path(__file__).resolve().parents[4] / "golden" / "kubeflow.yaml"
IMAGE = "registry.example.org/tfx-distill:1.0"
SETTINGS = """
control: true
assistant: {}
tuning: {}
kubeflow:
  deadline_s: 86400
  pipeline_root: s3://bucket/root
  nodes:
    default: {cpu: 500m, memory: 2Gi, env: {OMP_NUM_THREADS: 2}}
    Teacher: {gpu: 1}
    StatisticsGen:
      node_selector: {disk: ssd}
      tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
      node_affinity: [{key: zone, values: [a, b]}]
      image_pull_secrets: [registry]
      image_pull_policy: Always
      labels: {team: vision}
      annotations: {owner: ann}
      config_maps: [{name: c, key: k, env: V}, {name: d, path: /etc/d}]
      scratch: [{path: /dev/shm, size: 4Gi, memory: true}]
      retries: {count: 2, backoff_s: 30}
      deadline_s: 3600
  volumes:
    data: {claim: distill-data}
    serving: {claim: distill-serving}
  secrets:
    - {name: store, key: token, env: STORE_TOKEN}
    - {name: certificates, path: /certs}
"""


def _compiled(*overrides, target="kfp"):
    planned = plan.make(load_config("smoke", overrides), IMAGE, target)
    return compilation.compile_plan(planned)


@pytest.fixture(scope="module")
def full():
    values = yaml.safe_load(SETTINGS)
    return _compiled(*(f"{key}={json.dumps(value)}" for key, value in values.items()))


def _settled(text):
    """Without what differs by TFX's version, and by each change of an architecture."""
    text = re.sub(r"^sdkVersion: .*$", "sdkVersion: VERSION", text, flags=re.M)
    # A digest that begins with a digit is quoted.
    text = re.sub(r': "([0-9a-f]{64})"$', r": \1", text, flags=re.M)
    return re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)


def test_the_whole_file_is_as_before(full):
    # After a change that is meant: UPDATE_GOLDEN=1 python -m pytest THIS_FILE
    text = _settled(full.to_yaml())
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text)
        pytest.fail("The golden file was written. Read what changed, then test it.")
    assert text == GOLDEN.read_text()


def test_tasks_are_those_of_the_local_run(full):
    planned = plan.make(load_config("smoke"), IMAGE)
    local = {n.id for n in compilation.graph.create_pipeline(planned.config).components}
    assert set(_compiled().tasks) == local
    assert {"Control", "Assistant", "DistillationTuner"} <= set(full.tasks)


def test_a_key_that_the_message_types_do_not_have_is_refused(full):
    spec = {**full.spec, "pipelineName": "x"}
    with pytest.raises(CompileError, match='no field named "pipelineName"'):
        compilation.validate(Package(spec))


def test_examples_are_read_each_time_unless_one_asks_otherwise(full):
    def cached(compiled):
        return {
            name for name, task in compiled.tasks.items() if "cachingOptions" in task
        }

    # Nor is the verdict, for another model may serve on the volume by now.
    assert set(full.tasks) - cached(full) == {"TfdsExampleGen", "Evaluator"}
    again = _compiled("kubeflow.cache_data=true")
    assert cached(again) == set(again.tasks)
    assert cached(_compiled("pipeline.cache=false")) == set()


def test_what_serves_is_found_where_the_driver_of_a_local_run_would_say_it(full):
    container = full.executor("Evaluator")["container"]
    variables = {item["name"]: item["value"] for item in container["env"]}
    assert variables["DISTILL_SERVING_DIR"] == "/serving/smoke-digits"
    assert full.parameters["served_model"]["defaultValue"] == driver.LATEST
    assert run_parameters.LATEST == driver.LATEST
    assert _compiled().parameters["served_model"]["defaultValue"] == ""


def test_what_serves_in_an_object_store_is_found_there():
    compiled = _compiled("pusher.directory=s3://bucket/models")
    container = compiled.executor("Evaluator")["container"]
    variables = {item["name"]: item["value"] for item in container["env"]}
    assert variables["DISTILL_SERVING_DIR"] == "s3://bucket/models"
    assert compiled.parameters["served_model"]["defaultValue"] == driver.LATEST
    assert "cachingOptions" not in compiled.tasks["Evaluator"]


def test_no_path_of_this_machine_is_compiled_in(full):
    assert str(pathlib.Path.cwd()) not in full.to_yaml()
    # Not the whole home: it may be /tmp, which pods have as well.
    assert str(pathlib.Path.home() / "tensorflow_datasets") not in full.to_yaml()


def test_vertex_gets_a_job(tmp_path):
    compiled = _compiled("kubeflow.pipeline_root=gs://bucket/root", target="vertex")
    job = json.loads(compiled.to_job_json())
    assert job["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/root"
    assert job["runtimeConfig"]["parameterValues"]["student_epochs"] == 12
    json_format.ParseDict(job, pipeline_spec_pb2.PipelineJob())


def test_an_imported_teacher_is_passed_by_its_uri():
    uri = "s3://bucket/teacher.keras"
    compiled = _compiled(
        f"teacher.from={uri}",
        "teacher.imported.pixel_range=0-1",
        "kubeflow.pipeline_root=s3://bucket/root",
    )
    importer = compiled.executor("TeacherSource")["importer"]
    assert importer["artifactUri"]["constant"] == uri
    source = compiled.tasks["Teacher"]["inputs"]["artifacts"]["source"]
    assert source["taskOutputArtifact"]["producerTask"] == "TeacherSource"
    given = compiled.tasks["Teacher"]["inputs"]["parameters"]["imported"]
    settings = json.loads(given["runtimeValue"]["constant"])
    assert settings["pixel_range"] == "0-1"


def test_an_imported_teacher_of_this_machine_is_refused():
    with pytest.raises(ConfigError, match="teacher.from: t.keras exists only on this"):
        _compiled("teacher.from=t.keras")
