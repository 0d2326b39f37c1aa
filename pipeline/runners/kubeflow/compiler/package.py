"""The compiled file: a PipelineSpec and, after it, what Kubernetes must know besides."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
from typing import Any

import yaml

from tfx_distill.trainer.errors import ConfigError, DistillError

# Unquoted, some reader of YAML 1.1 or 1.2 takes them for something else than text.
_AMBIGUOUS = re.compile(
    r"[-+.\d].*|0o.*|(?:true|false|yes|no|on|off|null|nan|inf|y|n|~)?", re.I
)


class CompileError(ConfigError):
    """What Kubeflow Pipelines would refuse, or run wrongly, found before it sees it."""


class RehearsalError(DistillError):
    """What would fail on a cluster while the pipeline runs."""


@dataclasses.dataclass(frozen=True)
class Package:
    """A pipeline as it is uploaded."""

    spec: dict[str, Any]  # PipelineSpec
    platform: dict[str, Any] | None = None  # PlatformSpec, with platforms.kubernetes

    @property
    def name(self) -> str:
        return str(self.spec.get("pipelineInfo", {}).get("name", ""))

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        return dict(self.spec.get("root", {}).get("dag", {}).get("tasks", {}))

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """What a run may set: parameterType and defaultValue by name."""
        inputs = self.spec.get("root", {}).get("inputDefinitions", {})
        return dict(inputs.get("parameters", {}))

    def component(self, task: str) -> dict[str, Any]:
        name = self.tasks[task]["componentRef"]["name"]
        return dict(self.spec["components"][name])

    def executor(self, task: str) -> dict[str, Any]:
        label = self.component(task).get("executorLabel", "")
        executors = self.spec.get("deploymentSpec", {}).get("executors", {})
        return dict(executors.get(label, {}))

    @property
    def images(self) -> set[str]:
        executors = [self.executor(task) for task in self.tasks]
        return {e["container"]["image"] for e in executors if "container" in e}

    def kubernetes(self, task: str) -> dict[str, Any]:
        """The task's volumes and secrets."""
        if self.platform is None:
            return {}
        kubernetes = self.platform.get("platforms", {}).get("kubernetes", {})
        executors = kubernetes.get("deploymentSpec", {}).get("executors", {})
        return dict(executors.get(self.component(task).get("executorLabel", ""), {}))

    def to_yaml(self) -> str:
        documents = [self.spec] + ([self.platform] if self.platform else [])
        return _HEAD.format(name=self.name) + yaml.dump_all(
            documents, Dumper=_Dumper, sort_keys=True, width=88
        )

    def to_job_json(self) -> str:
        """The PipelineJob that Vertex AI takes."""
        values = {name: p["defaultValue"] for name, p in self.parameters.items()}
        job = {
            "displayName": self.name,
            "pipelineSpec": self.spec,
            "runtimeConfig": {
                "gcsOutputDirectory": self.spec["defaultPipelineRoot"],
                "parameterValues": values,
            },
        }
        return json.dumps(job, sort_keys=True, indent=1) + "\n"

    def write(self, path: str, *, as_job: bool = False) -> None:
        """Writes the file that is uploaded.

        Raises:
            CompileError: If there is no writing there.
        """
        text = self.to_job_json() if as_job else self.to_yaml()
        try:
            pathlib.Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CompileError(
                f"{path} cannot be written ({error.strerror})."
            ) from None

    def summary(self, path: str) -> str:
        """What was written, and what each run may set."""
        lines = [f"{path}: {self.name}, {len(self.tasks)} tasks"]
        for name, parameter in sorted(self.parameters.items()):
            lines.append(f"  {name} = {parameter['defaultValue']}")
        return "\n".join(lines)


_HEAD = """\
# Pipeline {name} for Kubeflow Pipelines 2.5 or newer.
# Written by `distill kubeflow compile`; change the configuration, not this file.
"""


def read(path: str | os.PathLike[str]) -> Package:
    """Reads a compiled file.

    Raises:
        CompileError: If it is none that Kubeflow Pipelines takes.
    """
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
        documents = [doc for doc in yaml.load_all(text, _LOADER) if doc is not None]
    except OSError as error:
        raise CompileError(f"{path} cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        detail = " ".join(str(error).split())
        raise CompileError(f"{path} is not YAML: {detail}") from None
    advice = "Write one with `distill kubeflow compile -o pipeline.yaml`."
    if not all(isinstance(document, dict) for document in documents):
        raise CompileError(f"{path} holds no mapping. {advice}")
    if any("pipelineSpec" in document for document in documents):
        raise CompileError(
            f"{path} is a PipelineJob, which Vertex AI takes and Kubeflow Pipelines "
            f"does not. {advice}"
        )
    specs = [document for document in documents if "pipelineInfo" in document]
    platforms = [document for document in documents if "platforms" in document]
    if len(specs) != 1 or len(platforms) > 1 or len(documents) > 2:
        raise CompileError(
            f"{path} must hold one pipeline specification and at most one platform "
            f"specification, received {len(specs)} and {len(platforms)} in "
            f"{len(documents)} documents. {advice}"
        )
    return Package(specs[0], platforms[0] if platforms else None)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Dumper(yaml.SafeDumper):
    """Quotes what readers of YAML understand differently; no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if _AMBIGUOUS.fullmatch(value) or "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _represent_text)
