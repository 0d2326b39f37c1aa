"""Checks of a TFX pipeline for what Kubeflow Pipelines cannot run, before compiling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tfx.components import FileBasedExampleGen, InfraValidator
from tfx.dsl.components.common import importer, resolver
from tfx.orchestration import data_types
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.types import standard_component_specs as keys

from tfx_distill.pipeline.config.kubeflow_config import SCHEMES
from tfx_distill.pipeline.runners.kubeflow.container import mounts
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError

_PATTERN = re.compile(r"\{(SPAN|VERSION|YYYY|MM|DD)(:[^}]*)?\}")
_MODULE_KEYS = (keys.MODULE_FILE_KEY, "module_path")


def check(pipeline: tfx_pipeline.Pipeline, volumes: Mapping[str, str]) -> None:
    """Rejects the first thing that would not run, and names the alternative.

    Args:
        pipeline: The DAG.
        volumes: By mount path.

    Raises:
        CompileError: In one line.
    """
    for node in pipeline.components:
        if isinstance(node, resolver.Resolver):
            raise CompileError(
                f"{node.id} is a Resolver, which Kubeflow Pipelines cannot run. Pass "
                "the artifact by its URI, with an Importer."
            )
        if isinstance(node, InfraValidator):
            raise CompileError(
                f"{node.id} is an InfraValidator, which TFX does not compile for Kubeflow. "
                "Load the model in a component of your own instead."
            )
        if isinstance(node, importer.Importer):
            _check_importer(node)
            continue
        _check_module(node)
        if isinstance(node, FileBasedExampleGen):
            _check_patterns(node)
        _check_paths(node, volumes)


def runtime_defaults(pipeline: tfx_pipeline.Pipeline) -> dict[str, Any]:
    """Defaults of all RuntimeParameters, which TFX's compiler omits."""
    return {
        value.name: value.default
        for node in pipeline.components
        for value in node.exec_properties.values()
        if isinstance(value, data_types.RuntimeParameter)
    }


def _check_importer(node: Any) -> None:
    uri = node.exec_properties[importer.SOURCE_URI_KEY]
    if isinstance(uri, str) and not uri.startswith(SCHEMES):
        raise CompileError(
            f"{node.id} imports {uri}, which pods do not have. Copy it to an object store "
            f"and give its URI ({', '.join(SCHEMES)})."
        )


def _check_module(node: Any) -> None:
    for key in _MODULE_KEYS:
        if node.exec_properties.get(key):
            raise CompileError(
                f"{node.id} has a {key}, which TFX would build into a package on this "
                "machine. Install the code in the image and give its dotted path: "
                "run_fn='package.module.run_fn'."
            )


def _check_patterns(node: Any) -> None:
    found = _PATTERN.search(str(node.exec_properties.get(keys.INPUT_CONFIG_KEY, "")))
    if found:
        raise CompileError(
            f"{node.id} reads {found[0]}, which a driver would resolve, but Kubeflow "
            "Pipelines runs no drivers. Name the files explicitly."
        )


def _check_paths(node: Any, volumes: Mapping[str, str]) -> None:
    existing = (*volumes, mounts.SCRATCH_DIR)
    for key, value in node.exec_properties.items():
        for text in mounts.strings(value):
            if text.startswith("/") and not any(
                mounts.is_within(text, folder) for folder in existing
            ):
                raise CompileError(
                    f"{node.id}: {key} names {text}, a folder of this machine, which pods "
                    "do not have. Put it on a volume (kubeflow.volumes) or in an object "
                    "store."
                )
