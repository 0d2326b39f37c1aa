"""How long do the inspecting commands take on a store with many executions?

Times each command as a whole process, on a SQLite store of `--executions` executions
with two artifacts each, ten per run. `--smoke` writes 100. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

from measurement import machine

_NODES = 10
_COMMAND = "from tfx_distill.pipeline.cli import main; main()"
_CONFIG = "teacher: {epochs: NUMBER}\nstudent: {epochs: 14}\n"


def write(path: pathlib.Path, executions: int) -> None:
    """Writes the store in bulk: chains in which each node reads the one before."""
    import ml_metadata
    from ml_metadata.proto import metadata_store_pb2 as pb

    connection = pb.ConnectionConfig()
    connection.sqlite.filename_uri = str(path)
    connection.sqlite.connection_mode = (
        pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    )
    store = ml_metadata.MetadataStore(connection)
    nodes = [f"Node{number}" for number in range(_NODES)]
    contexts = _write_contexts(store, nodes, executions // _NODES)
    # As large as the properties of a real execution.
    settings = {"settings": pb.Value(string_value="x" * 1500)}
    types = [store.put_execution_type(pb.ExecutionType(name=name)) for name in nodes]
    execution_ids = store.put_executions(
        [
            pb.Execution(
                type_id=types[index % _NODES],
                last_known_state=pb.Execution.COMPLETE,
                custom_properties=settings,
            )
            for index in range(executions // _NODES * _NODES)
        ]
    )
    model = store.put_artifact_type(pb.ArtifactType(name="Model"))
    artifact_ids = store.put_artifacts(
        [
            pb.Artifact(type_id=model, uri=f"/nowhere/{number}", state=pb.Artifact.LIVE)
            for number in range(2 * len(execution_ids))
        ]
    )
    links = [
        pb.Association(execution_id=execution_id, context_id=context_id)
        for execution_id, ids in zip(execution_ids, contexts, strict=True)
        for context_id in ids
    ]
    store.put_attributions_and_associations([], links)
    store.put_events(_events(execution_ids, artifact_ids))


def _write_contexts(
    store: Any, nodes: list[str], num_runs: int
) -> list[tuple[int, int, int]]:
    """Returns the pipeline, node and run of each execution, by their ids."""
    from ml_metadata.proto import metadata_store_pb2 as pb

    kinds = {
        name: store.put_context_type(pb.ContextType(name=name))
        for name in ("pipeline", "pipeline_run", "node")
    }
    contexts = [pb.Context(type_id=kinds["pipeline"], name="many")]
    contexts += [pb.Context(type_id=kinds["node"], name=f"many.{n}") for n in nodes]
    for number in range(num_runs):
        run = pb.Context(type_id=kinds["pipeline_run"], name=f"run-{number:06d}")
        config = _CONFIG.replace("NUMBER", str(number))
        run.custom_properties["config"].string_value = config
        contexts.append(run)
    pipeline, *others = store.put_contexts(contexts)
    node_ids, run_ids = others[: len(nodes)], others[len(nodes) :]
    return [(pipeline, node, run) for run in run_ids for node in node_ids]


def _events(execution_ids: list[int], artifact_ids: list[int]) -> list[Any]:
    """Two outputs per execution; each node but the first reads one of the last."""
    from ml_metadata.proto import metadata_store_pb2 as pb

    events = []
    for index, execution_id in enumerate(execution_ids):
        touched = [(pb.Event.OUTPUT, 2 * index), (pb.Event.OUTPUT, 2 * index + 1)]
        if index % _NODES:
            touched.append((pb.Event.INPUT, 2 * index - 2))
        for kind, artifact in touched:
            event = pb.Event(execution_id=execution_id, type=kind)
            event.artifact_id = artifact_ids[artifact]
            event.path.steps.add().key = "model"
            events.append(event)
    return events


def measure(executions: int) -> dict[str, object]:
    """Returns the result as a dictionary, seconds by command."""
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "metadata.sqlite"
        start = time.monotonic()
        write(path, executions)
        write_s = time.monotonic() - start
        for command in (
            ["runs"],
            ["artifacts"],
            ["artifacts", "--type", "Model", "--limit", "1000"],
            ["show", "1"],
            ["lineage", "1"],
            ["explain"],
            ["diff", "run-000000", f"run-{executions // _NODES - 1:06d}"],
        ):
            start = time.monotonic()
            subprocess.run(
                [sys.executable, "-c", _COMMAND, *command, "--metadata", str(path)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            seconds[" ".join(command)] = round(time.monotonic() - start, 2)
    return {
        "executions": executions,
        "artifacts": 2 * executions,
        "write_s": round(write_s, 2),
        "seconds": seconds,
        **machine("ml-metadata"),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=10_000)
    parser.add_argument("--smoke", action="store_true", help="100 executions")
    args = parser.parse_args(arguments)
    print(json.dumps(measure(100 if args.smoke else args.executions), indent=2))


if __name__ == "__main__":
    main()
