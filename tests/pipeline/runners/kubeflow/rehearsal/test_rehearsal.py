"""The rehearsal as Kubeflow's driver and launcher work, on containers of a few lines."""

import json
import pathlib

import pytest

from tfx_distill.pipeline.runners.kubeflow import pipeline_package, run_request
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import RehearsalError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.pipeline.runners.kubeflow.rehearsal import rehearsal, runtimes
from tfx_distill.trainer.errors import ConfigError, DistillError

IMAGE = "registry.example.org/image:1"
OLD_FILE = pathlib.Path(__file__).parents[4] / "golden/kubeflow_before_tfx_distill.yaml"
MODEL = {"artifactType": {"instanceSchema": "title: tfx.Model\n"}}
# What every container begins with: its input, and where its output lies.
HEAD = """
import json, os, sys
given = json.loads(sys.argv[1])
def uri(part, key): return given[part]["artifacts"][key]["artifacts"][0]["uri"]
def path(part, key):
    root = os.environ.get("DISTILL_MOUNT_ROOT", "")
    return root + "/minio" + uri(part, key)[len("minio:/"):]
def leave(metadata, **artifact):
    os.makedirs(os.path.dirname(given["outputs"]["outputFile"]), exist_ok=True)
    artifact = {"uri": uri("outputs", "model"), "metadata": metadata, **artifact}
    output = {"artifacts": {"model": {"artifacts": [artifact]}}}
    json.dump(output, open(given["outputs"]["outputFile"], "w"))
"""
MAKE = """
os.makedirs(path("outputs", "model") + "/empty")
open(path("outputs", "model") + "/weights", "w").write("1 2 3")
leave({"blessed": 1, "names": ["a"]})
"""
USE = """
source = path("inputs", "model")
print("found", sorted(os.listdir(source)), open(source + "/weights").read())
print(json.dumps(given["inputs"]))
os.makedirs(path("outputs", "model"))
"""
SOURCE = {"taskOutputArtifact": {"producerTask": "Make", "outputArtifactKey": "model"}}


def _tasks(cache, condition):
    tasks = {
        name: {
            "componentRef": {"name": name},
            "inputs": {"parameters": {"epochs": {"componentInputParameter": "epochs"}}},
            **({"cachingOptions": {"enableCache": True}} if cache else {}),
        }
        for name in ("Make", "Use")
    }
    tasks["Use"]["inputs"]["artifacts"] = {"model": SOURCE}
    if condition:
        tasks["Use"]["triggerPolicy"] = {"condition": condition}
    return tasks


def _package(make=MAKE, use=USE, cache=True, condition=None):
    codes = {"Make": make, "Use": use}
    container = {"image": IMAGE, "command": ["python"]}
    return Package(
        {
            "schemaVersion": "2.1.0",
            "pipelineInfo": {"name": "digits"},
            "components": {
                name: {
                    "executorLabel": name,
                    "outputDefinitions": {"artifacts": {"model": MODEL}},
                }
                for name in codes
            },
            "deploymentSpec": {
                "executors": {
                    name: {
                        "container": {**container, "args": ["-c", HEAD + code, "{{$}}"]}
                    }
                    for name, code in codes.items()
                }
            },
            "root": {
                "inputDefinitions": {
                    "parameters": {
                        "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3}
                    }
                },
                "dag": {"tasks": _tasks(cache, condition)},
            },
        }
    )


class Silent:
    def task_started(self, task, index, total):
        pass

    def task_finished(self, task, result):
        pass

    def task_failed(self, task):
        pass


def _rehearse(tmp_path, package, **options):
    values = options.pop("values", {})
    return rehearsal.rehearse(package, tmp_path, values, Silent(), **options)


def _states(result):
    return {task: value.state for task, value in result.tasks.items()}


def _inputs(result):
    log = pathlib.Path(result.run_dir, "Use", "log.txt").read_text()
    return log.splitlines()[0], json.loads(log.splitlines()[1])


def test_artifacts_go_through_a_bucket_that_holds_files_alone(tmp_path):
    result = _rehearse(tmp_path, _package())
    found, inputs = _inputs(result)
    assert found == "found ['weights'] 1 2 3"
    (model,) = inputs["artifacts"]["model"]["artifacts"]
    assert model["type"] == {"instanceSchema": ""}
    assert model["name"] == "1"
    # Numbers come back as doubles, lists in a wrapping.
    assert model["metadata"]["blessed"] == 1.0
    assert model["metadata"]["names"] == {"list": ["a"]}
    assert inputs["parameterValues"] == {"epochs": 3}
    logs = list((tmp_path / "bucket").rglob("executor-logs"))
    assert len(logs) == 2


def test_an_output_that_was_not_written_is_said(tmp_path):
    result = _rehearse(tmp_path, _package(use="leave({})"))
    assert result.tasks["Use"].notes == ["model was not written"]


def test_equal_tasks_come_from_the_cache(tmp_path):
    assert _states(_rehearse(tmp_path, _package())) == {"Make": "ran", "Use": "ran"}
    again = _rehearse(tmp_path, _package())
    assert _states(again) == {"Make": "cached", "Use": "cached"}
    other = _rehearse(tmp_path, _package(), values={"epochs": 4})
    assert _states(other) == {"Make": "ran", "Use": "ran"}
    changed = _rehearse(tmp_path, _package(use=USE + "print(1)"))
    assert _states(changed) == {"Make": "cached", "Use": "ran"}


def test_a_task_that_is_not_cached_has_its_readers_run_again(tmp_path):
    _rehearse(tmp_path, _package())
    package = _package()
    del package.spec["root"]["dag"]["tasks"]["Make"]["cachingOptions"]
    assert _states(_rehearse(tmp_path, package)) == {"Make": "ran", "Use": "ran"}


def test_what_only_kubeflow_decides_is_refused(tmp_path):
    with pytest.raises(RehearsalError, match="Use has a condition"):
        _rehearse(tmp_path, _package(condition="true"))
    other = _package(use="# {{$.outputs.artifacts['model'].path}}")
    with pytest.raises(RehearsalError, match="Use has placeholders other than"):
        _rehearse(tmp_path, other)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ("sys.exit(7)", "Make ended with status 7: no output"),
        ("print('no python\\nError: exit status 1'); sys.exit(1)", "1: no python Its"),
        (
            "print('12:00:00 ERROR distill: no digits'); sys.exit(1)",
            "1: no digits Its log",
        ),
        ("leave({'a': None})", "Make wrote a: null"),
        ("leave({'a': '/data/x'})", "recorded a path of its own container"),
        ("leave({'a': json.dumps({'b': ['/data/x']})})", "model: /data/x"),
        ("leave({'a': 'see ' + path('outputs', 'model')})", "a path of its own"),
        ("leave({}, uri=path('outputs', 'model'))", "which is not in an object store"),
        ("leave({'loss': float('nan')})", "property loss of the output model is nan"),
        (
            MAKE + "os.symlink('/tmp', path('outputs', 'model') + '/link')",
            "The output model has a link, link to /tmp",
        ),
        ("leave({}, owner='me')", "an output that the launcher cannot parse"),
    ],
)
def test_what_would_fail_there_fails_here(tmp_path, make, message):
    with pytest.raises(DistillError, match=message):
        _rehearse(tmp_path, _package(make=make))


def test_parameters_are_read_as_a_submit_reads_them():
    package = _package()
    parameters = package.spec["root"]["inputDefinitions"]["parameters"]
    parameters["rate"] = {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.1}
    texts = {"epochs": "5", "rate": "1e-3"}
    assert run_request.arguments(package, texts) == {"epochs": 5, "rate": 0.001}
    with pytest.raises(ConfigError, match="rate: received 'nan', expected NUMBER_DOU"):
        run_request.arguments(package, {"rate": "nan"})


def test_a_process_has_nothing_of_this_machines_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_MANUAL_DIR", "/here")
    code = "print(os.environ.get('DISTILL_MANUAL_DIR'), os.getcwd())" + USE
    result = _rehearse(tmp_path, _package(use=code))
    log = pathlib.Path(result.run_dir, "Use", "log.txt").read_text()
    assert log.startswith(f"None {result.run_dir}/Use/root/tmp\n")


def test_volumes_are_folders_that_stay(tmp_path):
    package = _package(make=MAKE + "open(os.environ['AT'] + '/x', 'a').write('x')")
    container = package.spec["deploymentSpec"]["executors"]["Make"]["container"]
    container["args"][1] = container["args"][1].replace(
        "os.environ['AT']", "os.environ['DISTILL_MOUNT_ROOT'] + '/data'"
    )
    mount = {"pvcMount": [{"constant": "claim", "mountPath": "/data"}]}
    executors = {"executors": {"Make": mount}}
    platform = {"platforms": {"kubernetes": {"deploymentSpec": executors}}}
    for _ in range(2):
        _rehearse(tmp_path, Package({**package.spec}, platform), values={"epochs": _})
    assert (tmp_path / "volumes" / "claim" / "x").read_text() == "xx"


def test_an_image_that_no_tool_has_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(runtimes.shutil, "which", lambda tool: None)
    with pytest.raises(RehearsalError, match="found no docker or podman or buildah"):
        _rehearse(tmp_path, _package(), in_image=True)


def test_a_file_of_an_earlier_version_must_be_compiled_again(tmp_path):
    package = pipeline_package.read(OLD_FILE)
    with pytest.raises(RehearsalError) as refusal:
        _rehearse(tmp_path, package)
    message = str(refusal.value)
    assert f"{OLD_FILE} was compiled by an earlier version" in message
    assert "Compile it again" in message and "\n" not in message


def test_a_file_of_an_earlier_version_runs_in_its_image(tmp_path, monkeypatch):
    # What the image does is its own business: here it fails, so it was started.
    tool = _tool(tmp_path, monkeypatch, TOOL + "exit 7\n")
    with pytest.raises(RehearsalError, match="TfdsExampleGen ended with status 7"):
        _rehearse(tmp_path, pipeline_package.read(OLD_FILE), in_image=True)
    words = (tool.parent / "arguments").read_text().split("\n")
    assert "pipeline.runners.kubeflow.entrypoint" in words


TOOL = """#!/bin/sh
# Stands for docker: it has every image, and runs words after it with binds as they are.
[ "$1" = image ] && exit 0
printf '%s\\n' "$@" > "$(dirname "$0")/arguments"
"""


def _tool(tmp_path, monkeypatch, script=TOOL):
    tool = tmp_path / "bin" / "docker"
    tool.parent.mkdir()
    tool.write_text(script)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    return tool


def test_a_container_tool_gets_image_volumes_and_command(tmp_path, monkeypatch):
    tool = _tool(tmp_path, monkeypatch)
    _rehearse(tmp_path / "work", _package(), in_image=True)
    words = (tool.parent / "arguments").read_text().split("\n")
    assert words[:4] == ["run", "--rm", "--read-only", "--pull=never"]
    assert any(word.endswith("/root/minio:/minio") for word in words)
    entry = words.index("--entrypoint=python")
    assert words[entry + 1 : entry + 3] == [IMAGE, "-c"]
