"""Kubernetes' API, where this machine may use it. Imports `kubernetes` when called."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.client import server_access

TIMEOUT_S = 5


def core_api(namespace: str | None = None) -> tuple[Any, str]:
    """The API, and the namespace: the given one, else that of kubectl's context."""
    from kubernetes import client, config

    if os.environ.get(server_access.IN_CLUSTER_ENV):
        config.load_incluster_config()
    else:
        config.load_kube_config()
    if namespace is None:
        _, context = config.list_kube_config_contexts()
        namespace = context["context"].get("namespace", "default")
    return client.CoreV1Api(), namespace


def secret(name: str) -> Mapping[str, str]:
    """The values of a secret, in base 64."""
    if not server_access.has_cluster(os.environ):  # the import takes a second
        raise FileNotFoundError("kubectl is not configured")
    api, namespace = core_api()
    found = api.read_namespaced_secret(name, namespace, _request_timeout=TIMEOUT_S)
    return dict(found.data or {})
