"""Adds a task that tells a webhook how a run ended, however it ended.

As KFP's SDK compiles `dsl.ExitHandler`: the nodes move into a group, and the exit task
depends on it. The server makes the task a hook of the group, which Argo runs when the
group has succeeded or failed.
"""

from __future__ import annotations

from tfx_distill.pipeline.config.webhook_config import WebhookConfig
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import (
    EXIT_HANDLER,
    NOTIFY,
    Package,
)

_EXECUTOR = "Notify_executor"
_RUN = "run"
# The server's driver replaces it, where it is the whole value, by the run's ID.
_RUN_ID = "{{$.pipeline_job_uuid}}"


def add(package: Package, image: str, webhook: WebhookConfig) -> None:
    """Adds the exit task.

    Args:
        package: Its PipelineSpec is changed in place.
        image: Of the task's container.
        webhook: Whom to tell.
    """
    spec, root = package.spec, package.spec["root"]
    kinds = {
        name: {"parameterType": parameter["parameterType"]}
        for name, parameter in package.parameters.items()
    }
    sources = {name: {"componentInputParameter": name} for name in kinds}
    spec["components"][EXIT_HANDLER] = {
        "dag": root["dag"],
        "inputDefinitions": {"parameters": kinds},
    }
    spec["components"][NOTIFY] = {
        "executorLabel": _EXECUTOR,
        "inputDefinitions": {"parameters": {_RUN: {"parameterType": "STRING"}}},
    }
    run = {"runtimeValue": {"constant": _RUN_ID}}
    root["dag"] = {
        "tasks": {
            EXIT_HANDLER: {
                "componentRef": {"name": EXIT_HANDLER},
                "taskInfo": {"name": EXIT_HANDLER},
                "inputs": {"parameters": sources},
            },
            NOTIFY: {
                "componentRef": {"name": NOTIFY},
                "taskInfo": {"name": NOTIFY},
                "dependentTasks": [EXIT_HANDLER],
                "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
                "inputs": {"parameters": {_RUN: run}},
            },
        }
    }
    package.executors[_EXECUTOR] = {"container": _container(image, webhook)}


def _container(image: str, webhook: WebhookConfig) -> dict[str, object]:
    options = {"--url": webhook.url, "--token": webhook.token, "--page": webhook.page}
    words = [word for name, value in options.items() if value for word in (name, value)]
    run = f"{{{{$.inputs.parameters['{_RUN}']}}}}"
    return {
        "image": image,
        "command": ["python", "-m", "tfx_distill.pipeline.cli"],
        "args": ["kubeflow", "notify", run, *words],
    }
