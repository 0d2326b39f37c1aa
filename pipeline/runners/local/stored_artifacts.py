"""Artifacts that a configuration names by their ids in ML Metadata."""

from __future__ import annotations

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.trainer.errors import DistillError


def uri(
    config: PipelineConfig,
    key: str,
    artifact_id: int,
    kinds: tuple[str, ...],
    advice: str,
) -> str:
    """Where the files of an artifact of the pipeline are.

    Args:
        config: Says which pipeline.
        key: The key that names the artifact.
        artifact_id: Its id.
        kinds: Types that it may be of.
        advice: Where to find such an id, and what to do without; sentences.

    Raises:
        DistillError: If it does not exist or is of another type.
    """
    where = f"{key}: {artifact_id}"
    store = store_connection.open_store(config)
    found = store.get_artifacts_by_id([artifact_id])
    if not found:
        raise DistillError(
            f"{where} is not an artifact of the pipeline {config.pipeline_name}. {advice}"
        )
    (kind,) = store.get_artifact_types_by_id([found[0].type_id])
    if kind.name not in kinds:
        raise DistillError(
            f"{where} is an artifact of type {kind.name}, expected {' or '.join(kinds)}. "
            f"{advice}"
        )
    return str(found[0].uri)
