"""What TFX compiles, finished: on specifications as small as can be."""

import copy
import json

import pytest

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.runners.kubeflow.compiler import (
    postprocessing,
    run_parameters,
)
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package

NOTHING = load_config("smoke").kubeflow


def _constant(value):
    return {"runtimeValue": {"constant": value}}


def _blessing():
    source = {"producerTask": "Evaluator", "outputArtifactKey": "blessing"}
    return {"taskOutputArtifact": source}


def _spec(task=None, **inputs):
    """One task `Use` that reads `blessing` of `Evaluator` under the name it likes."""
    values = {name: _constant(value) for name, value in inputs.items()}
    definitions = {name: {"parameterType": "STRING"} for name in inputs}
    return {
        "components": {
            "Use": {
                "executorLabel": "Use_executor",
                "inputDefinitions": {"parameters": definitions},
            }
        },
        "deploymentSpec": {
            "executors": {
                "Use_executor": {
                    "container": {
                        "args": ["--json_serialized_inputs_spec_args", "{}"],
                        "lifecycle": {"preCacheCheck": {"command": ["driver"]}},
                    }
                }
            }
        },
        "root": {
            "dag": {
                "tasks": {
                    "Use": {
                        "componentRef": {"name": "Use"},
                        "inputs": {
                            "parameters": values,
                            "artifacts": {"model_blessing": _blessing()},
                        },
                        **(task or {}),
                    }
                }
            }
        },
    }


def _finish(value, config=NOTHING, **defaults):
    postprocessing.adapt(Package(value), config, defaults)
    return value


def _container(value):
    return value["deploymentSpec"]["executors"]["Use_executor"]["container"]


def _task(value):
    return value["root"]["dag"]["tasks"]["Use"]


def test_drivers_that_nobody_runs_are_dropped():
    assert "lifecycle" not in _container(_finish(_spec()))


def test_lost_defaults_are_given_back():
    value = _spec()
    value["root"]["inputDefinitions"] = {
        "parameters": {"rate": {"parameterType": "NUMBER_DOUBLE"}}
    }
    with pytest.raises(CompileError, match="rate has no default"):
        _finish(copy.deepcopy(value))
    _finish(value, rate=0.5)
    (rate,) = value["root"]["inputDefinitions"]["parameters"].values()
    assert rate["defaultValue"] == 0.5


def _condition(text):
    return _spec({"triggerPolicy": {"condition": text}})


def test_a_condition_names_the_input_as_the_task_does():
    text = "(inputs.artifacts['_Evaluator.blessing'].artifacts[0].metadata['x'] == 1.0)"
    value = _finish(_condition(text))
    expected = "(inputs.artifacts['model_blessing'].artifacts[0].metadata['x'] == 1.0)"
    assert _task(value)["triggerPolicy"]["condition"] == expected


def test_a_condition_on_what_is_no_input_is_refused():
    with pytest.raises(
        CompileError, match="reads _Other.x, which is not one of its inputs"
    ):
        _finish(_condition("inputs.artifacts['_Other.x'].artifacts[0].uri == 'a'"))


def _nodes(text):
    return load_config("smoke", [f"kubeflow.nodes={text}"]).kubeflow


def test_resources_are_what_every_server_understands():
    config = _nodes("{default: {cpu: 500m, memory: 4Gi}, Use: {gpu: 2, env: {A: 1e3}}}")
    container = _container(_finish(_spec(), config))
    assert container["resources"] == {
        "cpuLimit": 0.5,
        "memoryLimit": 4.294967296,
        "accelerator": {"count": "2", "type": "nvidia.com/gpu"},
    }
    assert container["env"] == [{"name": "A", "value": "1e3"}]


def test_resources_of_a_node_that_is_not_there_are_refused():
    with pytest.raises(CompileError, match="names Teachr, which is not a node"):
        _finish(_spec(), _nodes("{Teachr: {cpu: 1}}"))


STUDENT = '{"epochs": 12}'


@pytest.mark.parametrize(
    ("key", "inputs", "expected"),
    [
        ("student.epochs", {"student": STUDENT}, "student__epochs"),
        ("student.epochs", {"student": STUDENT, "role": "control"}, "student__epochs"),
        ("student.epochs", {"student": STUDENT, "role": "assistant"}, None),
        (
            "assistant.epochs",
            {"student": STUDENT, "role": "assistant"},
            "student__epochs",
        ),
        ("assistant.epochs", {"student": STUDENT, "role": "student"}, None),
        ("teacher.epochs", {"custom_config": '{"teacher": "{}"}'}, "teacher__epochs"),
        ("teacher.epochs", {"custom_config": "null"}, None),
        ("distillation.temperature", {"student": STUDENT}, None),
    ],
)
def test_a_run_parameter_goes_to_whoever_reads_its_section(key, inputs, expected):
    value = _spec(**inputs)
    run_parameters.add(Package(value), {key: 3})
    name = key.replace(".", "_")
    added = {
        input_name: source["componentInputParameter"]
        for input_name, source in _task(value)["inputs"]["parameters"].items()
        if "componentInputParameter" in source
    }
    assert added == ({expected: name} if expected else {})


def test_the_container_is_told_of_its_new_inputs():
    value = _spec(student=STUDENT)
    run_parameters.add(Package(value), {"student.epochs": 12})
    (told,) = _container(_finish(value))["args"][1:]
    assert json.loads(told)["parameters"]["student__epochs"] == {
        "parameterType": "NUMBER_INTEGER"
    }
    (root,) = value["root"]["inputDefinitions"]["parameters"].items()
    assert root == (
        "student_epochs",
        {"parameterType": "NUMBER_INTEGER", "defaultValue": 12},
    )


def test_the_served_model_is_a_parameter_of_each_run():
    value = _spec(served_model="latest")
    run_parameters.add(Package(value), {"served_model": ""})
    given = _task(value)["inputs"]["parameters"]["served_model"]
    assert given == {"componentInputParameter": "served_model"}


def test_a_teachers_value_is_put_where_its_trainer_reads_it():
    custom = json.dumps({"teacher": '{"epochs": 8, "seed": 1}', "code": "x"})
    values = {"custom_config": custom, "teacher__epochs": 2.0}
    result = run_parameters.applied(values, {"teacher__epochs": "NUMBER_INTEGER"})
    assert json.loads(json.loads(result["custom_config"])["teacher"]) == {
        "epochs": 2,
        "seed": 1,
    }
