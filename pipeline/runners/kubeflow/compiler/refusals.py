"""What of TFX cannot run on Kubeflow Pipelines, found in the DAG before it compiles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tfx.components import FileBasedExampleGen, InfraValidator
from tfx.dsl.components.common import importer, resolver
from tfx.orchestration import data_types
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.types import standard_component_specs as keys

from tfx_distill.pipeline.config.kubeflow_config import SCHEMES
from tfx_distill.pipeline.runners.kubeflow.compiler.package import CompileError
from tfx_distill.pipeline.runners.kubeflow.container.mounts import SCRATCH_DIR

_PATTERN = re.compile(r"\{(SPAN|VERSION|YYYY|MM|DD)(:[^}]*)?\}")
_MODULE_KEYS = (keys.MODULE_FILE_KEY, "module_path")


def check(pipeline: tfx_pipeline.Pipeline, volumes: Mapping[str, str]) -> None:
    """Refuses the first thing that would not run, and names the alternative.

    Args:
        pipeline: The DAG.
        volumes: By the path they are mounted at.

    Raises:
        CompileError: In one line.
    """
    for node in pipeline.components:
        if isinstance(node, resolver.Resolver):
            raise CompileError(
                f"{node.id} is a Resolver, which Kubeflow Pipelines cannot run. Give "
                "what it looks for by its URI, with an Importer."
            )
        if isinstance(node, InfraValidator):
            raise CompileError(
                f"{node.id} is an InfraValidator, which TFX does not compile for Kubeflow. "
                "Load the model in a component of your own instead."
            )
        if isinstance(node, importer.Importer):
            _check_importer(node)
            continue
        for key in _MODULE_KEYS:
            if node.exec_properties.get(key):
                raise CompileError(
                    f"{node.id} has a {key}, which TFX would build into a package on this "
                    "machine. Put the code into the image and name it by its dotted path: "
                    "run_fn='package.module.run_fn'."
                )
        if isinstance(node, FileBasedExampleGen):
            _check_patterns(node)
        _check_paths(node, volumes)


def runtime_defaults(pipeline: tfx_pipeline.Pipeline) -> dict[str, Any]:
    """Defaults of all RuntimeParameters: TFX's compiler loses them."""
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
            f"{node.id} imports {uri}, which no pod has. Copy it to an object store and "
            f"give its URI ({', '.join(SCHEMES)})."
        )


def _check_patterns(node: Any) -> None:
    found = _PATTERN.search(str(node.exec_properties.get(keys.INPUT_CONFIG_KEY, "")))
    if found:
        raise CompileError(
            f"{node.id} reads {found[0]}, which a driver resolves, and Kubeflow Pipelines "
            "runs no drivers. Name the files themselves."
        )


def _check_paths(node: Any, volumes: Mapping[str, str]) -> None:
    for key, value in node.exec_properties.items():
        for path in _texts(value, lambda text: text.startswith("/")):
            on_volume = any(
                f"{path}/".startswith(f"{volume}/")
                for volume in (*volumes, SCRATCH_DIR)
            )
            if not on_volume:
                raise CompileError(
                    f"{node.id}: {key} names {path}, a folder of this machine, which no "
                    "pod has. Put it on a volume (kubeflow.volumes) or in an object store."
                )


def _texts(value: Any, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yields the texts in a value, also those in texts that are JSON."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item, wanted)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, wanted)
    elif isinstance(value, str):
        if value[:1] in ("{", "["):
            try:
                yield from _texts(json.loads(value), wanted)
                return
            except ValueError:
                pass
        if wanted(value):
            yield value
