"""What a local run records of itself, and of commands that were killed before it."""

from __future__ import annotations

import contextlib
import logging
import pathlib
from collections.abc import Callable, Iterator, Mapping

from tfx.orchestration import metadata as tfx_metadata

from tfx_distill.components import property_names
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import moved_files, store_connection, updates
from tfx_distill.pipeline.mlmd.records import COMPLETE
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.pipeline.serving import rollback_record
from tfx_distill.pipeline.version import VERSION
from tfx_distill.trainer import timeline
from tfx_distill.trainer.errors import DistillError, Interrupted

logger = logging.getLogger(__name__)

_NEWEST = 50  # artifacts that tell whether files were moved
_RECENT_RUNS = 10  # that tell how long a node takes


def metadata(config: PipelineConfig) -> tfx_metadata.Metadata:
    return tfx_metadata.Metadata(store_connection.connection_config(config))


def settle_earlier(config: PipelineConfig) -> dict[str, float]:
    """Ends what killed commands left in ML Metadata.

    Returns:
        See `usual_seconds`.

    Raises:
        DistillError: If ML Metadata is locked, or the files that it names have gone.
    """
    store_connection.wait_until_free(config)
    # TFX opens it without waiting for another process that makes its tables.
    store_connection.connect(store_connection.connection_config(config))
    with metadata(config) as handle:
        earlier = Store(handle.store)
        artifacts = earlier.artifacts(limit=_NEWEST).artifacts.values()
        # A server's store may name files that only other machines reach.
        missing = moved_files.missing_files(artifacts)
        if missing and config.pipeline.cache and not config.metadata.connection:
            raise DistillError(
                f"{missing}. If they are lost: --set pipeline.cache=false trains anew."
            )
        pushes = earlier.pushed_models().pushed_models()
        rollback_record.settle(handle.store, config.pipeline_name, pushes)
        stale = updates.fail_unfinished(handle.store, config.pipeline_name)
        usual = usual_seconds(earlier, config.pipeline_name)
    if stale:
        logger.warning("%d executions of a killed run are now marked failed", stale)
    return usual


@contextlib.contextmanager
def recorded(
    config: PipelineConfig, run_dir: pathlib.Path, current_node: Callable[[], str]
) -> Iterator[None]:
    """Records how the run ended, and why if it failed."""
    try:
        yield
    except BaseException as error:
        failure = {
            property_names.FAILED_NODE: current_node(),
            property_names.ERROR: str(error) or type(error).__name__,
        }
        if isinstance(error, Interrupted):
            failure[property_names.STOPPED] = "true"
        try:
            _finish(config, run_dir, failure)
        except Exception:  # such as a full disk; the first failure matters more
            logger.exception("The end of the run could not be recorded")
        raise
    _finish(config, run_dir, {})


def _finish(
    config: PipelineConfig, run_dir: pathlib.Path, failure: Mapping[str, str]
) -> None:
    """Marks no execution as running, and records how the run ended."""
    with metadata(config) as handle:
        updates.fail_unfinished(handle.store, config.pipeline_name)
        updates.describe_run(
            handle.store,
            run_dir.name,
            {
                property_names.CONFIG: config.to_yaml(),
                property_names.DISTILL_VERSION: VERSION,
                property_names.TIMELINE: timeline.to_json(timeline.recorded()),
                **failure,
            },
        )


def usual_seconds(store: Store, pipeline: str) -> dict[str, float]:
    """How long each node took when it last ran, by its id; without those never run."""
    found: dict[str, float] = {}
    recent = zip(range(_RECENT_RUNS), store.runs_of(pipeline), strict=False)
    for _, (run, graph) in recent:
        for execution in graph.of_run(run.name):
            if execution.state == COMPLETE:
                found.setdefault(execution.node, execution.seconds)
    return found
