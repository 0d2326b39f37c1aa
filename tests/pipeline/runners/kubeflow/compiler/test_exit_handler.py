"""The exit task is compiled as KFP's SDK compiles one."""

import copy
import os
import pathlib

import pytest
import yaml
from kfp import compiler, dsl

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.config.webhook_config import WebhookConfig
from tfx_distill.pipeline.runners.kubeflow import pipeline_package
from tfx_distill.pipeline.runners.kubeflow.compiler import (
    compilation,
    exit_handler,
    postprocessing,
)
from tfx_distill.trainer.errors import ConfigError

GOLDEN = pathlib.Path(__file__).resolve().parents[4] / "golden" / "kubeflow.yaml"
EXIT_TASK = GOLDEN.with_name("kubeflow_exit_task.yaml")
WEBHOOK = WebhookConfig(url="env:HOOK", token="file:/secrets/token")


@pytest.fixture
def package():
    package = pipeline_package.read(GOLDEN)
    exit_handler.add(package, "registry.example.org/tfx-distill:1.0", WEBHOOK)
    compilation.validate(package)
    return package


@dsl.container_component
def use(epochs: int):
    return dsl.ContainerSpec(image="i:1", command=["c"], args=[epochs])


@dsl.container_component
def tell(run: str):
    return dsl.ContainerSpec(image="i:1", command=["c"], args=[run])


@pytest.fixture
def sdk(tmp_path):
    """What the SDK compiles of a pipeline with an exit handler."""

    @dsl.pipeline(name="p")
    def pipeline(epochs: int = 3):
        with dsl.ExitHandler(tell(run=dsl.PIPELINE_JOB_ID_PLACEHOLDER)):
            use(epochs=epochs)

    compiler.Compiler().compile(pipeline, str(tmp_path / "p.yaml"))
    return pipeline_package.read(tmp_path / "p.yaml")


def test_what_the_webhook_adds_is_as_before(package):
    # After a change that is meant: UPDATE_GOLDEN=1 python -m pytest THIS_FILE
    added = copy.deepcopy(package.spec)
    before = pipeline_package.read(GOLDEN)
    group = added["components"]["exit-handler-1"]
    assert group.pop("dag") == before.spec["root"]["dag"]
    for part in (added["components"], added["deploymentSpec"]["executors"]):
        for name in {**before.spec["components"], **before.executors}:
            part.pop(name, None)
    names = "components", "deploymentSpec", "root"
    text = yaml.safe_dump({name: added[name] for name in names})
    if os.environ.get("UPDATE_GOLDEN"):
        EXIT_TASK.write_text(text)
        pytest.fail("The golden file was written. Read what changed, then test it.")
    assert text == EXIT_TASK.read_text()


def test_it_waits_for_all_nodes_and_runs_however_they_end(package, sdk):
    theirs, ours = sdk.exit_tasks["tell"], package.exit_tasks["Notify"]
    for key in ("dependentTasks", "triggerPolicy", "inputs"):
        assert ours[key] == theirs[key], key


def test_the_nodes_are_in_a_group_that_gets_the_runs_parameters(package, sdk):
    before = pipeline_package.read(GOLDEN)
    assert package.tasks == before.tasks
    assert package.parameters == before.parameters
    for compiled in (package, sdk):
        root = compiled.spec["root"]["dag"]["tasks"]
        group = compiled.spec["components"][
            root["exit-handler-1"]["componentRef"]["name"]
        ]
        given = root["exit-handler-1"]["inputs"]["parameters"]
        assert group["inputDefinitions"]["parameters"].keys() == given.keys()
        kinds = {"".join(value) for value in given.values()}
        assert kinds == {"componentInputParameter"}
    assert list(sdk.tasks) == ["use"]


def test_the_task_tells_the_webhook_and_holds_no_secret(package):
    container = dict(package.containers())["Notify"]
    assert container["args"] == [
        "kubeflow", "notify", "{{$.inputs.parameters['run']}}",
        "--url", "env:HOOK", "--token", "file:/secrets/token",
    ]  # fmt: skip
    assert list(package.container_templates())[-1] == "Notify"


def test_its_pod_is_configured_as_those_of_nodes(package):
    settings = "kubeflow.nodes={Notify: {cpu: 1, retries: {count: 2}}}"
    spec = copy.deepcopy(package.spec)
    changed = pipeline_package.Package(spec)
    postprocessing.adapt(changed, load_config("smoke", [settings]).kubeflow, {})
    assert changed.exit_tasks["Notify"]["retryPolicy"]["maxRetryCount"] == 2
    assert dict(changed.containers())["Notify"]["resources"] == {"cpuLimit": 1.0}


def test_a_file_with_an_exit_task_is_read_as_it_was_written(package, tmp_path):
    package.write(str(tmp_path / "p.yaml"))
    read = pipeline_package.read(tmp_path / "p.yaml")
    assert read.spec == package.spec
    assert yaml.safe_load(read.to_yaml().split("\n---\n")[0]) == package.spec


def test_a_url_with_a_password_is_refused():
    with pytest.raises(
        ConfigError, match="webhook.url must be an http or https URL wi"
    ):
        WebhookConfig(url="https://me:s3cret@example.org")
