"""Why pods of a run do not start: Kubernetes knows, where its API may be asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.client import kubernetes_access

logger = logging.getLogger(__name__)

_RUN_LABEL = "pipeline/runid"


def of_run(run_id: str, namespace: str | None) -> str:
    """What Kubernetes says of the pods of a run that wait; else what to type.

    Args:
        run_id: The run's ID.
        namespace: Of its pods; None: the one of kubectl's context.
    """
    where = f" -n {namespace}" if namespace else ""
    command = f"kubectl describe pods{where} -l {_RUN_LABEL}={run_id}"
    try:
        reasons = list(_reasons(run_id, namespace))
    except Exception as error:  # no configuration, no rights, no network: of no matter
        logger.debug("Kubernetes was not asked: %s", error)
        reasons = []
    return "; ".join(dict.fromkeys(reasons)) or command


def _reasons(run_id: str, namespace: str | None) -> Iterator[str]:
    """Reasons of containers that wait, then warnings of pods that have none."""
    api, namespace = kubernetes_access.core_api(namespace)
    options = {
        "label_selector": f"{_RUN_LABEL}={run_id}",
        "_request_timeout": kubernetes_access.TIMEOUT_S,
    }
    for pod in api.list_namespaced_pod(namespace, **options).items:
        waiting = list(_waiting(pod))
        yield from waiting
        if not waiting and pod.status.phase == "Pending":
            events = api.list_namespaced_event(
                namespace,
                field_selector=f"involvedObject.name={pod.metadata.name},type=Warning",
                _request_timeout=kubernetes_access.TIMEOUT_S,
            )
            yield from (f"{event.reason}: {event.message}" for event in events.items)


def _waiting(pod: Any) -> Iterator[str]:
    statuses = [
        *(pod.status.init_container_statuses or ()),
        *(pod.status.container_statuses or ()),
    ]
    for status in statuses:
        waiting = status.state.waiting if status.state else None
        if waiting is not None and waiting.message:
            yield f"{waiting.reason}: {waiting.message}"
