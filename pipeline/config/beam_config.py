"""Where Apache Beam runs the data steps: in this process, or on an engine elsewhere."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator
from typing_extensions import Self

from tfx_distill.trainer.config.section import Items, Rule, Section, Table, require

# The nodes that Beam runs.
NODES = (
    "ImageExampleGen",
    "TfdsExampleGen",
    "StatisticsGen",
    "TeacherLogits",
    "AssistantLogits",
    "Evaluator",
)
DIRECT, DATAFLOW = "direct", "dataflow"
_PLACES = ("job_endpoint", "master", "worker_pool", "image")
# Beam's names of the engines, and which places each of them uses.
_RUNNERS: dict[str, tuple[str, frozenset[str]]] = {
    DIRECT: ("DirectRunner", frozenset()),
    "portable": ("PortableRunner", frozenset(_PLACES) - {"master"}),
    "flink": ("FlinkRunner", frozenset(_PLACES)),
    "spark": ("SparkRunner", frozenset(_PLACES)),
    DATAFLOW: ("DataflowRunner", frozenset({"image"})),
}
_MASTERS = {"flink": "flink_master", "spark": "spark_master_url"}  # Beam's options
# Beam's deadline of a request is that of the job as well, as it waits for its end in one.
# Whether anybody answers is asked before.
_JOB_S = 10 * 24 * 3600

_Address = Annotated[
    str,
    Rule("HOST:PORT", lambda text: re.fullmatch(r"[^\s/@:]+:\d{1,5}", text)),
]
_Option = Annotated[
    str, Rule("an option that begins with --", lambda arg: arg.startswith("--"))
]


class EngineConfig(Section):
    """An engine and its workers."""

    NAME: ClassVar[str | None] = "beam.nodes"

    runner: Literal["direct", "portable", "flink", "spark", "dataflow"] = Field(
        "direct", description="direct: here; portable: any with a Beam job service"
    )
    job_endpoint: _Address | None = Field(
        None, description="HOST:PORT of the job service; flink, spark start one in Java"
    )
    master: str | None = Field(
        None, description="Of flink, HOST:PORT of its REST server; of spark, its URL"
    )
    parallelism: PositiveInt | None = Field(
        None, description="Workers at once; null: direct 1, others the engine's default"
    )
    worker_pool: _Address | None = Field(
        None, description="HOST:PORT of a pool of workers that somebody started"
    )
    image: str | None = Field(
        None,
        description="Container image of the workers; if neither, they run in this process",
    )
    args: Items[_Option] = Field(
        (), description="More options of Beam, such as --temp_location=gs://bucket/tmp"
    )

    @model_validator(mode="after")
    def _check_engine(self) -> Self:
        _, used = _RUNNERS[self.runner]
        for key in _PLACES:
            fits = key in used or getattr(self, key) is None
            require(fits, key, getattr(self, key), f"null with runner {self.runner}")
        is_one = self.worker_pool is None or self.image is None
        require(is_one, "image", self.image, "null with worker_pool")
        if self.runner == DATAFLOW:
            expected = "an image that has this package, for workers of Dataflow"
            require(self.image is not None, "image", None, expected)
        elif self.runner != DIRECT:
            is_there = bool(self.job_endpoint or self.master)
            is_there = is_there or any(
                a.startswith("--job_endpoint=") for a in self.args
            )
            needed = "master" if "master" in used else "job_endpoint"
            require(is_there, needed, None, f"given with runner {self.runner}")
        return self

    def options(self) -> list[str]:
        """The options for Beam; those in `args` come last, and win."""
        options = self._of_direct() if self.runner == DIRECT else self._of_engine()
        given = [
            f"--{key}={value}" for key, value in options.items() if value is not None
        ]
        return [*given, *self.args]

    def _of_direct(self) -> dict[str, Any]:
        if self.parallelism in (None, 1):
            return {}
        mode = "multi_processing"
        return {"direct_running_mode": mode, "direct_num_workers": self.parallelism}

    def _of_engine(self) -> dict[str, Any]:
        options: dict[str, Any] = {"runner": _RUNNERS[self.runner][0]}
        if self.runner in _MASTERS:
            options[_MASTERS[self.runner]] = self.master
        if self.runner == DATAFLOW:
            workers = {
                "num_workers": self.parallelism,
                "sdk_container_image": self.image,
            }
            return {**options, **workers}
        kind = (
            "EXTERNAL" if self.worker_pool else "DOCKER" if self.image else "LOOPBACK"
        )
        return {
            **options,
            "job_endpoint": self.job_endpoint,
            "job_server_timeout": _JOB_S,
            "environment_type": kind,
            "environment_config": self.worker_pool or self.image,
            "parallelism": self.parallelism,
        }


class BeamConfig(EngineConfig):
    """How Apache Beam runs ExampleGen, StatisticsGen, TeacherLogits and the Evaluator."""

    NAME: ClassVar[str | None] = "beam"

    nodes: Table[EngineConfig] = Field(
        {},
        description="By node, an engine in place of this: {Evaluator: {runner: direct}}",
    )

    @model_validator(mode="after")
    def _check_nodes(self) -> Self:
        for node_id in self.nodes:
            require(node_id in NODES, "nodes", node_id, f"of {', '.join(NODES)}")
        return self

    def engine(self, node_id: str) -> EngineConfig:
        """The engine of a node: its own, otherwise the common one."""
        return self.nodes.get(node_id, self)
