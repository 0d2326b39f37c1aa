"""The server's checks, made before the server sees the file."""

import copy

import pytest

from tfx_distill.pipeline.runners.kubeflow import pipeline_package
from tfx_distill.pipeline.runners.kubeflow.compiler import server_checks
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.pipeline.runners.kubeflow.task_order import task_order

IMAGE = "registry.example.org/image:1"
SPEC = {
    "schemaVersion": "2.1.0",
    "pipelineInfo": {"name": "digits"},
    "components": {
        "Make": {"executorLabel": "Make_executor"},
        "Use": {"executorLabel": "Use_executor"},
    },
    "deploymentSpec": {
        "executors": {
            f"{name}_executor": {"container": {"image": IMAGE, "command": ["python"]}}
            for name in ("Make", "Use")
        }
    },
    "root": {
        "inputDefinitions": {
            "parameters": {
                "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3}
            }
        },
        "dag": {
            "tasks": {
                "Make": {"componentRef": {"name": "Make"}},
                "Use": {"componentRef": {"name": "Use"}, "dependentTasks": ["Make"]},
            }
        },
    },
}
PLATFORM = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {}}}}}


def _changed(path, value):
    spec = copy.deepcopy(SPEC)
    *above, last = path
    place = spec
    for key in above:
        place = place[key]
    place[last] = value
    return Package(spec)


def test_a_sound_pipeline_passes_and_has_an_order():
    server_checks.check(Package(SPEC))
    assert task_order(SPEC["root"]["dag"]["tasks"]) == ["Make", "Use"]


CONTAINER = ("deploymentSpec", "executors", "Make_executor", "container")
TASKS = ("root", "dag", "tasks")
PARAMETERS = ("root", "inputDefinitions", "parameters")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("schemaVersion",), "2.0.0", "The schema version is 2.0.0"),
        (("pipelineInfo", "name"), "My_Digits", "set pipeline.name"),
        ((*PARAMETERS, "epochs"), {"parameterType": "NUMBER_INTEGER"}, "has no default"),
        ((*PARAMETERS, "epochs", "defaultValue"), "three", "takes a NUMBER_INTEGER"),
        ((*PARAMETERS, "epochs", "defaultValue"), True, "takes a NUMBER_INTEGER"),
        ((*PARAMETERS, "epochs", "parameterType"), "INT", "has the type INT"),
        ((*PARAMETERS, "a-b"), {}, "must be letters, digits and underscores"),
        ((*TASKS, "Trainer.teacher"), {"componentRef": {"name": "Use"}}, "with_id"),
        ((*TASKS, "my_node"), {"componentRef": {"name": "Use"}}, "with_id"),
        ((*TASKS, "2nd"), {"componentRef": {"name": "Use"}}, "with_id"),
        ((*TASKS, "Make", "dependentTasks"), ["Use"], "wait for each other"),
        ((*TASKS, "Make", "dependentTasks"), ["Gone"], "depends on Gone"),
        (CONTAINER[:-1], {"resolver": {}}, "Make is a Resolver"),
        (CONTAINER[:-1], {}, "has no container"),
        ((*CONTAINER, "image"), "image", "no tag of its own"),
        ((*CONTAINER, "command"), [], "has no command"),
        ((*CONTAINER, "resources"), {"cpuLimit": -1}, "expected a number above 0"),
        ((*CONTAINER, "resources"), {"accelerator": {"type": "T4", "count": "1"}},
         "such as nvidia.com/gpu"),
        ((*CONTAINER, "resources"), {"accelerator": {"type": "nvidia.com/gpu"}},
         "no × nvidia.com/gpu"),
    ],
)  # fmt: skip
def test_what_the_server_would_refuse_is_refused(path, value, message):
    with pytest.raises(CompileError) as refusal:
        server_checks.check(_changed(path, value))
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("executors", "message"),
    [
        ({"Gone_executor": {}}, "which is not an executor"),
        ({"Make_executor": {"pvcMounts": []}}, "an unknown pvcMounts"),
        ({"Make_executor": {"pvcMount": [{"constant": "C!", "mountPath": "/a"}]}},
         "not a valid claim or secret name"),
        ({"Make_executor": {"pvcMount": [{"constant": "c", "mountPath": "/gcs/a"}]}},
         "which the launcher"),
        ({"Make_executor": {"pvcMount": [{"constant": "a.b", "mountPath": "/a"}]}},
         "becomes the name of the pod's volume"),
        ({"Make_executor": {"pvcMount": [{"constant": "c", "mountPath": "/a"}],
                            "secretAsVolume": [{"secretName": "c", "mountPath": "/b"}]}},
         "mounts c twice"),
        ({"Make_executor": {"pvcMount": [{"constant": "c", "mountPath": "/a"}],
                            "secretAsVolume": [{"secretName": "d", "mountPath": "/a"}]}},
         "mounts /a twice"),
        ({"Make_executor": {"secretAsEnv": [{"keyToEnv": []}]}}, "names None"),
        ({}, "must be a platform"),
    ],
)  # fmt: skip
def test_what_kubernetes_would_refuse_is_refused(executors, message):
    platform = copy.deepcopy(PLATFORM)
    platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"] = executors
    with pytest.raises(CompileError, match=message):
        server_checks.check(Package(SPEC, platform))


def test_a_file_comes_back_as_it_was_written(tmp_path):
    spec = copy.deepcopy(SPEC)
    # Words and numbers that readers of YAML take for something else than text.
    texts = ["1e3", "no", "0o7", "~", "1.0", "a: b", "{}", "", "two\nlines"]
    spec["deploymentSpec"]["executors"]["Make_executor"]["container"]["args"] = texts
    path = tmp_path / "pipeline.yaml"
    Package(spec, PLATFORM).write(str(path))
    assert pipeline_package.read(path) == Package(spec, PLATFORM)
    assert '- "1e3"\n' in path.read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{pipelineSpec: {}}", "for Vertex AI; Kubeflow Pipelines does not"),
        ("a: 1", "received 0 and 0 in 1 documents"),
        ("- a", "is not a YAML mapping"),
        ("a: [", "is not valid YAML"),
    ],
)
def test_a_file_that_is_no_pipeline_is_refused(tmp_path, text, message):
    path = tmp_path / "pipeline.yaml"
    path.write_text(text)
    with pytest.raises(CompileError, match=message):
        pipeline_package.read(path)
    with pytest.raises(CompileError, match="cannot be read"):
        pipeline_package.read(tmp_path / "nowhere.yaml")


def test_equal_containers_of_unequal_components_are_refused():
    spec = {
        "components": {
            name: {"executorLabel": name, "inputDefinitions": {"parameters": inputs}}
            for name, inputs in (("A", {}), ("B", {"x": {"parameterType": "STRING"}}))
        },
        "deploymentSpec": {
            "executors": {name: {"container": {"image": "a/b:1"}} for name in "AB"}
        },
        "root": {"dag": {"tasks": {n: {"componentRef": {"name": n}} for n in "AB"}}},
    }
    with pytest.raises(CompileError, match="B and A have the same container"):
        server_checks._check_containers(Package(spec))
